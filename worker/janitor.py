"""Sweeps up in Redis: consumers and heartbeats of dead processes, and dead letters that nobody cared for."""

import random
import threading
from datetime import timedelta

import structlog

from worker.connection import QueueError
from worker.deadletters import DeadLetters
from worker.fleet import Fleet
from worker.stream import Queue, StreamName

EVERY = timedelta(minutes=10)
# Far beyond any lease, pause or night's outage of one process that might still come back.
LEFT_FOR = timedelta(hours=1)
# They may hold people's texts.
LETTERS_KEPT_FOR = timedelta(days=7)

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Janitor:
    """Any worker may do this, several at once too. Bots lack the right, so their consumers are swept here as well."""

    def __init__(self, queue: Queue, fleet: Fleet, *, stop: threading.Event) -> None:
        self.queue = queue
        self.fleet = fleet
        self.stop = stop

    def run(self) -> None:
        # Jitter: workers started together need not all sweep at the same time.
        while not self.stop.wait(EVERY.total_seconds() * random.uniform(0.5, 1.5)):  # noqa: S311  # no secret
            try:
                self.sweep()
            except QueueError as error:
                log.debug("not swept", why=str(error))

    def sweep(self, *, left_for: timedelta = LEFT_FOR) -> int:
        """Returns how many consumers, heartbeats and dead letters were removed. Raises QueueError."""
        removed = sum(self.queue.remove_consumers(name, left_for=left_for) for name in StreamName)
        removed += self.fleet.forget_dead(left_for=left_for)
        removed += DeadLetters(self.queue).forget(older_than=LETTERS_KEPT_FOR)
        if removed:
            log.info("swept", removed=removed)
        return removed
