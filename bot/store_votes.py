"""What people said a message's label should have been. Part of bot/store.py."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.choices import LONGEST_KEEP_DAYS
from bot.store_keys import Place, moment, ms

# The lists end later than any vote in them.
_LISTS_KEPT = timedelta(days=LONGEST_KEEP_DAYS + 1)
VOTES = "votes"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The message a vote is about, and the prediction it judges. `author` is who wrote the message."""

    message: str
    channel: str
    ts: str
    author: str
    label: str
    confidence: float
    version: str


@dataclass(frozen=True, kw_only=True)
class Vote:
    """All that was voted on one message. `by` is user -> label; `text` is empty where none was kept."""

    asked: Asked
    by: dict[str, str]
    at: datetime
    text: str = field(default="", repr=False)

    @property
    def label(self) -> str:
        """The one most people voted for; empty on a tie."""
        counted = Counter(self.by.values()).most_common(2)
        tie = len(counted) == 2 and counted[0][1] == counted[1][1]
        return "" if tie or not counted else counted[0][0]


class Votes:
    def __init__(self, place: Place) -> None:
        self._place = place

    def cast(
        self, asked: Asked, user: str, label: str, *, now: datetime, keep: timedelta, text: str = ""
    ) -> Vote | None:
        """One person's label, instead of their earlier one; None where the message was deleted meanwhile."""
        facts = {
            "channel": asked.channel,
            "ts": asked.ts,
            "author": asked.author,
            "label": asked.label,
            "confidence": asked.confidence,
            "version": asked.version,
        }
        flat = [part for pair in facts.items() for part in pair]
        lists = self._lists(asked.channel, user, asked.author or user)
        keys = [self._place.key("vote", asked.message), *lists, self._place.job(asked.message)]
        args = [ms(now), ms(keep), ms(_LISTS_KEPT), asked.message, user, label, text, *flat]
        return self.get(asked.message) if self._place.run("vote", keys, args) else None

    def take_back(self, message: str, user: str) -> bool:
        """Whether they had voted."""
        vote = self.get(message)
        if not vote:
            return False
        lists = self._lists(vote.asked.channel, vote.asked.author or user, user)
        return bool(self._place.run("unvote", [self._place.key("vote", message), *lists], [message, user]))

    def get(self, message: str) -> Vote | None:
        found = self._place.fields("vote", message)
        if "label" not in found:
            return None
        asked = Asked(
            message=message,
            channel=found["channel"],
            ts=found["ts"],
            author=found["author"],
            label=found["label"],
            confidence=float(found["confidence"]),
            version=found["version"],
        )
        by = {name.removeprefix("by:"): label for name, label in found.items() if name.startswith("by:")}
        return Vote(asked=asked, by=by, at=moment(found["at"]), text=found.get("text", ""))

    def all(self) -> Iterator[Vote]:
        """Those kept longest first."""
        return self._named(VOTES)

    def of_user(self, user: str) -> Iterator[Vote]:
        """On what they wrote, and by them."""
        return self._named(VOTES, "user", user)

    def of_channel(self, channel: str) -> Iterator[Vote]:
        return self._named(VOTES, "channel", channel)

    def erase(self, message: str) -> bool:
        vote = self.get(message)
        if not vote:
            return False
        users = sorted({vote.asked.author, *vote.by})
        lists = [self._place.key(VOTES), self._place.key(VOTES, "channel", vote.asked.channel)]
        lists += [self._place.key(VOTES, "user", user) for user in users]
        return bool(self._place.run("erase_vote", [self._place.key("vote", message), *lists], [message]))

    def forget_user(self, user: str) -> int:
        """Erase the votes on what they wrote and those they cast; on how many messages."""
        touched = 0
        for vote in list(self.of_user(user)):
            touched += (
                self.erase(vote.asked.message)
                if vote.asked.author == user
                else (self.take_back(vote.asked.message, user))
            )
        self._place.delete(VOTES, "user", user)
        return touched

    def forget_channel(self, channel: str) -> int:
        erased = sum(self.erase(vote.asked.message) for vote in list(self.of_channel(channel)))
        self._place.delete(VOTES, "channel", channel)
        return erased

    def rekeep(self, channel: str, *, keep: timedelta, texts: bool, now: datetime) -> None:
        """Bring a channel's votes in line with what it chose: how long they are kept, and whether with their texts."""
        for vote in list(self.of_channel(channel)):
            message, end = vote.asked.message, vote.at + keep
            if end <= now:
                self.erase(message)
                continue
            self.keep_until(vote, end, texts=texts, now=now)

    def keep_until(self, vote: Vote, end: datetime, *, texts: bool, now: datetime) -> None:
        """Another end for a vote that exists, after `now`; without `texts` its text goes at once."""
        users = sorted({vote.asked.author, *vote.by})
        lists = [self._place.key(VOTES), self._place.key(VOTES, "channel", vote.asked.channel)]
        lists += [self._place.key(VOTES, "user", user) for user in users]
        args = [vote.asked.message, ms(end), ms(end - now), int(texts)]
        self._place.run("rekeep", [self._place.key("vote", vote.asked.message), *lists], args)

    def sweep(self, now: datetime) -> None:
        """Take out of the list what has ended."""
        for message in self._place.members(VOTES, high=ms(now)):
            self._place.drop(message, VOTES)

    def erase_all(self) -> int:
        votes = list(self.all())
        erased = sum(self.erase(vote.asked.message) for vote in votes)
        for vote in votes:
            self._place.delete(VOTES, "channel", vote.asked.channel)
            for user in {vote.asked.author, *vote.by}:
                self._place.delete(VOTES, "user", user)
        self._place.delete(VOTES)
        return erased

    def _named(self, *parts: str) -> Iterator[Vote]:
        found = (self.get(message) for message in self._place.newest(*parts))
        return (vote for vote in found if vote)

    def _lists(self, channel: str, *users: str) -> list[str]:
        place = self._place
        lists = [place.key(VOTES), place.key(VOTES, "channel", channel)]
        return lists + [place.key(VOTES, "user", user) for user in users]
