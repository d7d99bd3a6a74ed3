"""Whether a message is ours to label: what its channel chose and who wants to be left alone, as of a second ago."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from bot.choices import Choice, Listen, ReplyMode, Unsure, usual
from bot.store import Channels, Facts, Snapshot
from worker.connection import Patience, QueueError, Unavailable
from worker.jobs import Job, Kind

# What somebody chose holds in every bot within two seconds.
REFRESH = timedelta(seconds=1)
# Slack's clock and ours may differ by this much.
SKEW = timedelta(seconds=1)
# Before the queue's two seconds, and still within Slack's three.
HASTE = Patience(connect=timedelta(seconds=0.3), answer=timedelta(seconds=0.5))


class Listening:
    """One for a process and workspace. Safe for threads: one of them looks again, the others go by what is known."""

    def __init__(
        self,
        channels: Channels,
        reply: ReplyMode = ReplyMode.THREAD,
        unsure: Unsure = Unsure.SAY,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`channels` should be quick to give up (HASTE); `reply` and `unsure` are the operator's defaults."""
        self._channels, self._reply, self._unsure, self._clock = channels, reply, unsure, clock
        self._known: Snapshot | None = None
        self._decoded: dict[tuple[str, bool], Choice] = {}
        self._next = 0.0
        self._looking = threading.Lock()

    def look_again(self) -> None:
        """Something was chosen just now by us: it holds here at once, and in other bots in a second."""
        self._next = 0.0

    def default(self, channel: str, *, shared: bool = False) -> Choice:
        """What the channel has where nobody chose. Raises QueueError as `choice` does."""
        shared = shared or self.facts(channel).shared
        return usual(reply=self._reply, unsure=self._unsure, shared=shared)

    def choice(self, channel: str, *, shared: bool = False) -> Choice:
        """What the channel chose; `shared`: an event says that people of another organisation are in it.

        Raises QueueError as long as nothing was ever read: nobody may be listened to by guess.
        """
        known = self._look()
        shared = shared or known.facts.get(channel, Facts()).shared
        found = self._decoded.get((channel, shared))
        if not found:
            default = usual(reply=self._reply, unsure=self._unsure, shared=shared)
            found = Choice.decode(known.choices.get(channel, ""), default)
            self._decoded[channel, shared] = found
        return found

    def facts(self, channel: str) -> Facts:
        return self._look().facts.get(channel, Facts())

    def left_alone(self, user: str) -> bool:
        return user in self._look().optouts

    def takes(self, job: Job, *, shared: bool = False) -> bool:
        """Whether a message is to be labelled. Raises QueueError as `choice` does.

        What was said before the channel chose to be listened to is left alone, though Slack tells it late or history
        still has it.
        """
        if self.left_alone(job.user) or not self._is_since(job):
            return False
        match self.choice(job.channel, shared=shared).listen:
            case Listen.OFF:
                return False
            case Listen.MENTIONS:
                return is_asked(job.kind, job.channel)
            case _:
                return True

    def _is_since(self, job: Job) -> bool:
        # An edit is of what was labelled already, or is left alone for its age.
        since = self.facts(job.channel).listen_ms
        return bool(job.edit_ts) or float(job.ts) + SKEW.total_seconds() >= since / 1000

    def _look(self) -> Snapshot:
        if self._known and (self._clock() < self._next or not self._looking.acquire(blocking=False)):
            return self._known
        if not self._known:
            self._looking.acquire()
        try:
            if not self._known and self._clock() < self._next:
                raise Unavailable("Redis did not tell what channels chose.")  # not one after the other
            return self._refreshed(self._known)
        except QueueError as error:
            if not self._known:
                raise Unavailable(str(error)) from error
            return self._known
        finally:
            self._next = self._clock() + REFRESH.total_seconds()
            self._looking.release()

    def _refreshed(self, known: Snapshot | None) -> Snapshot:
        if known and self._channels.revision() == known.revision:
            return known
        self._known = fresh = self._channels.snapshot()
        self._decoded = {}
        return fresh


def is_asked(kind: Kind, channel: str) -> bool:
    """Whether we are spoken to: by name, or in a direct conversation."""
    return kind is Kind.MENTION or channel.startswith("D")
