"""When many replies wait in a channel: what each may take, so that the last is not hours late. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from bot.replies import Form


@dataclass(frozen=True)
class Crowding:
    """How long a channel's replies may wait before they take less room: a reaction each, then one post for many.

    Left again at half of that. It is the wait that counts, not the age of a result: one that is merely old, after an
    outage, still gets the reply it would have got.
    """

    reaction: timedelta = timedelta(minutes=2)
    digest: timedelta = timedelta(minutes=10)
    # What the posts of one channel are apart, and how few messages are no crowd.
    digest_every: timedelta = timedelta(seconds=10)
    digest_from: int = 5

    def form(self, wait: timedelta, before: Form) -> Form:
        """What to take now, with this long to wait and that taken before."""
        if wait > self.digest or (before is Form.DIGEST and wait > self.digest / 2):
            return Form.DIGEST
        if wait > self.reaction or (before is not Form.THREAD and wait > self.reaction / 2):
            return Form.REACTION
        return Form.THREAD
