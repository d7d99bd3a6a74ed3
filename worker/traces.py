"""What the queue holds about a person, a channel or a message: found, taken out, and out of the append-only file too.

Needs the operator's rights.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from worker.connection import Misconfigured, meaning
from worker.jobs import DecodeError, Job, Result, StreamName
from worker.stream import Delivery, Finished, Queue

PAGE = 500


@dataclass(frozen=True, kw_only=True)
class About:
    """Whose traces: one of `user`, `channel`, `message`, in a workspace; or `everything` there."""

    team: str
    user: str = ""
    channel: str = ""
    message: str = ""
    everything: bool = False

    def __post_init__(self) -> None:
        if sum(bool(one) for one in (self.user, self.channel, self.message, self.everything)) != 1:
            raise ValueError("traces are of one user, one channel, one message or everything")

    def fits(self, content: Job | Result) -> bool:
        wanted = {"user": self.user, "channel": self.channel, "message": self.message}
        named = all(getattr(content, name) == value for name, value in wanted.items() if value)
        return named and content.team == self.team

    def occurs_in(self, data: bytes) -> bool:
        """Whether data nobody can read names it: then it has to go too."""
        return json.dumps(self.user or self.channel or self.message or self.team).encode() in data


@dataclass(frozen=True)
class Trace:
    """An entry of a stream; `content` is None for what this release cannot read."""

    stream: StreamName
    entry: str
    fields: Mapping[bytes, bytes]
    content: Job | Result | None


class Rewrite(StrEnum):
    """What became of the append-only file. DONE: written anew from what there is now. OFF: there is none."""

    DONE = "done"
    OFF = "off"
    NOT_ALLOWED = "not allowed"
    FAILED = "failed"
    RUNNING = "running"


class Traces:
    """Every method raises QueueError."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def find(self, about: About) -> list[Trace]:
        return [one for stream in StreamName for one in self._all(stream) if _is(one, about)]

    def erase(self, traces: list[Trace]) -> None:
        """Take them out, wherever they have got to meanwhile; their messages are never labelled."""
        for trace in traces:
            if trace.content is None or trace.stream is StreamName.DEAD:
                self._discard(trace)
            else:
                job = trace.content.id if isinstance(trace.content, Job) else trace.content.job
                self._queue.cancel(trace.content.message, [job] if job != trace.content.message else [])

    def marks(self, team: str) -> list[str]:
        """Channels of a workspace whose last handled message is known."""
        with meaning():
            known: dict[bytes, bytes] = self._queue.client.hgetall(self._queue.keys.marks)
        return [name.decode() for name in known if name.startswith(f"{team}:".encode())]

    def erase_marks(self, team: str) -> None:
        """Should the workspace come back, its history of the last day is read as if for the first time."""
        if marks := self.marks(team):
            with meaning():
                self._queue.client.hdel(self._queue.keys.marks, *marks)

    def _discard(self, trace: Trace) -> None:
        stream, queue = trace.stream, self._queue
        with meaning():
            queue.client.xclaim(
                queue.keys.stream(stream), stream.group, queue.consumer, 0, [trace.entry], force=True, justid=True
            )
        queue.finish([Finished(Delivery(stream, trace.entry, 1, {}))], into=None)

    def _all(self, stream: StreamName) -> Iterator[Trace]:
        after = "-"
        while True:
            with meaning():
                rows: list[Any] = self._queue.client.xrange(self._queue.keys.stream(stream), after, "+", count=PAGE)
            for entry, fields in rows:
                yield Trace(stream, entry.decode(), fields, _content(fields))
            if len(rows) < PAGE:
                return
            after = f"({rows[-1][0].decode()}"


def rewrite_log(client: Any, *, within: timedelta, sleep: Callable[[float], None] = time.sleep) -> Rewrite:
    """Have the append-only file written anew, without what was deleted, and wait until it is."""
    deadline = time.monotonic() + within.total_seconds()
    try:
        if not _persistence(client).get("aof_enabled"):
            return Rewrite.OFF
        # One that began before the deletions has them in it: it has to end first.
        if not _wait(client, deadline, sleep):
            return Rewrite.RUNNING
        with meaning():
            client.bgrewriteaof()
        sleep(0.05)  # it is noted as running a moment after the answer
        if not _wait(client, deadline, sleep):
            return Rewrite.RUNNING
        ok = _persistence(client).get("aof_last_bgrewrite_status") == "ok"
    except Misconfigured:
        return Rewrite.NOT_ALLOWED
    return Rewrite.DONE if ok else Rewrite.FAILED


def forgets_deleted_entries(client: Any) -> bool:
    """Whether an entry's bytes go when it is deleted, and not only with all the others of its block. True where the
    server does not let us look.
    """
    try:
        with meaning():
            found: dict[str, str] = client.config_get("stream-node-max-entries")
    except Misconfigured:
        return True
    return found.get("stream-node-max-entries", "1") == "1"


def _wait(client: Any, deadline: float, sleep: Callable[[float], None]) -> bool:
    while time.monotonic() < deadline:
        now = _persistence(client)
        if not now.get("aof_rewrite_in_progress") and not now.get("aof_rewrite_scheduled"):
            return True
        sleep(0.1)
    return False


def _persistence(client: Any) -> dict[str, Any]:
    with meaning():
        return client.info("persistence")


def _content(fields: Mapping[bytes, bytes]) -> Job | Result | None:
    for kind in (Job, Result):
        try:
            return kind.decode(fields)
        except DecodeError:
            continue
    return None


def _is(trace: Trace, about: About) -> bool:
    if trace.content is None:
        return about.occurs_in(trace.fields.get(b"data", b""))
    return about.fits(trace.content)
