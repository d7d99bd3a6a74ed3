"""What a queue remembers, written down and put back: into the same Redis or another, once or twice.

Not a copy of every key: whoever gets it back labels all of it again and looks in Slack before anything is posted, so a
message answered since then gets no second reply. Heartbeats, leases and the model hash belong to what runs.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self, TypeVar, cast

from worker.connection import meaning
from worker.fleet import Fleet
from worker.jobs import DecodeError, Job, JobState, NewerSchema, Origin, Result, StreamName
from worker.stream import JOB_TTL, Enqueued, Queue

T = TypeVar("T")
FORMAT = 1
PAGE = 500
# Above any limit a bot may have: what was in the queue goes back into it.
NO_LIMIT = 10_000_000
Fields = dict[str, str]  # an entry's; values in base64, since nobody says that they are text


class BadSnapshot(ValueError):
    """It was not written by `Snapshot.encode`, or by a newer release."""


@dataclass(frozen=True)
class Snapshot:
    """Jobs hold texts, and so do dead letters."""

    jobs: list[Fields] = field(default_factory=list[Fields], repr=False)
    results: list[Fields] = field(default_factory=list[Fields], repr=False)
    dead: list[Fields] = field(default_factory=list[Fields], repr=False)
    marks: dict[str, str] = field(default_factory=dict[str, str])
    paused: str = ""

    def encode(self) -> bytes:
        return json.dumps({"format": FORMAT, **asdict(self)}).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises BadSnapshot."""
        try:
            found: Any = json.loads(data)
            if found.pop("format") != FORMAT:
                raise BadSnapshot("a newer release wrote it")
            snapshot = cls(**found)
            entries = [*snapshot.jobs, *snapshot.results, *snapshot.dead]
            texts = [found["paused"], *snapshot.marks, *snapshot.marks.values()]
            if not all(_raw(entry) for entry in entries) or not all(isinstance(one, str) for one in texts):
                raise BadSnapshot("an entry is not what it should be")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadSnapshot(str(error) or type(error).__name__) from error
        return snapshot


def take(queue: Queue, fleet: Fleet) -> Snapshot:
    """While everything runs: what is missed at one place because it moves is found at the next. Raises QueueError."""
    # The marks first: a message that comes later is beyond them, and catch-up reads it.
    with meaning():
        marks = cast("dict[bytes, bytes]", queue.client.hgetall(queue.keys.marks))
    jobs, results, dead = (list(_entries(queue, name)) for name in StreamName)
    return Snapshot(jobs, results, dead, {_text(one): _text(ts) for one, ts in marks.items()}, fleet.paused())


@dataclass(frozen=True)
class PutBack:
    """How many came back. What the queue had already, or knew as answered, is not among them."""

    jobs: int
    results: int
    dead: int
    marks: int


def put_back(snapshot: Snapshot, queue: Queue, fleet: Fleet) -> PutBack:
    """Add what the queue does not have. Interrupted, it may be done again. Raises QueueError."""
    queue.ensure_groups()
    if snapshot.paused:
        fleet.pause(snapshot.paused)
    return PutBack(
        jobs=sum(_put_job(queue, entry) for entry in snapshot.jobs),
        results=sum(_put_result(queue, entry) for entry in snapshot.results),
        dead=_put_dead(queue, snapshot.dead),
        marks=sum(_put_mark(queue, *mark) for mark in snapshot.marks.items()),
    )


def _put_job(queue: Queue, entry: Fields) -> bool:
    job = _decoded(Job.decode, entry)
    if job is None:  # a worker says what is wrong with it
        return _add(queue, StreamName.JOBS, entry)
    return queue.enqueue(replace(job, origin=Origin.HISTORY), limit=NO_LIMIT, advance=False) is Enqueued.OK


def _put_result(queue: Queue, entry: Fields) -> bool:
    result = _decoded(Result.decode, entry)
    if result and queue.knows(result.job):
        return False
    # First the entry: cut off between the two, it comes twice, and `begin` lets one of them pass.
    _add(queue, StreamName.RESULTS, entry)
    if result:
        key = queue.keys.job(result.job)
        with meaning():
            known = {"state": JobState.LABELLED.value, "origin": Origin.HISTORY.value}
            queue.client.hset(key, mapping=known)
            queue.client.pexpire(key, JOB_TTL)
    return True


def _put_dead(queue: Queue, dead: list[Fields]) -> int:
    there = [json.dumps(entry, sort_keys=True) for entry in _entries(queue, StreamName.DEAD)]
    missing = [entry for entry in dead if json.dumps(entry, sort_keys=True) not in there]
    return sum(_add(queue, StreamName.DEAD, entry) for entry in missing)


def _put_mark(queue: Queue, place: str, ts: str) -> bool:
    """The older of two marks: reading a message twice does no harm, and what lies between was not read."""
    team, _, channel = place.partition(":")
    there = queue.mark(team, channel)
    if there and there <= ts:
        return False
    queue.set_mark(team, channel, ts)
    return True


def _entries(queue: Queue, name: StreamName) -> Iterator[Fields]:
    after = "-"
    while True:
        with meaning():
            rows: list[Any] = queue.client.xrange(queue.keys.stream(name), after, "+", count=PAGE)
        if not rows:
            return
        for _, fields in rows:
            yield {_text(one): base64.b64encode(value).decode() for one, value in fields.items()}
        after = f"({rows[-1][0].decode()}"


def _add(queue: Queue, name: StreamName, entry: Fields) -> bool:
    with meaning():
        queue.client.xadd(queue.keys.stream(name), _raw(entry))
    return True


def _decoded(decode: Callable[[dict[bytes, bytes]], T], entry: Fields) -> T | None:
    try:
        return decode(_raw(entry))
    except (DecodeError, NewerSchema):
        return None


def _raw(entry: Fields) -> dict[bytes, bytes]:
    return {name.encode(): base64.b64decode(value, validate=True) for name, value in entry.items()}


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
