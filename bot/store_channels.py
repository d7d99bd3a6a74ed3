"""What channels chose, what is known of them, and who wants to be left alone. Part of bot/store.py."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from bot.choices import Choice
from bot.store_keys import Place, moment, ms

CHANNELS, FACTS, OPTOUTS, STATE = "channels", "facts", "optouts", "state"
# A bot that is invited back soon finds the channel as it was.
KEPT_AFTER_LEAVING = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What Slack told about a channel, and what we did there. Times are milliseconds, 0: never.

    `asked_ms`: when Slack told it. `shared`: with another organisation. `introduced_ms`: our first words.
    `listen_ms`: when the channel last chose what is listened to; what was said before is left alone.
    """

    asked_ms: int = 0
    creator: str = ""
    shared: bool = False
    introduced_ms: int = 0
    left_ms: int = 0
    listen_ms: int = 0


@dataclass(frozen=True)
class Snapshot:
    """All that decides whether a message becomes a job, as one moment had it. `choices` as JSON, see Choice.decode."""

    revision: int
    choices: dict[str, str]
    facts: dict[str, Facts]
    optouts: frozenset[str]


class Channels:
    def __init__(self, place: Place) -> None:
        self._place = place

    def revision(self) -> int:
        """Changes whenever anything of a snapshot does: cheap to ask for."""
        return int(self._place.field("rev", STATE) or 0)

    def snapshot(self) -> Snapshot:
        revision = self.revision()  # read first: a change in between makes the next look differ
        return Snapshot(
            revision,
            self._place.fields(CHANNELS),
            {channel: _facts(text) for channel, text in self._place.fields(FACTS).items()},
            frozenset(self._place.fields(OPTOUTS)),
        )

    def choice(self, channel: str, default: Choice) -> Choice:
        return Choice.decode(self._place.field(channel, CHANNELS), default)

    def choose(self, channel: str, changes: Mapping[str, object], default: Choice) -> Choice:
        """Set these fields of a channel's choice, and no others. Raises BadChoice."""

        def changed(stored: str) -> str:
            return Choice.decode(stored, default).changed(changes).encode(default)

        return Choice.decode(self._change(CHANNELS, channel, changed)[0], default)

    def facts(self, channel: str) -> Facts:
        return _facts(self._place.field(channel, FACTS))

    def note(self, channel: str, **changes: object) -> Facts:
        """Set these fields of what is known of a channel."""
        return _facts(self._change(FACTS, channel, lambda text: _text(replace(_facts(text), **changes)))[0])

    def introduce(self, channel: str, now: datetime) -> bool:
        """Whether we have yet to introduce ourselves there. Only one of several callers is told so."""
        first = False

        def introduced(text: str) -> str:
            nonlocal first
            facts = _facts(text)
            first = not facts.introduced_ms or facts.left_ms > facts.introduced_ms
            return _text(replace(facts, introduced_ms=ms(now), left_ms=0)) if first else text

        return self._change(FACTS, channel, introduced)[1] and first

    def opt_out(self, user: str, now: datetime) -> None:
        self._change(OPTOUTS, user, lambda since: since or str(ms(now)))

    def opt_in(self, user: str) -> bool:
        """Whether they had opted out."""
        return self._change(OPTOUTS, user, lambda _: "")[1]

    def opted_out(self, user: str) -> bool:
        return bool(self._place.field(user, OPTOUTS))

    def opted_out_since(self, user: str) -> datetime | None:
        since = self._place.field(user, OPTOUTS)
        return moment(since) if since else None

    def forget(self, channel: str) -> int:
        """Erase choice and facts of a channel; how many there were."""
        return sum(self._change(name, channel, lambda _: "")[1] for name in (CHANNELS, FACTS))

    def forget_left(self, now: datetime) -> list[str]:
        """Erase what is known of channels we left long ago; which."""
        until = ms(now - KEPT_AFTER_LEAVING)
        gone = [one for one, text in self._place.fields(FACTS).items() if 0 < _facts(text).left_ms < until]
        for channel in gone:
            self.forget(channel)
        return gone

    def erase(self) -> int:
        return sum(self._place.delete(name) for name in (CHANNELS, FACTS, OPTOUTS, STATE))

    def _change(self, name: str, field: str, change: Callable[[str], str]) -> tuple[str, bool]:
        """Read, change and write one field until nobody came between; what it is now, and whether that was us."""
        keys = [self._place.key(name), self._place.key(STATE)]
        while True:
            old = self._place.field(field, name)
            new = change(old)
            answer = self._place.run("note", keys, [field, old, new])
            if answer:
                return new, answer == 1


def _facts(text: str) -> Facts:
    """What another release added is left out."""
    try:
        stored: Any = json.loads(text) if text else {}
    except ValueError:
        stored = {}
    own = cast("dict[str, Any]", stored) if isinstance(stored, dict) else {}
    usual = asdict(Facts())
    return Facts(**{name: value for name, value in own.items() if type(value) is type(usual.get(name))})


def _text(facts: Facts) -> str:
    return json.dumps(asdict(facts), separators=(",", ":"))
