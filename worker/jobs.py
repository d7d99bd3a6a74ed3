"""The contract between bot and worker: what travels through the queue, and under which names. Standard library only.

Text fields that may be missing are empty strings, never None: `edit_ts` of a message nobody edited, `thread_ts` of a
message outside threads, `ts` of a slash command.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self, cast

from worker.fields import MAX_FIELD as MAX_FIELD
from worker.fields import DecodeError as DecodeError
from worker.fields import NewerSchema as NewerSchema
from worker.fields import choice, number, numbers, text, whole

SCHEMA = 1

# One character more than the normaliser reads (classifier.text.MAX_CHARACTERS): it still sees the text was longer.
MAX_TEXT = 8_001
# A job is a short text and eleven short fields; UTF-8 and JSON escapes make at most six bytes of a character.
MAX_DATA_BYTES = 64_000
MAX_WORDS = 20

Word = tuple[int, int, float]


class StreamName(StrEnum):
    """The three streams. Each has one consumer group."""

    JOBS = "jobs"
    RESULTS = "results"
    DEAD = "dead"

    @property
    def group(self) -> str:
        return {"jobs": "workers", "results": "posters", "dead": "admins"}[self.value]


class Kind(StrEnum):
    """Why a text is to be labelled; decides how the answer is shown."""

    MESSAGE = "message"
    MENTION = "mention"
    EDIT = "edit"
    COMMAND = "command"
    SHORTCUT = "shortcut"


class Origin(StrEnum):
    """How we learned of the message: an event of Slack, or reading its history."""

    LIVE = "live"
    HISTORY = "history"


class Outcome(StrEnum):
    """OK: sure. UNSURE: the label is still the likeliest. ERROR: no prediction could be made."""

    OK = "ok"
    UNSURE = "unsure"
    ERROR = "error"


class JobState(StrEnum):
    """`state` in a job's hash."""

    QUEUED = "queued"
    LABELLED = "labelled"
    POSTING = "posting"
    POSTED = "posted"
    DEAD = "dead"
    CANCELLED = "cancelled"


def message_id(team: str, channel: str, ts: str) -> str:
    """The same for a message and all its edits: 32 hexadecimal digits of the sha256 of where it stands in Slack."""
    # A separator no part can contain: ("ab", "c") and ("a", "bc") must not meet.
    return hashlib.sha256("\0".join((team, channel, ts)).encode()).hexdigest()[:32]


def job_id(message: str, edit_ts: str = "") -> str:
    return f"{message}.{edit_ts}" if edit_ts else message


