"""Texts to results: encoded once, cut into batches by padded tokens, predicted, handed on with one `finish` a batch.

While the model computes a batch, the one before is handed on and the next are read: see `Labeller.label`.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

import structlog

from classifier.encoding import Encoded, batches_by_length
from classifier.explain import Weight
from classifier.predictor import Prediction
from worker import metrics
from worker.answers import NOT_FINITE, Done, Work, answered, born_ms, dead_letter, encode, explained, predict
from worker.batches import Failed, Pace
from worker.connection import QueueError
from worker.guard import Guard
from worker.heart import ServerClock
from worker.jobs import Kind
from worker.model_slot import Serving
from worker.renewer import Held
from worker.stream import Finish, Queue, StreamName

Row = tuple[Work, Encoded]
R = TypeVar("R")

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Batch:
    """What the model computes together, and what comes of it."""

    works: Sequence[Work]
    encoded: Sequence[Encoded]
    serving: Serving
    waited_ms: Sequence[int]
    answer: Future["Computed"]


@dataclass(frozen=True)
class Computed:
    """The predictions of a batch, the seconds they took, and the words of each label that somebody asked for."""

    predictions: Sequence[Prediction | Failed]
    seconds: float
    words: Sequence[Sequence[Weight]]


class Labeller:
    """Owns the batches that are computed, and what is finished but not yet taken by Redis."""

    def __init__(
        self,
        queue: Queue,
        held: Held,
        *,
        pace: Pace,
        guard: Guard,
        before: Callable[[], Serving | None],
        served: Callable[[Serving], None],
        seen: Callable[[Sequence[Work], Sequence[Prediction | Failed]], None],
        clock: ServerClock,
        stop: threading.Event,
        at: Callable[[str], None],
    ) -> None:
        """`before` is the version served until the last swap, while it is in memory; `served` hears whose answers were
        handed on, `seen` what was answered."""
        self.queue = queue
        self.held = held
        self.pace = pace
        self.guard = guard
        self.before = before
        self.served = served
        self.seen = seen
        self.clock = clock
        self.stop = stop
        self.at = at
        self.last_finished_ms = 0
        self._done: list[Done] = []
        self._running: deque[Batch] = deque()

    def running(self) -> set[str]:
        """Entries that are computed at present."""
        return {work.delivery.entry for batch in self._running for work in batch.works}

    def label(self, works: Sequence[Work], serving: Serving) -> None:
        """Answer these jobs with this version, the last batch of them only when `settle` or `label` is called again.

        Stops between two batches when the worker is to stop. Raises QueueError when Redis takes no result: it is kept,
        `hand_over` tries again.
        """
        rows: list[Row] = []
        with self.held.batch():  # a tokenizer can hang as well as a model
            texts = encode(serving, works)
        for work, encoded in zip(works, texts, strict=True):
            if isinstance(encoded, Failed):
                self._done.append(dead_letter(work, reason="text can't be encoded", error=encoded.error))
            else:
                rows.append((work, encoded))
        self.at("encoded")
        for batch in self._batches(rows):
            if self.stop.is_set():
                break
            self._running.append(self._started(batch, serving))
            # One more than the model is at, so that its threads find work when they are through with theirs.
            if len(self._running) > 1:
                self._answer(self._collected())
        self.hand_over()

    def settle(self) -> None:
        """Wait for what is computed, and hand its answers on. Raises QueueError as `label` does."""
        while self._running:
            self._answer(self._collected())

    def bury(self, letter: Done) -> None:
        """Into the dead letters, unrun."""
        self._done.append(letter)
        self.hand_over()

    def hand_over(self) -> None:
        """Retire what is done: results to the bot, dead letters to the operator. Raises QueueError, then keeps it."""
        for into in (StreamName.RESULTS, StreamName.DEAD):
            batch = [done for done in self._done if done.into is into]
            if not batch:
                continue
            answers = self._finish(batch, into)
            self._done = [done for done in self._done if done.into is not into]
            self.last_finished_ms = self.clock.now_ms()
            _tell(batch, answers)

    def _finish(self, batch: Sequence[Done], into: StreamName) -> Sequence[Finish]:
        # No longer held from here on: a renewal that comes in after the script would report these as lost.
        self.held.forget([done.finished.delivery.entry for done in batch])
        try:
            return self.queue.finish([done.finished for done in batch], into=into)
        except QueueError:
            for done in batch:
                self.held.add(done.finished.delivery)
            raise

    def drop(self) -> None:
        """Forget what is done or computed: the streams it came from are gone."""
        while self._running:
            self._collected()
        self._done.clear()

    def proves(self, serving: Serving) -> bool:
        """Whether the canary texts, sent the way of any batch, come out as stored. For a switch without traffic."""
        canaries = serving.predictor.canaries
        encoded = serving.predictor.encode([canary.text for canary in canaries])
        for rows in batches_by_length([len(one.ids) for one in encoded], self.pace.budget):
            predictions, _ = self._predict([encoded[row] for row in rows], serving)
            for row, prediction in zip(rows, predictions, strict=True):
                if isinstance(prediction, Failed):
                    return False
                if not canaries[row].reproduced(serving.predictor.runtime, prediction.scores):
                    return False
        return True

    def _waited_ms(self, work: Work) -> int:
        return max(0, self.clock.now_ms() - born_ms(work.delivery))

    def _batches(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Similar lengths together, each batch within the token budget; last and alone what takes its time."""
        quick = [row for row in rows if row[0].job.kind is not Kind.SHORTCUT]
        for numbers in batches_by_length([len(encoded.ids) for _, encoded in quick], self.pace.budget):
            yield [quick[number] for number in numbers]
        yield from ([row] for row in rows if row[0].job.kind is Kind.SHORTCUT)

    def _started(self, rows: list[Row], serving: Serving) -> Batch:
        works, encoded = [work for work, _ in rows], [encoded for _, encoded in rows]
        waited_ms = [self._waited_ms(work) for work in works]
        return Batch(works, encoded, serving, waited_ms, _in_background(lambda: self._compute(works, encoded, serving)))

    def _collected(self) -> Batch:
        """The batch that was begun first, once it is computed."""
        batch = self._running[0]
        batch.answer.exception()
        self._running.popleft()
        self.at("predicted")
        return batch

    def _answer(self, batch: Batch) -> None:
        computed = batch.answer.result()
        self._guard(batch, computed.predictions, computed.seconds)
        answers = zip(batch.works, computed.predictions, computed.words, batch.waited_ms, strict=True)
        for work, prediction, words, waited_ms in answers:
            metrics.waited_seconds.observe(waited_ms / 1000)
            times = {"waited_ms": waited_ms, "model_ms": round(computed.seconds * 1000)}
            by, answer = self._spared(work, batch.serving, prediction)
            self._done.append(answered(work, answer, serving=by, words=words, **times))
        self.hand_over()
        self.served(batch.serving)
        self.seen(batch.works, computed.predictions)
        self.at("finished")

    def _guard(self, batch: Batch, predictions: Sequence[Prediction | Failed], seconds: float) -> None:
        failed = [one for one in predictions if isinstance(one, Failed)]
        self.guard.saw(
            batch.serving.gen,
            texts=len(predictions),
            failed=len(failed),
            non_finite=any(one.error == NOT_FINITE for one in failed),
            tokens=_padded(batch.encoded),
            seconds=seconds,
        )

    def _spared(
        self, work: Work, serving: Serving, prediction: Prediction | Failed
    ) -> tuple[Serving, Prediction | Failed]:
        """Who answers, and what: a version on trial must not cost anybody their answer."""
        watched = self.guard.watches(serving.gen) or self.guard.verdict(serving.gen)
        before = self.before() if watched and isinstance(prediction, Failed) else None
        if before is None:
            return serving, prediction
        with self.held.batch():
            (encoded,) = encode(before, [work])
            (answer,) = [encoded] if isinstance(encoded, Failed) else predict(before, [encoded])
        return (serving, prediction) if isinstance(answer, Failed) else (before, answer)

    def _compute(self, works: Sequence[Work], encoded: list[Encoded], serving: Serving) -> Computed:
        predictions, seconds = self._predict(encoded, serving)
        if not any(work.job.kind is Kind.SHORTCUT for work in works):
            return Computed(predictions, seconds, [()] * len(works))
        with self.held.batch():
            asked = zip(works, predictions, strict=True)
            return Computed(predictions, seconds, [explained(serving, *one) for one in asked])

    def _predict(self, batch: list[Encoded], serving: Serving) -> tuple[list[Prediction | Failed], float]:
        """The predictions and the seconds they took."""
        started = time.monotonic()
        with self.held.batch():
            predictions = predict(serving, batch)
        seconds = time.monotonic() - started
        tokens = _padded(batch)
        most = serving.predictor.token_budget
        self.pace.batch_done(texts=len(batch), tokens=tokens, seconds=seconds, most=most)
        used = sum(len(encoded.ids) for encoded in batch)
        metrics.tokens.labels("text").inc(used)
        metrics.tokens.labels("padding").inc(tokens - used)
        metrics.batch_texts.observe(len(batch))
        metrics.model_seconds.observe(seconds)
        return predictions, seconds


