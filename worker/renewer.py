"""What a worker holds at present, and the thread that prolongs those leases while the model computes."""

import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import timedelta

import structlog

from worker.connection import QueueError
from worker.stream import Delivery, Queue, StreamName

# Of a lease of 30 s: renewed every 7 s, so that one may be missed; not renewed once a batch takes longer than 10 s, or
# a hung model would hold its jobs for ever.
RENEW_SHARE = 7 / 30
DEADLINE_SHARE = 10 / 30

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Held:
    """The deliveries of this process that are neither finished nor released. Used by several threads."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._deliveries: dict[str, Delivery] = {}
        self._since: dict[int, float] = {}  # start of each batch that is at work, by its number
        self.batches = 0

    def __len__(self) -> int:
        return len(self._deliveries)

    def __contains__(self, entry: str) -> bool:
        return entry in self._deliveries

    def add(self, delivery: Delivery) -> None:
        with self._lock:
            self._deliveries[delivery.entry] = delivery

    def forget(self, entries: Iterable[str]) -> set[str]:
        """Drop these; returns those of them that were still held."""
        with self._lock:
            return {entry for entry in entries if self._deliveries.pop(entry, None)}

    def all(self) -> list[Delivery]:
        with self._lock:
            return list(self._deliveries.values())

    def entries(self) -> set[str]:
        with self._lock:
            return set(self._deliveries)

    @contextmanager
    def batch(self) -> Generator[None]:
        """The model is at work meanwhile; see `batch_older_than`."""
        with self._lock:
            self.batches += 1
            number = self.batches
            self._since[number] = self._clock()
        try:
            yield
        finally:
            with self._lock:
                del self._since[number]

    def busy(self) -> bool:
        return bool(self._since)

    def batch_older_than(self, deadline: timedelta) -> bool:
        """Whether the model has been at a batch for longer than `deadline`."""
        with self._lock:
            return any(self._clock() - since > deadline.total_seconds() for since in self._since.values())


class Renewer:
    """Prolongs the leases of everything held. Has a client of its own: the loop's may be blocked in a read."""

    def __init__(self, queue: Queue, held: Held, *, lease: timedelta, stop: threading.Event) -> None:
        self.queue = queue
        self.held = held
        self.lease = lease
        self.stop = stop

    def run(self) -> None:
        while not self.stop.wait((self.lease * RENEW_SHARE).total_seconds()):
            self.renew_once()

    def renew_once(self) -> None:
        entries = self.held.entries()
        if not entries:
            return
        if self.held.batch_older_than(self.lease * DEADLINE_SHARE):
            log.warning("batch takes too long, its leases run out and other workers take the jobs", held=len(entries))
            return
        try:
            lost = self.queue.renew(StreamName.JOBS, entries)
        except QueueError as error:
            # The loop meets the same trouble and reports it; leases simply go on running.
            log.debug("leases not renewed", error=type(error).__name__)
            return
        # What was finished meanwhile is no longer held and no loss.
        if gone := self.held.forget(lost):
            log.warning("leases lost, another worker has these jobs now", jobs=len(gone))
