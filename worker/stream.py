"""The queue: every stream command and script. Bot and worker speak to Redis through this file alone.

Inside, work is done at least once; `finish` and `begin` make sure that what follows happens once. A `Queue` is one
consumer's view and must not be shared between threads that block: give each its own.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from importlib import resources
from typing import Any

from worker.connection import ENQUEUE, READER, Patience, QueueError, connect, meaning, once_more
from worker.jobs import SCHEMA, Job, JobState, Keys, StreamName

# Longest batch (10 s) plus a missed renewal (7 s), with room for a slow machine.
JOB_LEASE = timedelta(seconds=30)
# A post waits for Slack's pacing and for the settle time of a reconcile, so it is held longer.
RESULT_LEASE = timedelta(seconds=60)
# Slack re-sends for 6 minutes and catch-up looks back 24 h: a key must outlive both.
JOB_TTL = timedelta(hours=25)
DEAD_CAP = 10_000
# A released entry wakes no blocked reader, so blocking is short.
BLOCK = timedelta(milliseconds=500)
# A second try must still fit into Slack's 3 s.
_RETRY_WITHIN = timedelta(seconds=0.5)
_NO_KEY = "-"


class Enqueued(StrEnum):
    OK = "ok"
    DUP = "dup"
    FULL = "full"


class Finish(StrEnum):
    """FENCED: someone else owns the entry now. DONE: its message was deleted. Either way: forget the entry."""

    OK = "ok"
    FENCED = "fenced"
    DONE = "done"


class Begin(StrEnum):
    """What the poster may do: POST at once, RECONCILE by reading the thread first, or nothing at all."""

    POST = "post"
    RECONCILE = "reconcile"
    DONE = "done"
    FENCED = "fenced"


@dataclass(frozen=True)
class Delivery:
    """One hand-over of an entry to this consumer. `count` is how often it was handed out, this time included."""

    stream: StreamName
    entry: str
    count: int
    fields: dict[bytes, bytes] = field(repr=False)


@dataclass(frozen=True)
class Finished:
    """How to retire a delivery. `job` and `message` are empty for an entry that could not be decoded."""

    delivery: Delivery
    job: str = ""
    message: str = ""
    state: JobState | None = None
    reply_ts: str = ""
    fields: dict[str, str | bytes] = field(default_factory=dict[str, str | bytes], repr=False)


@dataclass(frozen=True)
class Reclaimed:
    """`cursor` is where the sweep goes on, "0-0" at its end; `deleted` counts entries that were pending but gone."""

    deliveries: list[Delivery]
    cursor: str
    deleted: int


@dataclass(frozen=True)
class Begun:
    """`posting_ms` is when an earlier begin was recorded, 0 if never; `form` what kind of reply it had in mind."""

    answer: Begin
    posting_ms: int
    form: str


@dataclass(frozen=True)
class Cancelled:
    state: JobState | None  # as found, None when the message was unknown
    reply_ts: str


def result_fields(data: str) -> dict[str, str | bytes]:
    return {"v": str(SCHEMA), "data": data}


def dead_fields(delivery: Delivery, *, reason: str, error: str = "", keep: bool = True) -> dict[str, str | bytes]:
    """What a dead letter holds. `keep=False` drops the data of an entry nobody can read and notes its size."""
    data = delivery.fields.get(b"data", b"")
    return {
        "v": delivery.fields.get(b"v", b"")[:20],
        "data": data if keep else b"",
        "size": str(len(data)),
        "reason": reason,
        "error": error,
        "deliveries": str(delivery.count),
        "died_ms": str(int(time.time() * 1000)),
    }


class Queue:
    """The streams as one consumer sees them. `consumer` is never reused: a fresh name for each process start."""

    def __init__(self, url: str, *, keys: Keys, consumer: str = "", patience: Patience = READER) -> None:
        # redis-py types its answers for sync and async at once; they are narrowed here, once.
        self.client: Any = connect(url, patience, name=f"clf-{consumer}" if consumer else "clf")
        self.keys = keys
        self.consumer = consumer
        folder = resources.files("worker") / "scripts"
        self._scripts: dict[str, Any] = {
            name: self.client.register_script((folder / f"{name}.lua").read_text())
            for name in ("enqueue", "finish", "renew", "release", "begin", "cancel")
        }

    def close(self) -> None:
        self.client.close()

    def reconnect(self) -> None:
        """Drop every connection: after a failover they may lead to a server that takes no more writes."""
        self.client.connection_pool.disconnect()

    def _run(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        with meaning():
            return self._scripts[script](keys=keys, args=args)

    def ensure_groups(self) -> None:
        """Create streams and groups where they are missing."""
        for name in StreamName:
            try:
                # "0", not the default "$": jobs sent before the first worker starts must be answered too.
                with meaning():
                    self.client.xgroup_create(self.keys.stream(name), name.group, id="0", mkstream=True)
            except QueueError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    def enqueue(self, job: Job, *, limit: int, advance: bool = True) -> Enqueued:
        """Put a job in, once. `advance` moves the channel's mark; not while a gap is open.

        Blocks at most about 2 s. Raises QueueError when Redis did not take it: then Slack must not be acknowledged.
        """
        name = self.keys.stream
        keys = [name(StreamName.JOBS), name(StreamName.RESULTS), self.keys.job(job.id), self.keys.job(job.message)]
        args = [limit, SCHEMA, job.encode(), _ms(JOB_TTL), job.origin.value, f"{job.team}:{job.channel}", job.ts]
        answer = once_more(
            lambda: self._scripts["enqueue"](keys=[*keys, self.keys.marks], args=[*args, int(advance)]),
            within=_RETRY_WITHIN,
            clock=time.monotonic,
        )
        return Enqueued(answer.decode())

    def knows(self, job: str) -> bool:
        """Whether the job was queued, in the last day at least."""
        with meaning():
            return bool(self.client.exists(self.keys.job(job)))

    def depth(self) -> int:
        """Jobs and results that are not done: what `limit` is about."""
        with meaning():
            return sum(self.client.xlen(self.keys.stream(name)) for name in (StreamName.JOBS, StreamName.RESULTS))

    def mark(self, team: str, channel: str) -> str:
        """The ts up to which every message of the channel was handled; empty where nobody knows."""
        with meaning():
            return (self.client.hget(self.keys.marks, f"{team}:{channel}") or b"").decode()

    def set_mark(self, team: str, channel: str, ts: str) -> None:
        with meaning():
            self.client.hset(self.keys.marks, f"{team}:{channel}", ts)

    def read(self, stream: StreamName, *, count: int, block: timedelta = BLOCK) -> list[Delivery]:
        """Up to `count` entries nobody has had yet; waits `block` for the first. Raises QueueError."""
        with meaning():
            answer = self.client.xreadgroup(
                stream.group, self.consumer, {self.keys.stream(stream): ">"}, count=count, block=_ms(block) or None
            )
        entries: Any = answer[0][1] if answer else []
        return [Delivery(stream, entry.decode(), 1, fields or {}) for entry, fields in entries]

    def reclaim(self, stream: StreamName, *, lease: timedelta, cursor: str = "0-0", count: int = 1) -> Reclaimed:
        """Take over entries nobody renewed for `lease`, or that were released."""
        key = self.keys.stream(stream)
        with meaning():
            following, entries, *rest = self.client.xautoclaim(
                key, stream.group, self.consumer, _ms(lease), start_id=cursor, count=count
            )
        deliveries = [
            Delivery(stream, entry.decode(), self._count(stream, entry.decode()), fields)
            for entry, fields in entries
            if fields is not None
        ]
        return Reclaimed(deliveries, following.decode(), len(rest[0]) if rest else 0)

    def _count(self, stream: StreamName, entry: str) -> int:
        # XAUTOCLAIM raises the counter and does not tell it.
        pending = self.pending(stream, entry, entry, count=1)
        return pending[0][1] if pending else 1

    def pending(
        self, stream: StreamName, low: str = "-", high: str = "+", *, count: int = 1_000
    ) -> list[tuple[str, int]]:
        """(entry, deliveries) of what this consumer holds according to Redis."""
        with meaning():
            rows = self.client.xpending_range(
                self.keys.stream(stream), stream.group, low, high, count, consumername=self.consumer
            )
        return [(row["message_id"].decode(), row["times_delivered"]) for row in rows]

    def renew(self, stream: StreamName, entries: Iterable[str]) -> set[str]:
        """Prolong our leases; returns the entries that are ours no longer."""
        lost = self._run("renew", [self.keys.stream(stream)], [stream.group, self.consumer, *entries])
        return {entry.decode() for entry in lost}

    def release(
        self, delivery: Delivery, *, lease: timedelta, after: timedelta = timedelta(0), counted: bool = False
    ) -> Finish:
        """Let any consumer take the entry `after` this (at most `lease`); uncounted, as if it had never been ours."""
        idle = max(lease - after, timedelta(0))
        count = delivery.count if counted else delivery.count - 1
        args = [delivery.stream.group, self.consumer, delivery.entry, _ms(idle), max(count, 0)]
        return Finish(self._run("release", [self.keys.stream(delivery.stream)], args).decode())

    def finish(self, finished: Sequence[Finished], *, into: StreamName | None) -> list[Finish]:
        """Retire deliveries of one stream and put their `fields`, where they have some, `into` the next: one step."""
        if not finished:
            return []
        source = finished[0].delivery.stream
        keys = [self.keys.stream(source), self.keys.stream(into or source)]
        cap = DEAD_CAP if into is StreamName.DEAD else 0
        args: list[Any] = [source.group, self.consumer, cap, _ms(JOB_TTL)]
        for one in finished:
            flat = [part for pair in one.fields.items() for part in pair]
            args += [one.delivery.entry, one.state.value if one.state else "", one.reply_ts, len(flat), *flat]
            keys += [self.keys.job(one.job or _NO_KEY), self.keys.job(one.message or _NO_KEY)]
        return [Finish(answer.decode()) for answer in self._run("finish", keys, args)]

    def begin(
        self, delivery: Delivery, *, job: str, message: str, edit_ts: str = "", form: str = "", looked: bool = False
    ) -> Begun:
        """Record that a reply of this form is about to be sent; `looked`: surely no earlier one is there."""
        keys = [self.keys.stream(StreamName.RESULTS), self.keys.job(job), self.keys.job(message)]
        group = StreamName.RESULTS.group
        args = [group, self.consumer, delivery.entry, edit_ts or "0", _ms(JOB_TTL), form, int(looked)]
        answer, posting_ms, earlier = self._run("begin", keys, args)
        return Begun(Begin(answer.decode()), int(posting_ms or 0), earlier.decode())

    def cancel(self, message: str, edits: Sequence[str] = ()) -> Cancelled:
        """The message was deleted: take back its jobs and results; later steps answer `done`. `edits` are job ids."""
        keys = [*(self.keys.stream(name) for name in StreamName), *(self.keys.job(one) for one in (message, *edits))]
        args = [_ms(JOB_TTL), *(name.group for name in StreamName)]
        state, reply_ts = self._run("cancel", keys, args)
        return Cancelled(JobState(state.decode()) if state else None, reply_ts.decode())

    def release_lost_reads(self, stream: StreamName, in_flight: set[str], *, lease: timedelta) -> int:
        """After a read whose answer got lost: give back what Redis thinks is ours and we never saw."""
        released = 0
        for entry, count in self.pending(stream):
            if entry not in in_flight:
                self.release(Delivery(stream, entry, count, {}), lease=lease)
                released += 1
        return released

    def remove_consumers(self, stream: StreamName, *, left_for: timedelta) -> int:
        """Delete consumers that hold nothing and have not been heard of for `left_for`; how many. Worker's right."""
        key = self.keys.stream(stream)
        with meaning():
            rows = self.client.xinfo_consumers(key, stream.group)
        # One that still holds entries stays: deleting it would hide them from every reader for ever.
        gone = [row["name"] for row in rows if row["pending"] == 0 and row["idle"] >= _ms(left_for)]
        for name in gone:
            with meaning():
                self.client.xgroup_delconsumer(key, stream.group, name)
        return len(gone)


def enqueuer(url: str, *, keys: Keys) -> Queue:
    """For listeners, which Slack times."""
    return Queue(url, keys=keys, patience=ENQUEUE)


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
