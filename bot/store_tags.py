"""Labels that were given, counted by channel and day; nothing joins a person with a label. Part of bot/store.py."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from bot.store_keys import Place, day_of, moment, ms
from worker.connection import meaning

TAG_KEPT = timedelta(days=30)
DAY_KEPT = timedelta(days=100)
# With the salt goes the last way to tell whose count among a day's people is whose.
SALT_KEPT = timedelta(days=2)
STRONGEST = 5
COUNTED = "counted"
# Of one call of the script; a busy poster retires as many at once.
_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A label given to a message. `reply_ts` is our post's, `reaction` the name of ours: what stands there now.

    `sure` as in a result; `edit_ts` is empty for a text nobody edited.
    """

    message: str
    channel: str
    ts: str
    edit_ts: str = ""
    reply_ts: str = ""
    reaction: str = ""
    label: str
    confidence: float
    sure: bool
    version: str


@dataclass(frozen=True)
class Day:
    """A channel's day (UTC). `people` counts those who wrote, `sure` the messages whose label was sure."""

    channel: str
    day: date
    labels: dict[str, int]
    sure: int
    all: int
    people: int


@dataclass(frozen=True)
class Strong:
    """One of the few messages of a day with the most confident labels."""

    channel: str
    ts: str
    label: str
    confidence: float