def _in_background(function: Callable[[], R]) -> Future[R]:
    """Runs in a thread of its own, which does not keep the process when the function never returns."""
    answer = Future[R]()

    def run() -> None:
        try:
            answer.set_result(function())
        # Whatever it is, it is raised where the answer is waited for.
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="model", daemon=True).start()
    return answer


def _padded(batch: Sequence[Encoded]) -> int:
    """Tokens of a batch, padding included."""
    return len(batch) * max(len(encoded.ids) for encoded in batch)


def _tell(batch: Sequence[Done], answers: Sequence[Finish]) -> None:
    """What became of a batch. What went well is one line with each job and its label: a line each slows the loop."""
    fine: list[Done] = []
    for done, answer in zip(batch, answers, strict=True):
        job = done.finished.job
        match answer:
            case Finish.FENCED:
                # Either another worker has it, or our own first try went through and its answer got lost.
                metrics.fenced.inc()
                log.warning("job was no longer ours, its answer is dropped", job=job)
            case Finish.DONE:
                metrics.cancelled.inc()
                log.info("message was deleted, its answer is dropped", job=job)
            case Finish.OK if done.into is StreamName.DEAD:
                metrics.dead.labels(done.outcome).inc()
                entry = done.finished.delivery.entry
                log.error("dead letter, see `clfadmin doctor`", job=job, entry=entry, reason=done.outcome, **done.note)
            case Finish.OK:
                metrics.answered.labels(done.outcome, done.version).inc()
                fine.append(done)
    if fine:
        times = {name: max(done.note[name] for done in fine) for name in ("waited_ms", "model_ms")}
        jobs = {done.finished.job: done.note["label"] for done in fine}
        log.info("jobs done", version=fine[0].version, **times, jobs=jobs)
