"""A candidate in the shadow: it labels the texts of live traffic after they are answered; nobody sees what it says.

Answers never wait for it: texts are put aside, few and only in memory, and looked at when the worker has nothing else
to do, some at a time. Where there is no such time they are skipped and counted.
"""

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from classifier.predictor import Prediction
from worker.answers import Work
from worker.batches import Failed
from worker.jobs import Kind
from worker.loading import Load, Loaded, LoadFailed
from worker.log import where
from worker.shadow_book import CHANGE, Shadow, ShadowBook

# Put aside at most: a minute of a busy workspace.
MOST_ASIDE = 256
# Looked at between two reads: a message that comes meanwhile waits for these at most, some hundredths of a second.
AT_ONCE = 4
# A candidate that fails on every text is no use to look at.
GIVEN_UP_AFTER = 20

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Aside:
    text: str
    label: str
    sure: bool


class Shadower:
    """`observe` is called by the heart, `offer` and `work` by the loop; a third thread loads."""

    def __init__(self, load: Load | None = None, *, worker: str = "") -> None:
        self._load, self._worker = load, worker
        self._lock = threading.Lock()
        self._shadow: Shadow | None = None
        self._loaded: Loaded | None = None
        self._state = self._told = ""
        self._aside: deque[Aside] = deque()
        self._counts: Counter[str] = Counter()
        self._failures = 0

    def observe(self, book: ShadowBook, gen: int) -> None:
        """Follow what the operator wants, and write down what was counted. Raises QueueError; counts are kept then."""
        wanted = book.read(gen=gen)
        with self._lock:
            if _key(wanted) != _key(self._shadow):
                self._begin(wanted)
            shadow, counts, state = self._shadow, dict(self._counts), self._state
        if shadow is None:
            return
        book.add(shadow, counts)
        with self._lock:
            if _key(shadow) == _key(self._shadow):
                self._counts -= Counter(counts)
        if state != self._told:
            book.note(shadow, self._worker, state)
            self._told = state

    def offer(self, works: Sequence[Work], answers: Sequence[Prediction | Failed]) -> None:
        """Texts that were just answered, and with what."""
        if self._loaded is None:
            return
        for work, answer in zip(works, answers, strict=True):
            if isinstance(answer, Failed) or work.job.kind not in (Kind.MESSAGE, Kind.MENTION):
                continue
            with self._lock:
                if len(self._aside) >= MOST_ASIDE:
                    self._counts["skipped"] += 1
                else:
                    self._aside.append(Aside(work.job.text, answer.label, answer.sure))

    def waits(self) -> bool:
        """Whether there is something to do when nothing else is."""
        return bool(self._aside) and self._loaded is not None

    def work(self) -> None:
        """Look at some of the texts put aside."""
        with self._lock:
            loaded = self._loaded
            batch = [self._aside.popleft() for _ in range(min(AT_ONCE, len(self._aside)))]
        if loaded is None or not batch:
            return
        try:
            predictions = loaded.predictor.predict(loaded.predictor.encode([one.text for one in batch]))
        # Whatever a candidate does must not disturb who serves; it is what this was made to find out.
        except Exception as error:
            self._failed(len(batch), error)
            return
        self._failures = 0
        with self._lock:
            for one, said in zip(batch, predictions, strict=True):
                self._counts.update(_compared(one, said))

    def _begin(self, wanted: Shadow | None) -> None:
        """Called with the lock held."""
        self._shadow, self._loaded, self._failures = wanted, None, 0
        self._aside.clear()
        self._counts.clear()
        self._state, self._told = "", ""
        if wanted and self._load:
            self._state = "loading"
            threading.Thread(target=self._load_one, args=[wanted, self._load], name="shadow", daemon=True).start()

    def _load_one(self, shadow: Shadow, load: Load) -> None:
        loaded, state = None, "loaded"
        try:
            loaded = load(shadow.version, shadow.sha256)
        except LoadFailed as error:
            state = f"{error.code}: {error}"
        # As in the model slot: what a library raises is this version's failure.
        except Exception as error:
            state = f"error: {type(error).__name__}"
            log.error("shadow not loaded", version=shadow.version, where=where(error))
        with self._lock:
            if _key(shadow) == _key(self._shadow):
                self._loaded, self._state = loaded, state
        log.info("shadow", version=shadow.version, state=state)

    def _failed(self, texts: int, error: Exception) -> None:
        self._failures += 1
        with self._lock:
            self._counts["failed"] += texts
            if self._failures >= GIVEN_UP_AFTER:
                self._loaded, self._state = None, f"given up: {type(error).__name__} on every text"
                self._aside.clear()


def _key(shadow: Shadow | None) -> tuple[str, int, int] | None:
    return (shadow.sha256, shadow.gen, shadow.since_ms) if shadow else None


def _compared(one: Aside, said: Prediction) -> Counter[str]:
    same, sure = one.label == said.label, one.sure and said.sure
    counts = Counter({"texts": 1, "same": int(same), "sure": int(sure), "sure_same": int(same and sure)})
    if not same:
        counts[f"{CHANGE}{one.label} → {said.label}"] = 1
    return +counts