class Tags:
    def __init__(self, place: Place) -> None:
        self._place = place

    def record(self, tags: Sequence[tuple[Tag, str]], now: datetime) -> None:
        """Note labels, each with the user who wrote the message, "" for nobody. Never counts a message twice."""
        oldest = now - TAG_KEPT
        young = [one for one in tags if float(one[0].ts) > oldest.timestamp()]
        for start in range(0, len(young), _BATCH):
            some = young[start : start + _BATCH]
            keys = [key for tag, _ in some for key in self._record_keys(tag)]
            args = [ms(now), ms(TAG_KEPT), ms(DAY_KEPT), ms(SALT_KEPT), secrets.token_hex(16), STRONGEST]
            self._place.run("record", keys, args + [value for tag, user in some for value in _values(tag, user)])

    def get(self, message: str) -> Tag | None:
        found = self._place.fields("tag", message)
        if "label" not in found:
            return None
        return Tag(
            message=message,
            channel=found["channel"],
            ts=found["ts"],
            edit_ts=found.get("edit_ts", ""),
            reply_ts=found.get("reply_ts", ""),
            reaction=found.get("reaction", ""),
            label=found["label"],
            confidence=float(found["confidence"]),
            sure=found["sure"] == "1",
            version=found["version"],
        )

    def erase(self, message: str, channel: str, ts: str, user: str = "") -> bool:
        """Take back what was noted about a message; with its `user`, their part in the number of people too."""
        place, day = self._place, day_of(ts)
        keys = [place.key("tag", message), place.key("tags", channel), *self._day_keys(channel, day)]
        return bool(place.run("erase_tag", keys, [message, channel, user]))

    def of_channel(self, channel: str) -> Iterator[Tag]:
        """Newest first."""
        found = (self.get(message) for message in self._place.newest("tags", channel))
        return (tag for tag in found if tag)

    def channels(self) -> list[str]:
        """Those that were ever counted in, the latest last."""
        return self._place.members(COUNTED)

    def day(self, channel: str, day: date) -> Day:
        found = self._place.fields("day", channel, day.isoformat())
        labels = {name.removeprefix("label:"): int(n) for name, n in found.items() if name.startswith("label:")}
        people = len(self._place.fields("people", channel, day.isoformat()))
        return Day(channel, day, labels, int(found.get("sure", 0)), int(found.get("all", 0)), people)

    def days(self, channel: str, last: date, number: int) -> list[Day]:
        """So many days up to `last`, oldest first; empty ones too."""
        return [self.day(channel, last - timedelta(days=back)) for back in range(number - 1, -1, -1)]

    def strongest(self, channel: str, day: date) -> list[Strong]:
        """The most confident first, a few of each label."""
        found = self._place.scored("strong", channel, day.isoformat())
        rows = [(*member.split(" ", 1), score) for member, score in found]
        return [Strong(channel, ts, label, score) for ts, label, score in reversed(rows)]

    def forget_channel(self, channel: str, now: datetime) -> dict[str, int]:
        """Erase all labels and figures of a channel; how many of each kind there were."""
        tags = list(self._place.newest("tags", channel))
        erased = {"tags": sum(self._place.delete("tag", message) for message in tags), "days": 0}
        self._place.delete("tags", channel)
        for day in self._kept_days(now):
            erased["days"] += self._place.delete("day", channel, day)
            self._place.delete("people", channel, day)
            self._place.delete("strong", channel, day)
        self._place.drop(channel, COUNTED)
        return erased

    def people_of(self, user: str, now: datetime) -> list[tuple[str, str]]:
        """Channel and day of the numbers that count a person, as far back as anybody can tell who they are."""
        place, found = self._place, list[tuple[str, str]]()
        for back in range(-1, SALT_KEPT.days + 2):
            day = (now.astimezone(UTC).date() - timedelta(days=back)).isoformat()
            salt = place.field("key", "salt", day)
            for channel in self.channels() if salt else ():
                if place.field(_hashed(salt, channel, user), "people", channel, day):
                    found.append((channel, day))
        return found

    def forget_person(self, user: str, now: datetime) -> int:
        """Take a person out of these numbers; of how many."""
        found = self.people_of(user, now)
        for channel, day in found:
            hashed = _hashed(self._place.field("key", "salt", day), channel, user)
            with meaning():
                self._place.client.hdel(self._place.key("people", channel, day), hashed)
        return len(found)

    def counts(self, channel: str, now: datetime) -> dict[str, int]:
        """How many tags and days of figures there are for a channel."""
        days = sum(1 for _ in self.kept_days(channel, now))
        return {"tags": sum(1 for _ in self.of_channel(channel)), "days": days}

    def kept_days(self, channel: str, now: datetime) -> Iterator[tuple[str, dict[str, str]]]:
        """Each day that is counted, with its counts as they are stored."""
        found = ((day, self._place.fields("day", channel, day)) for day in self._kept_days(now))
        return ((day, counts) for day, counts in found if counts)

    def sweep(self, now: datetime) -> None:
        """Forget which channels were counted in so long ago that nothing of it is left."""
        for channel in self._place.members(COUNTED, high=ms(now - DAY_KEPT - timedelta(days=1))):
            self._place.drop(channel, COUNTED)

    def erase_all(self, now: datetime) -> int:
        erased = sum(sum(self.forget_channel(channel, now).values()) for channel in self.channels())
        for back in range(SALT_KEPT.days + 2):
            self._place.delete("salt", (now.astimezone(UTC).date() - timedelta(days=back)).isoformat())
        return erased

    def last_counted(self, channel: str) -> datetime | None:
        found = dict(self._place.scored(COUNTED)).get(channel)
        return moment(found) if found else None

    def _day_keys(self, channel: str, day: str) -> list[str]:
        place = self._place
        people, strong = place.key("people", channel, day), place.key("strong", channel, day)
        return [place.key("day", channel, day), people, place.key("salt", day), strong]

    def _record_keys(self, tag: Tag) -> list[str]:
        place = self._place
        days = self._day_keys(tag.channel, day_of(tag.ts))
        keys = [place.key("tag", tag.message), place.key("tags", tag.channel), *days]
        return [*keys, place.key(COUNTED), place.job(tag.message)]

    def _kept_days(self, now: datetime) -> list[str]:
        today = now.astimezone(UTC).date()
        # A message a little ahead of our clock counts for tomorrow.
        return [(today - timedelta(days=back)).isoformat() for back in range(-1, DAY_KEPT.days + TAG_KEPT.days + 1)]


def _hashed(salt: str, channel: str, user: str) -> str:
    """As bot/scripts/record.lua makes it; Redis knows no other hash, and the salt is what keeps the secret."""
    return hashlib.sha1(f"{salt}{channel}:{user}".encode(), usedforsecurity=False).hexdigest()[:16]


def _values(tag: Tag, user: str) -> list[str | float]:
    shown = [tag.message, tag.channel, tag.ts, tag.edit_ts, tag.reply_ts, tag.reaction]
    return [*shown, tag.label, tag.confidence, int(tag.sure), tag.version, day_of(tag.ts), user]
