"""From deliveries to what becomes of them: a result, a dead letter, or back to the stream. No Redis here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from classifier.encoding import Encoded
from classifier.explain import Weight, explain
from classifier.predictor import Prediction
from worker.batches import Failed, each
from worker.jobs import DecodeError, Job, JobState, Kind, NewerSchema, Outcome, Result
from worker.model_slot import Serving
from worker.stream import Delivery, Finished, StreamName, dead_fields, result_fields

# Deliveries after which a text is believed to kill whoever runs it.
MOST_DELIVERIES = 3
# How long an entry of a newer release waits for a worker of that release.
NEWER_WAITS = timedelta(hours=1)
NOT_FINITE = "score is not finite"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Work:
    """A job to be answered, and the delivery it came with."""

    delivery: Delivery
    job: Job


@dataclass(frozen=True)
class Done:
    """How to retire a delivery, and what to say about it: `outcome` of an answer, `reason` of a dead letter."""

    finished: Finished
    into: StreamName
    outcome: str
    version: str = ""
    note: dict[str, int | str] = field(default_factory=dict[str, int | str])


@dataclass(frozen=True)
class Parked:
    """An entry of a newer release: not ours to judge."""

    delivery: Delivery


def judged(delivery: Delivery, *, now_ms: int) -> Work | Parked | Done:
    """What to do with a delivery, or already its dead letter. `now_ms` is the server's clock."""
    try:
        job = Job.decode(delivery.fields)
    except NewerSchema as error:
        if now_ms - born_ms(delivery) < NEWER_WAITS / timedelta(milliseconds=1):
            return Parked(delivery)
        return _unreadable(delivery, reason="newer schema", error=str(error), keep=True)
    except DecodeError as error:
        # The text of an entry nobody can read must not lie about in the dead letters: its size is enough.
        return _unreadable(delivery, reason="unreadable", error=str(error), keep=False)
    work = Work(delivery, job)
    if delivery.count > MOST_DELIVERIES:
        return dead_letter(work, reason="delivered too often")
    return work


def _unreadable(delivery: Delivery, *, reason: str, error: str, keep: bool) -> Done:
    fields = dead_fields(delivery, reason=reason, error=error, keep=keep)
    return Done(Finished(delivery, fields=fields), StreamName.DEAD, reason, note={"why": error})


def dead_letter(work: Work, *, reason: str, error: str = "") -> Done:
    job, fields = work.job, dead_fields(work.delivery, reason=reason, error=error)
    finished = Finished(work.delivery, job=job.id, message=job.message, state=JobState.DEAD, fields=fields)
    return Done(finished, StreamName.DEAD, reason, note={"why": error})


def born_ms(delivery: Delivery) -> int:
    """When the entry was written, by the server's clock."""
    return int(delivery.entry.partition("-")[0])


def encode(serving: Serving, works: Sequence[Work]) -> list[Encoded | Failed]:
    """The texts as token ids, each normalised and tokenised once."""
    return each(serving.predictor.encode, [work.job.text for work in works])


def predict(serving: Serving, encoded: Sequence[Encoded]) -> list[Prediction | Failed]:
    """One batch's predictions; a score that is no number counts as a failure of its text."""
    return [_finite(answer) for answer in each(serving.predictor.predict, encoded)]


def _finite(answer: Prediction | Failed) -> Prediction | Failed:
    if isinstance(answer, Failed) or all(map(math.isfinite, (answer.confidence, *answer.scores.values()))):
        return answer
    return Failed(NOT_FINITE)


def explained(serving: Serving, work: Work, prediction: Prediction | Failed) -> list[Weight]:
    """What the label hangs on, where somebody asked for that; none where the model fails on a part of the text."""
    if work.job.kind is not Kind.SHORTCUT or isinstance(prediction, Failed):
        return []
    try:
        weights = explain(serving.predictor, work.job.text, prediction.label)
    # Whatever a model raises on a part of the text, the label of the whole stands.
    except Exception as error:
        log.warning("no words for a label", job=work.job.id, error=type(error).__name__)
        return []
    return [one for one in weights if math.isfinite(one.weight)]


def answered(
    work: Work,
    prediction: Prediction | Failed,
    *,
    serving: Serving,
    waited_ms: int,
    model_ms: int = 0,
    words: Sequence[Weight] = (),
) -> Done:
    """The job's result, or its dead letter."""
    if isinstance(prediction, Failed):
        return dead_letter(work, reason="prediction failed", error=prediction.error)
    job, timings = work.job, {"waited": waited_ms, "model": model_ms}
    result = Result(
        job=job.id,
        message=job.message,
        team=job.team,
        channel=job.channel,
        ts=job.ts,
        edit_ts=job.edit_ts,
        thread_ts=job.thread_ts,
        user=job.user,
        kind=job.kind,
        outcome=Outcome.OK if prediction.sure else Outcome.UNSURE,
        label=prediction.label,
        emoji=prediction.emoji,
        confidence=prediction.confidence,
        scores=prediction.scores,
        truncated=prediction.truncated,
        language=prediction.language,
        version=serving.version,
        gen=serving.gen,
        timings=timings,
        words=[(one.start, one.end, one.weight) for one in words],
    )
    fields = result_fields(result.encode())
    finished = Finished(work.delivery, job=job.id, message=job.message, state=JobState.LABELLED, fields=fields)
    note: dict[str, int | str] = {"label": result.label, "waited_ms": waited_ms, "model_ms": model_ms}
    return Done(finished, StreamName.RESULTS, result.outcome.value, serving.version, note)
