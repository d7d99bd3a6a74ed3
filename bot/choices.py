"""What a channel can choose, as one frozen value: how it is written down and read. Pure, standard library only."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, time, tzinfo
from enum import StrEnum
from typing import Any, Self, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

# Of a channel's labels: a model has a few, and what is stored must end somewhere.
MOST_LABELS = 100
LONGEST_KEEP_DAYS = 365


class BadChoice(ValueError):
    """A value that cannot be chosen. `field` is its name, the message one line for the person who chose it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Listen(StrEnum):
    ON = "on"
    MENTIONS = "mentions"
    OFF = "off"


class ReplyMode(StrEnum):
    """What people see. NONE: nothing; results are computed and counted all the same."""

    THREAD = "thread"
    REACTION = "reaction"
    EPHEMERAL = "ephemeral"
    NONE = "none"


class Unsure(StrEnum):
    SAY = "say"
    SILENT = "silent"


class Foreign(StrEnum):
    """What a text gets that is in a language the version was not trained for."""

    UNSURE = "unsure"
    SILENT = "silent"


class Correct(StrEnum):
    """Who may correct a label."""

    EVERYONE = "everyone"
    AUTHOR = "author"
    MANAGERS = "managers"


class Digest(StrEnum):
    OFF = "off"
    DAILY = "daily"
    WEEKLY = "weekly"


class Alerts(StrEnum):
    OFF = "off"
    USUAL = "usual"
    SELDOM = "seldom"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One channel's. `labels` empty: all are shown. `quiet_from` and `quiet_to` are HH:MM in `zone`, both empty: never.

    Raises BadChoice for what cannot be chosen.
    """

    listen: Listen = Listen.ON
    reply: ReplyMode = ReplyMode.THREAD
    labels: tuple[str, ...] = ()
    confidence: int = 0  # percent
    unsure: Unsure = Unsure.SAY
    threads: bool = False
    quiet_from: str = ""
    quiet_to: str = ""
    zone: str = "UTC"
    foreign: Foreign = Foreign.UNSURE
    correct: Correct = Correct.EVERYONE
    learn: bool = False
    keep_days: int = 90
    digest: Digest = Digest.OFF
    alerts: Alerts = Alerts.OFF

    def __post_init__(self) -> None:
        _check(self)

    def changed(self, changes: Mapping[str, object]) -> Self:
        """With these fields set, each as `encode` writes it or as the value itself. Raises BadChoice."""
        return replace(self, **{name: _value(name, value) for name, value in changes.items()})

    def encode(self, default: "Choice") -> str:
        """As JSON, what equals `default` left out: it goes on following the default. Empty where nothing differs."""
        usual = asdict(default)
        own = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return json.dumps(own, ensure_ascii=False, separators=(",", ":")) if own else ""

    @classmethod
    def decode(cls, text: str, default: "Choice") -> "Choice":
        """What `encode` wrote. Unknown fields, and values of another release, count as not chosen."""
        if not text:
            return default
        try:
            stored: Any = json.loads(text)
        except ValueError:
            return default
        own = cast("dict[str, Any]", stored) if isinstance(stored, dict) else {}
        while own:
            try:
                return default.changed(own)
            except BadChoice as error:
                # Hours are one value in two fields: with one of them unusable the other goes too.
                wrong = [error.field] if error.field in own else ["quiet_from", "quiet_to"]
                own = {name: value for name, value in own.items() if name not in wrong}
        return default

    def is_quiet(self, now: datetime) -> bool:
        """Whether nothing may be shown at `now`, which must know its zone. Hours may reach over midnight."""
        if not self.quiet_from:
            return False
        there = now.astimezone(_zone(self.zone)).time()
        start, end = time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_to)
        return start <= there < end if start < end else there >= start or there < end

    def shows(self, label: str) -> bool:
        return not self.labels or label in self.labels


def usual(*, reply: ReplyMode, unsure: Unsure, shared: bool = False) -> Choice:
    """The default of a channel; `shared` with another organisation, whose people nobody here can speak for."""
    return Choice(reply=reply, unsure=unsure, listen=Listen.OFF if shared else Listen.ON)


_KINDS: dict[str, type[StrEnum]] = {
    "listen": Listen,
    "reply": ReplyMode,
    "unsure": Unsure,
    "foreign": Foreign,
    "correct": Correct,
    "digest": Digest,
    "alerts": Alerts,
}
_FLAGS = ("threads", "learn")
_NUMBERS = {"confidence": (0, 99), "keep_days": (1, LONGEST_KEEP_DAYS)}


def _value(name: str, value: object) -> object:
    """A field's value from what was stored or said."""
    if name in _KINDS:
        try:
            return _KINDS[name](str(value))
        except ValueError:
            raise BadChoice(name, f"{name} is one of {', '.join(_KINDS[name])}.") from None
    if name == "labels":
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in cast("list[object]", value)):
            raise BadChoice(name, "labels is a list of names.")
        return tuple(cast("list[str]", value))
    if name not in {field.name for field in fields(Choice)}:
        raise BadChoice(name, f"There is nothing called {name} to choose.")
    return value


def _check(choice: Choice) -> None:
    for name, (low, high) in _NUMBERS.items():
        value: object = getattr(choice, name)
        if type(value) is not int or not low <= value <= high:
            raise BadChoice(name, f"{name} is a whole number from {low} to {high}.")
    for name in _FLAGS:
        if type(getattr(choice, name)) is not bool:
            raise BadChoice(name, f"{name} is yes or no.")
    if len(choice.labels) > MOST_LABELS or not all(0 < len(label) <= 255 for label in choice.labels):
        raise BadChoice("labels", f"labels are at most {MOST_LABELS} names.")
    _check_hours(choice)


def _check_hours(choice: Choice) -> None:
    for name in ("quiet_from", "quiet_to"):
        value: object = getattr(choice, name)
        if not isinstance(value, str) or (value and not _is_hour(value)):
            raise BadChoice(name, "A time of day is written HH:MM, such as 22:00.")
    if choice.quiet_from and choice.quiet_from == choice.quiet_to:
        raise BadChoice("quiet_to", "Quiet hours end at another time than they begin.")
    if not choice.quiet_from and choice.quiet_to:
        raise BadChoice("quiet_from", "Quiet hours need a beginning too.")
    if choice.quiet_from and not choice.quiet_to:
        raise BadChoice("quiet_to", "Quiet hours need an end too.")
    try:
        _zone(choice.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise BadChoice("zone", "A time zone is written like Europe/Berlin.") from None


def _zone(name: str) -> tzinfo:
    # The one that every machine knows, also one without a list of zones.
    return UTC if name == "UTC" else ZoneInfo(name)


def _is_hour(value: str) -> bool:
    try:
        time.fromisoformat(value)
    except ValueError:
        return False
    return len(value) == 5 and value[2] == ":"
