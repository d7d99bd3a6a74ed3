"""What people decided, written down and put back: choices, opt-outs, corrections, counts by day. Part of bot/store.py.

Labels of single messages are left out: there are as many as messages, and they end after a month. So are errands of
the moment and who counts among a day's people.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self, cast

from bot.store_channels import CHANNELS, FACTS, OPTOUTS, STATE
from bot.store_errands import DONE
from bot.store_installs import Installs
from bot.store_keys import Place, moment, ms
from bot.store_tags import COUNTED, DAY_KEPT, Tags
from bot.store_votes import VOTES, Asked, Vote, Votes
from worker.connection import meaning


@dataclass(frozen=True, kw_only=True)
class KeptVote:
    """A vote; `at` and `end` (when it goes) in milliseconds."""

    asked: dict[str, Any]
    by: dict[str, str]
    at: int
    end: int
    text: str = field(default="", repr=False)


@dataclass(frozen=True)
class Amount:
    """How much a backup has of these, or how much of it came back; `installed` counts workspaces."""

    choices: int = 0
    optouts: int = 0
    votes: int = 0
    days: int = 0
    installed: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Amount(*(mine + theirs for mine, theirs in pairs))


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Of one workspace. Times are milliseconds; `days` are channel, day and counts; `sealed` stays encrypted."""

    team: str
    choices: dict[str, str]
    facts: dict[str, str]
    optouts: dict[str, str]
    votes: list[KeptVote]
    days: list[tuple[str, str, dict[str, str]]]
    counted: dict[str, float]
    done: dict[str, float]
    sealed: str = field(default="", repr=False)

    @property
    def amount(self) -> Amount:
        votes, days = len(self.votes), len(self.days)
        return Amount(len(self.choices), len(self.optouts), votes, days, int(bool(self.sealed)))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Any) -> Self:
        """Raises ValueError where it is not what `to_dict` gave."""
        try:
            votes = [KeptVote(**vote) for vote in found["votes"]]
            days = [(channel, day, dict(counts)) for channel, day, counts in found["days"]]
            whole: dict[str, Any] = {**found, "votes": votes, "days": days}
            kept = cls(**whole)
            texts, numbers = kept.values()
            for _, day, _ in days:
                date.fromisoformat(day)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"what a workspace remembers: {error}") from error
        if not re.fullmatch(r"\w+", kept.team):
            raise ValueError("what a workspace remembers: no workspace")
        if not all(type(one) is str for one in texts) or not all(type(one) in (int, float) for one in numbers):
            raise ValueError("what a workspace remembers: a value of another kind")
        return kept

    def values(self) -> tuple[list[Any], list[Any]]:
        """All that must be texts, and all that must be numbers."""
        asked = [asdict(Asked(**vote.asked)) for vote in self.votes]
        sets: list[dict[str, str]] = [self.choices, self.facts, self.optouts]
        sets += [*(vote.by for vote in self.votes), *({channel: "", **counts} for channel, _, counts in self.days)]
        texts = [text for one in sets for text in (*one, *one.values())]
        texts += [self.team, self.sealed, *(vote.text for vote in self.votes)]
        texts += [value for one in asked for name, value in one.items() if name != "confidence"]
        numbers = [*self.counted.values(), *self.done.values(), *(one["confidence"] for one in asked)]
        return texts, numbers + [time for vote in self.votes for time in (vote.at, vote.end)]


def take(place: Place, now: datetime) -> Kept:
    """Raises QueueError."""
    votes, tags = Votes(place), Tags(place)
    kept: list[KeptVote] = []
    for message, end in place.scored(VOTES):
        if vote := votes.get(message):
            kept.append(
                KeptVote(asked=asdict(vote.asked), by=vote.by, at=ms(vote.at), end=int(end), text=vote.text),
            )
    counted = dict(place.scored(COUNTED))
    days = [(channel, day, found) for channel in counted for day, found in tags.kept_days(channel, now)]
    installed = Installs(place).read()
    return Kept(
        team=place.team,
        choices=place.fields(CHANNELS),
        facts=place.fields(FACTS),
        optouts=place.fields(OPTOUTS),
        votes=kept,
        days=days,
        counted=counted,
        done=dict(place.scored(DONE)),
        sealed=installed.sealed if installed else "",
    )


def put_back(kept: Kept, place: Place, now: datetime) -> Amount:
    """Add what is not there; interrupted, it may be done again. Raises QueueError."""
    optouts = _fields(place, OPTOUTS, kept.optouts)  # first: nobody is listened to meanwhile who does not want it
    choices = _fields(place, CHANNELS, kept.choices)
    _fields(place, FACTS, kept.facts)
    votes = sum(_vote(Votes(place), vote, now) for vote in kept.votes)
    days = sum(_day(place, *day, now) for day in kept.days)
    for name, scores in ((COUNTED, kept.counted), (DONE, kept.done)):
        if scores:
            with meaning():
                place.client.zadd(place.key(name), scores, nx=True)
    installed = bool(kept.sealed) and not Installs(place).read() and Installs(place).replace("", kept.sealed)
    return Amount(choices, optouts, votes, days, int(installed))


def _fields(place: Place, name: str, fields: Mapping[str, str]) -> int:
    """What somebody chose since the backup stays."""
    keys = [place.key(name), place.key(STATE)]
    return sum(cast("int", place.run("note", keys, [one, "", value])) == 1 for one, value in fields.items())


def _vote(votes: Votes, kept: KeptVote, now: datetime) -> bool:
    asked, end = Asked(**kept.asked), moment(kept.end)
    if end <= now or votes.get(asked.message):
        return False
    vote = Vote(asked=asked, by=kept.by, at=moment(kept.at), text=kept.text)
    for user, label in vote.by.items():
        if not votes.cast(asked, user, label, now=vote.at, keep=end - now, text=vote.text):
            return False  # the message was deleted meanwhile
    votes.keep_until(vote, end, texts=bool(vote.text), now=now)
    return True


def _day(place: Place, channel: str, day: str, counts: Mapping[str, str], now: datetime) -> bool:
    left = datetime.fromisoformat(day).replace(tzinfo=UTC) + DAY_KEPT - now
    if left <= timedelta(0) or not counts or place.fields("day", channel, day):
        return False
    place.run("put", [place.key("day", channel, day)], [ms(left), *(part for pair in counts.items() for part in pair)])
    return True
