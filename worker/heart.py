"""The heartbeat: every 2 s tells the fleet about this worker, and learns what the fleet wants it to serve."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from worker.connection import QueueError
from worker.fleet import BEAT_EVERY, Fleet, WorkerBeat
from worker.log import Seldom

# While an operator waits for a swap; also the time in which the workers of a fleet switch one after the other.
HURRIED = timedelta(seconds=0.25)

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class ServerClock:
    """The server's time, from the last heartbeat on: hosts need not agree on the time, nor stay awake."""

    def __init__(self) -> None:
        self._offset_ms = int(time.time() * 1000) - _monotonic_ms()

    def now_ms(self) -> int:
        return _monotonic_ms() + self._offset_ms

    def set(self, server_ms: int) -> None:
        self._offset_ms = server_ms - _monotonic_ms()


def _monotonic_ms() -> int:
    return int(time.monotonic() * 1000)


class Heart:
    """Beats until `stop`, more often while `hurried`. `observe` runs first: what it changes is told at once."""

    def __init__(
        self,
        fleet: Fleet,
        *,
        clock: ServerClock,
        observe: Callable[[], None],
        compose: Callable[[], WorkerBeat],
        hurried: Callable[[], bool],
        stop: threading.Event,
    ) -> None:
        self.fleet = fleet
        self.clock = clock
        self._observe = observe
        self._compose = compose
        self._hurried = hurried
        self._stop = stop
        self._wake = threading.Event()
        self._seldom = Seldom()

    def beat_soon(self) -> None:
        """Something changed that others wait for: do not let them wait 2 s."""
        self._wake.set()

    def run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.beat()
                self._seldom.over()
            except QueueError as error:
                if self._seldom.due(type(error).__name__):
                    log.warning("no heartbeat, others take this worker for dead", why=str(error))
            pause = HURRIED if self._hurried() else BEAT_EVERY
            self._wake.wait(pause.total_seconds())

    def beat(self) -> None:
        self._observe()
        self.clock.set(self.fleet.beat(self._compose()))

    def leave(self) -> None:
        """Take this worker off the list. One that vanished without it is taken off by the janitor."""
        self._wake.set()
        try:
            self.fleet.leave(self._compose())
        except QueueError as error:
            log.warning("heartbeat stays behind for an hour", why=str(error))
