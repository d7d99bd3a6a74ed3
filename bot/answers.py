"""Results that somebody asked for: answered where they asked, beside the lanes, by whichever bot got the result."""

import threading
from functools import partial
from typing import Protocol

import structlog

from bot.desk import Desk
from bot.store import Ask
from worker.connection import QueueError
from worker.jobs import JobState, Kind, Result
from worker.stream import Delivery, Finished, Queue

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


# The last word: what the operator sends back to the workers later is labelled and shown to nobody.
GIVEN_UP = (
    "Sorry, I could not label this text: it failed each time it was tried. Ask again with other words, or tell the "
    "operator: `clfadmin dlq list`."
)


class Answerer(Protocol):
    """bot.commands.Commands and bot.shortcut.Shortcut."""

    def answer(self, result: Result, ask: Ask) -> None: ...

    def refuse(self, job: str, ask: Ask, why: str) -> None:
        """There is no result: why, in one line."""
        ...


class Answers:
    """Called by the poster. An answer is given once, or after a crash in between twice."""

    def __init__(self, desk: Desk, queue: Queue, command: Answerer, shortcut: Answerer) -> None:
        """`queue` retires results: a consumer of the poster's name."""
        self._desk, self._queue = desk, queue
        self._by_kind = {Kind.COMMAND: command, Kind.SHORTCUT: shortcut}
        self._under_way: set[str] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        self._queue.close()

    def take(self, delivery: Delivery, result: Result) -> bool:
        """Whether somebody asked for this result: it is answered and retired soon, or comes back with its lease."""
        if result.kind not in self._by_kind:
            return False
        with self._lock:
            if result.job not in self._under_way:
                self._under_way.add(result.job)
                self._desk.later(lambda: self._answer(delivery, result))
        return True

    def _answer(self, delivery: Delivery, result: Result) -> None:
        try:
            ask = self._desk.memory.errands.asked(result.job)
            if ask:
                self._tell(result, ask)
                self._desk.memory.errands.answered(result.job)
            self._queue.finish([Finished(delivery, result.job, result.message, JobState.POSTED)], into=None)
        except QueueError as error:
            _log.warning("redis does not work, an answer waits", job=result.job, error=str(error))
        finally:
            with self._lock:
                self._under_way.discard(result.job)

    def give_up(self) -> None:
        """Tell those whose text became a dead letter: no result will come. One bot tells each. Raises QueueError."""
        errands = self._desk.memory.errands
        for job, ask in errands.waiting():
            if errands.is_hopeless(job) and errands.answered(job):
                _log.info("somebody who asked is told of a dead letter", job=job)
                self._desk.later(partial(self._by_kind[_kind(ask)].refuse, job, ask, GIVEN_UP))

    def _tell(self, result: Result, ask: Ask) -> None:
        try:
            self._by_kind[result.kind].answer(result, ask)
        except QueueError:
            raise
        # The person has turned away by the time a second try would come; the result must not come for ever.
        except Exception as error:
            _log.warning("an answer could not be given", job=result.job, error=type(error).__name__)


def _kind(ask: Ask) -> Kind:
    """A shortcut has a window, a command a response URL."""
    return Kind.SHORTCUT if ask.view else Kind.COMMAND


def nobody_asks(_delivery: Delivery, _result: Result) -> bool:
    """Where there are neither commands nor shortcuts."""
    return False
