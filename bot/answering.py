"""What people see of a result now: the channel's choice, who wants to be left alone, and the hour."""

from collections.abc import Callable
from datetime import UTC, datetime

from bot.choices import Choice, Listen
from bot.identity import Identity
from bot.listening import Listening, is_asked
from bot.replies import Reply, Silent, ThreadPost, post_of, reply_to
from worker.jobs import Kind, Result


class Answering:
    """Asked when a result comes in and again before it is sent: what was chosen meanwhile counts."""

    def __init__(
        self, listening: Listening, me: Identity, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._listening, self.me, self._now = listening, me, now

    def reply(self, result: Result, *, replaces: bool = False) -> Reply:
        """`replaces`: it takes the place of what stands there already, which wakes nobody in quiet hours.

        Raises QueueError as Listening does.
        """
        choice = self._listening.choice(result.channel)
        if self._listening.left_alone(result.user) or not _listens(choice, result):
            return Silent(noted=False)
        if not replaces and choice.is_quiet(self._now()):
            return Silent()
        return reply_to(result, choice, url=self.me.url)

    def post(self, result: Result) -> ThreadPost:
        return post_of(result, self.me.url)


def _listens(choice: Choice, result: Result) -> bool:
    if result.kind in (Kind.COMMAND, Kind.SHORTCUT):
        return False  # answered where it was asked, not here
    if choice.listen is Listen.MENTIONS:
        return is_asked(result.kind, result.channel)
    return choice.listen is Listen.ON
