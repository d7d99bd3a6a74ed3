"""Dead letters as an operator sees them: read, sent back to where they came from, thrown away."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from worker.connection import meaning
from worker.jobs import DecodeError, Job, JobState, NewerSchema, Result, StreamName
from worker.stream import Delivery, Finish, Finished, Queue

PAGE = 500


@dataclass(frozen=True)
class Letter:
    """One dead letter. `content` is None for what this release cannot read; a text in it is shown when asked for."""

    id: str
    reason: str
    error: str
    deliveries: int
    died_ms: int
    size: int
    content: Job | Result | None = field(default=None, repr=False)
    fields: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes], repr=False)

    @property
    def what(self) -> str:
        if self.content is None:
            return "unreadable"
        return "job" if isinstance(self.content, Job) else "result"

    @property
    def job(self) -> str:
        """Its id; this and the next three are empty for what cannot be read."""
        if self.content is None:
            return ""
        return self.content.id if isinstance(self.content, Job) else self.content.job

    @property
    def message(self) -> str:
        return self.content.message if self.content else ""

    @property
    def channel(self) -> str:
        return self.content.channel if self.content else ""

    @property
    def ts(self) -> str:
        return self.content.ts if self.content else ""


class DeadLetters:
    """Needs the operator's rights, where nothing else is said. Every method raises QueueError."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._key = queue.keys.stream(StreamName.DEAD)

    def __iter__(self) -> Iterator[Letter]:
        """All of them, oldest first, a page at a time."""
        after = "-"
        while rows := self._range(after, "+", PAGE):
            yield from (_letter(entry, fields) for entry, fields in rows)
            after = f"({rows[-1][0]}"

    def get(self, entry: str) -> Letter | None:
        rows = self._range(entry, entry, 1)
        return _letter(*rows[0]) if rows else None

    def retry(self, letter: Letter) -> bool:
        """Send a letter back to the stream it came from; False when somebody else was quicker or its message is gone.

        Safe to repeat: the letter leaves and the job comes in one step.
        """
        if not letter.content:
            return False
        state = JobState.QUEUED if isinstance(letter.content, Job) else JobState.LABELLED
        into = StreamName.JOBS if isinstance(letter.content, Job) else StreamName.RESULTS
        fields: dict[str, str | bytes] = {name.decode(): letter.fields[name] for name in (b"v", b"data")}
        finished = Finished(self._taken(letter), letter.job, letter.message, state, fields=fields)
        return self._queue.finish([finished], into=into)[0] is Finish.OK

    def purge(self, letter: Letter) -> bool:
        """Throw a letter away, text included; False when it was gone."""
        return self._queue.finish([Finished(self._taken(letter))], into=None)[0] is not Finish.FENCED

    def forget(self, *, older_than: timedelta) -> int:
        """Delete letters of so long ago, with the texts they hold; how many. A worker may do this."""
        with meaning():
            seconds, _ = self._queue.client.time()
            oldest_ms = (int(seconds) - int(older_than.total_seconds())) * 1000
            return self._queue.client.xtrim(self._key, minid=oldest_ms, approximate=False)

    def _taken(self, letter: Letter) -> Delivery:
        """Nobody reads this stream, so an entry is made ours before `finish` may retire it."""
        with meaning():
            self._queue.client.xclaim(
                self._key, StreamName.DEAD.group, self._queue.consumer, 0, [letter.id], force=True, justid=True
            )
        return Delivery(StreamName.DEAD, letter.id, letter.deliveries, letter.fields)

    def _range(self, low: str, high: str, count: int) -> list[tuple[str, dict[bytes, bytes]]]:
        with meaning():
            rows = cast("Sequence[Any]", self._queue.client.xrange(self._key, low, high, count=count))
        return [(entry.decode(), fields) for entry, fields in rows]


def _letter(entry: str, fields: dict[bytes, bytes]) -> Letter:
    def text(name: bytes) -> str:
        return fields.get(name, b"").decode(errors="replace")

    def number(name: bytes) -> int:
        return int(text(name)) if text(name).isdigit() else 0

    return Letter(
        entry,
        text(b"reason") or "unknown",
        text(b"error"),
        number(b"deliveries"),
        number(b"died_ms"),
        number(b"size"),
        content=_content(fields),
        fields=fields,
    )


def _content(fields: dict[bytes, bytes]) -> Job | Result | None:
    """What is kept of it; None for what this release cannot read."""
    try:
        kind = Result if "outcome" in json.loads(fields.get(b"data", b"")) else Job
        return kind.decode(fields)
    except (DecodeError, NewerSchema, ValueError, TypeError):
        return None
