"""What the loop does when Redis fails: how long to pause, and what to tell the operator, at most once a minute."""

import random
from collections.abc import Callable

import structlog

from worker.connection import Full, GroupMissing, Misconfigured, QueueError
from worker.log import Seldom

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
# A person has to act, and a wrong password tried often may lock the account.
MISCONFIGURED_PAUSE = 30.0
# Workers that all re-create a flushed group should not spin.
GROUP_PAUSE = 1.0
FULL_PAUSE = 1.0

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Trouble:
    """Counts failures in a row."""

    def __init__(self, *, random_share: Callable[[], float] = random.random) -> None:
        self._random_share = random_share
        self._pause = FIRST_PAUSE
        self._seldom = Seldom()
        self.present: QueueError | None = None

    def met(self, error: QueueError, *, held: int) -> float:
        """Report this failure; returns the seconds to wait before the next try. `held` jobs are kept meanwhile."""
        self.present = error
        if self._seldom.due(type(error).__name__):
            level = log.error if isinstance(error, Misconfigured) else log.warning
            level(_meaning(error), why=str(error), held=held)
        match error:
            case Misconfigured():
                return MISCONFIGURED_PAUSE
            case GroupMissing():
                return GROUP_PAUSE
            case Full():
                return FULL_PAUSE
            case _:
                return self._longer()

    def over(self) -> None:
        """A turn went well."""
        self.present = None
        self._pause = FIRST_PAUSE
        if self._seldom.over():
            log.info("Redis answers again")

    def _longer(self) -> float:
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        # Workers that lost the same server should not all come back in the same instant.
        return pause * (0.5 + self._random_share() / 2)


def _meaning(error: QueueError) -> str:
    match error:
        case Misconfigured():
            return "Redis is set up wrongly, nothing is labelled until a person acts; next try in 30 s"
        case GroupMissing():
            return "the queue was emptied under us, its groups are made again"
        case Full():
            return "the queue takes nothing new, only finishing goes on"
        case _:
            return "no contact with Redis, jobs stay in the queue; trying again"
