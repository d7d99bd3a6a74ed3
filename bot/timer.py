"""What the bot does by the clock: reports on the hour, a look for alerts. Of several bots the first does each."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from bot.choices import Alerts, Choice
from bot.listening import Listening
from bot.reporter import Reporter
from bot.store import Memory
from bot.timetable import due
from worker.connection import QueueError
from worker.log import Seldom

EVERY = timedelta(minutes=1)
ALERTS_EVERY = timedelta(minutes=15)
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Timer:
    """A thread of its own. What fails is tried again a minute later, or is left to another bot."""

    def __init__(
        self,
        memory: Memory,
        listening: Listening,
        reporter: Reporter,
        *,
        paused: Callable[[], str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._memory, self._listening, self._reporter = memory, listening, reporter
        self._paused, self._now = paused, now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._forever, name="timer", daemon=True)
        self._seldom = Seldom()
        self._looked = datetime.min.replace(tzinfo=UTC)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """A picture that is being drawn is left behind; its report may be missing then, and is never there twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2)

    def _forever(self) -> None:
        # Several bots that were started together do not all look at the same moment.
        while not self._stopping.wait(EVERY.total_seconds() * random.uniform(0.8, 1.2)):  # noqa: S311
            try:
                self.turn()
            except QueueError as error:
                if self._seldom.due("redis"):
                    _log.warning("redis does not work, reports wait", error=str(error))
            # Nobody waits for this thread: whatever it is must be seen in the log, and must not be its last turn.
            except Exception:
                _log.exception("reports failed, they are tried again")

    def turn(self) -> None:
        """All that is due now. Raises QueueError."""
        if self._paused():
            return
        now = self._now()
        looks = now - self._looked >= ALERTS_EVERY
        if looks:
            self._looked = now
        for channel in self._memory.tags.channels():
            if self._stopping.is_set():
                return
            choice = self._listening.choice(channel)
            if self._listening.facts(channel).left_ms or choice.is_quiet(now):
                continue
            self._report(channel, choice, now)
            if looks and choice.alerts is not Alerts.OFF:
                self._reporter.watch(channel, now.date())

    def _report(self, channel: str, choice: Choice, now: datetime) -> None:
        found = due(channel, choice, now)
        if found and self._memory.errands.first(found.name, now):
            self._reporter.once(found.name, lambda: self._reporter.digest(channel, found.last, found.span))