@dataclass(frozen=True)
class Keys:
    """Every Redis key, one hash tag for all, so that scripts work on a cluster."""

    prefix: str = "clf"

    def stream(self, name: StreamName) -> str:
        return self._named(name.value)

    def job(self, job: str) -> str:
        return self._named(f"job:{job}")

    @property
    def marks(self) -> str:
        return self._named("marks")

    @property
    def workers(self) -> str:
        return self._named("workers")

    @property
    def bots(self) -> str:
        return self._named("bots")

    @property
    def control(self) -> str:
        return self._named("control")

    @property
    def model(self) -> str:
        return self._named("model")

    @property
    def shadow(self) -> str:
        return self._named("shadow")

    @property
    def bot(self) -> str:
        """What the names of all that the bot remembers begin with; bot/store_keys.py makes the rest of them."""
        return self._named("bot")

    def _named(self, name: str) -> str:
        return f"{{{self.prefix}}}:{name}"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One text waiting for a label."""

    id: str
    message: str
    team: str
    channel: str
    ts: str
    edit_ts: str = ""
    thread_ts: str = ""
    user: str = ""
    text: str = field(repr=False)
    kind: Kind = Kind.MESSAGE
    origin: Origin = Origin.LIVE
    enq_ms: int = 0

    def encode(self) -> str:
        return _dump(self)

    @classmethod
    def decode(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Raises DecodeError on anything `encode` would not have written."""
        data = _load(fields)
        return cls(
            id=text(data, "id"),
            message=text(data, "message"),
            team=text(data, "team"),
            channel=text(data, "channel"),
            ts=text(data, "ts"),
            edit_ts=text(data, "edit_ts"),
            thread_ts=text(data, "thread_ts"),
            user=text(data, "user"),
            text=text(data, "text", limit=MAX_TEXT),
            kind=choice(data, "kind", Kind),
            origin=choice(data, "origin", Origin),
            enq_ms=whole(data, "enq_ms"),
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """What travels back: the prediction and where to show it. Never the text.

    `confidence` and `scores` are calibrated probabilities from 0 to 1; `emoji` is the label's, such as `:smile:`, from
    the version that answered; `timings` are milliseconds by stage (`waited`, `model`). `words`, for a shortcut, holds
    (start, end, weight): without `text[start:end]` of the job the label's probability is lower by `weight`. `language`
    is the text's where that is clearly none the version was trained for (ISO 639); then the outcome is never OK.
    """

    job: str
    message: str
    team: str
    channel: str
    ts: str
    edit_ts: str = ""
    thread_ts: str = ""
    user: str = ""
    kind: Kind = Kind.MESSAGE
    outcome: Outcome
    label: str = ""
    emoji: str = ""
    confidence: float = 0.0
    scores: dict[str, float] = field(default_factory=dict[str, float])
    truncated: bool = False
    language: str = ""
    version: str
    gen: int
    timings: dict[str, int] = field(default_factory=dict[str, int])
    words: list[Word] = field(default_factory=list[Word])
    shadow: dict[str, Any] | None = None

    def encode(self) -> str:
        return _dump(self)

    @classmethod
    def decode(cls, fields: Mapping[bytes, bytes]) -> Self:
        """Raises DecodeError on anything `encode` would not have written."""
        data = _load(fields)
        shadow = data.get("shadow")
        if shadow is not None and not isinstance(shadow, dict):
            raise DecodeError("field shadow is no object")
        return cls(
            job=text(data, "job"),
            message=text(data, "message"),
            team=text(data, "team"),
            channel=text(data, "channel"),
            ts=text(data, "ts"),
            edit_ts=text(data, "edit_ts"),
            thread_ts=text(data, "thread_ts"),
            user=text(data, "user"),
            kind=choice(data, "kind", Kind),
            outcome=choice(data, "outcome", Outcome),
            label=text(data, "label"),
            emoji=text(data, "emoji"),
            confidence=number(data, "confidence"),
            scores=numbers(data, "scores"),
            truncated=data.get("truncated") is True,
            language=text(data, "language") if "language" in data else "",
            version=text(data, "version"),
            gen=whole(data, "gen"),
            timings={name: int(value) for name, value in numbers(data, "timings").items()},
            words=_words(data),
            shadow=cast("dict[str, Any] | None", shadow),
        )


def _dump(value: Job | Result) -> str:
    # Not asdict(): that copies everything first, which takes as long as all the rest of a message's way in and out.
    return json.dumps(vars(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _load(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    raw = fields.get(b"data")
    if raw is None:
        raise DecodeError("no field data")
    if len(raw) > MAX_DATA_BYTES:
        raise DecodeError(f"data has {len(raw)} bytes, {MAX_DATA_BYTES} is the limit")
    try:
        schema = int(fields.get(b"v", b""))
    except ValueError as error:
        raise DecodeError("field v is no whole number") from error
    if schema > SCHEMA:
        raise NewerSchema(f"schema {schema}, this release reads up to {SCHEMA}")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"data is no JSON: {type(error).__name__}") from error
    if not isinstance(data, dict):
        raise DecodeError("data is no JSON object")
    return cast("dict[str, Any]", data)


def _words(data: dict[str, Any]) -> list[Word]:
    """Left out by releases that did not know of it."""
    rows: Any = data.get("words", [])
    if not isinstance(rows, list) or len(cast("list[Any]", rows)) > MAX_WORDS:
        raise DecodeError(f"field words is no list of at most {MAX_WORDS}")
    return [_word(row) for row in cast("list[Any]", rows)]


def _word(row: Any) -> Word:
    if not isinstance(row, list) or len(cast("list[Any]", row)) != 3:
        raise DecodeError("field words holds something else than start, end and weight")
    named: dict[str, Any] = dict(zip(("start", "end", "weight"), cast("list[Any]", row), strict=True))
    start, end = whole(named, "start"), whole(named, "end")
    if not 0 <= start < end <= MAX_TEXT:
        raise DecodeError("field words names no part of a text")
    return start, end, number(named, "weight")
