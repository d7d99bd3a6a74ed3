"""What the processes know of each other: heartbeats, the model the fleet shall serve, and how full the queue is."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from enum import StrEnum
from importlib import resources
from typing import Any, TypeVar, cast

from worker.connection import READER, GroupMissing, connect, meaning
from worker.jobs import Keys, StreamName

BEAT_EVERY = timedelta(seconds=2)
# Three beats: one may be late, two are a pattern.
ALIVE = timedelta(seconds=6)
# A candidate nobody commits expires, so that an operator who vanished half way blocks nobody for long.
CANDIDATE_TTL = timedelta(minutes=5)

_LONG_IDLE_MS = int(timedelta(hours=1).total_seconds() * 1000)  # beyond every lease

B = TypeVar("B", "WorkerBeat", "BotBeat")


class Prepared(StrEnum):
    """How far a worker is with the candidate."""

    NONE = ""
    LOADING = "loading"
    PREPARED = "prepared"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class WorkerBeat:
    """One worker's heartbeat. `*_ms` are the server's clock, so that hosts need not agree on the time."""

    id: str
    host: str
    pid: int
    version: str
    gen: int
    state: str  # starting, ready, stopping
    runtime: str
    labels: str = ""  # of the version, one a line
    languages: str = ""  # codes of those the version was trained for, with spaces between
    in_flight: int = 0
    last_finished_ms: int = 0
    threads: int = 0
    token_budget: int = 0
    candidate_gen: int = 0
    candidate_by: str = ""  # whose proposal: two in a row have the same gen
    candidate: Prepared = Prepared.NONE
    code: str = ""  # why it failed, in a word: missing, sha256, canary, ...
    reason: str = ""
    seconds: float = 0.0
    served_gen: int = 0  # the last gen a batch was really served with
    beat_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class BotBeat:
    """One bot's heartbeat."""

    id: str
    host: str
    pid: int
    mode: str  # socket or http
    connected: bool
    sockets: int  # sockets of the app as Slack counts them; more than our bots means a second environment
    app: str = ""
    team: str = ""  # this and what follows: empty where it serves several workspaces
    bot_user: str = ""
    bot_name: str = ""  # what people type after /invite @
    workspaces: int = 1
    channels: int = -1  # conversations the bot is in, -1 while unknown
    last_event_ms: int = 0
    catching_up: bool = False
    crowded: int = 0  # channels with more to answer than fits: they get reactions or digests
    problem: str = ""  # one line: why nothing is posted at present
    beat_ms: int = 0


@dataclass(frozen=True)
class Model:
    """The model hash. gen 0: nothing was committed yet."""

    gen: int = 0
    version: str = ""
    sha256: str = ""
    by: str = ""
    prev_version: str = ""
    prev_sha256: str = ""
    next_gen: int = 0
    next_version: str = ""
    next_sha256: str = ""
    next_by: str = ""
    next_until: int = 0
    rolled_back_gen: int = 0  # the last commit that was a rollback
    rolled_back_from: str = ""
    rolled_back_why: str = ""  # empty: an operator's wish


@dataclass(frozen=True)
class QueueLengths:
    """`waiting`: jobs no worker has; `leased`: jobs being worked on."""

    waiting: int
    leased: int
    results: int
    dead: int


@dataclass(frozen=True, kw_only=True)
class QueueStats(QueueLengths):
    """`oldest_seconds`: age of the oldest job left."""

    oldest_seconds: float


class Fleet:
    """Heartbeats and the model hash. All writes are plain overwrites or one script, so re-sending does no harm."""

    def __init__(self, url: str, *, keys: Keys) -> None:
        self.client: Any = connect(url, READER, name="clf-fleet")
        self.keys = keys
        text = (resources.files("worker") / "scripts" / "model.lua").read_text()
        self._model: Any = self.client.register_script(text)

    def close(self) -> None:
        self.client.close()

    def now_ms(self) -> int:
        """The server's clock in milliseconds."""
        with meaning():
            seconds, micros = self.client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def beat(self, beat: WorkerBeat | BotBeat) -> int:
        """Write a heartbeat with the server's time; returns that time in milliseconds."""
        now = self.now_ms()
        with meaning():
            self.client.hset(self._table(type(beat)), beat.id, json.dumps(asdict(beat) | {"beat_ms": now}))
        return now

    def leave(self, beat: WorkerBeat | BotBeat) -> None:
        with meaning():
            self.client.hdel(self._table(type(beat)), beat.id)

    def paused(self) -> str:
        """Why the operator wants nothing posted, in one line; empty when replies may go out."""
        with meaning():
            return (self.client.hget(self.keys.control, "paused") or b"").decode(errors="replace")

    def pause(self, why: str) -> None:
        """Every bot reads this with its heartbeat. The empty string lifts it."""
        with meaning():
            if why:
                self.client.hset(self.keys.control, "paused", why)
            else:
                self.client.hdel(self.keys.control, "paused")

    def workers(self, *, alive: bool = True) -> list[WorkerBeat]:
        return self._beats(WorkerBeat, alive=alive)

    def bots(self, *, alive: bool = True) -> list[BotBeat]:
        return self._beats(BotBeat, alive=alive)

    def forget_dead(self, *, left_for: timedelta) -> int:
        """Remove workers' heartbeats that stopped `left_for` ago; how many."""
        oldest = self.now_ms() - left_for // timedelta(milliseconds=1)
        dead = [beat for beat in self.workers(alive=False) if beat.beat_ms < oldest]
        for beat in dead:
            self.leave(beat)
        return len(dead)

    def _table(self, kind: type) -> str:
        return self.keys.workers if kind is WorkerBeat else self.keys.bots

    def _beats(self, kind: type[B], *, alive: bool) -> list[B]:
        with meaning():
            rows = self.client.hgetall(self._table(kind))
        oldest = self.now_ms() - int(ALIVE.total_seconds() * 1000)
        beats = [beat for raw in rows.values() if (beat := _decoded(kind, raw))]
        return sorted((beat for beat in beats if not alive or beat.beat_ms > oldest), key=lambda beat: beat.id)

    def model(self) -> Model:
        with meaning():
            row = self.client.hgetall(self.keys.model)
        text = {name.decode(): value.decode() for name, value in row.items()}
        known: dict[str, Any] = {one.name: one.type for one in fields(Model) if one.name in text}
        return Model(**{name: kind(text[name]) for name, kind in known.items()})

    def propose(self, *, gen: int, by: str, version: str, sha256: str) -> bool:
        """Make `version` the candidate if `gen` is still the last commit and no other candidate lives."""
        ttl_ms = int(CANDIDATE_TTL.total_seconds() * 1000)
        return self._change("propose", gen, by, version, sha256, ttl_ms)

    def commit(self, *, gen: int, by: str) -> bool:
        """Make our candidate what the fleet shall serve. True also if an earlier call did and its answer got lost."""
        if self._change("commit", gen, by):
            return True
        model = self.model()
        return model.gen == gen + 1 and model.by == by

    def abort(self, *, gen: int, by: str) -> bool:
        return self._change("abort", gen, by)

    def roll_back(self, *, gen: int, by: str, why: str = "") -> bool:
        """Serve the previous version again at once, under a new gen. False: there is none, or a newer commit."""
        return self._change("rollback", gen, by, why)

    def adopt(self, *, gen: int, by: str, version: str, sha256: str) -> bool:
        """Commit what this home serves, where nothing is committed: a first start, or a broker that lost its data."""
        return self._change("adopt", 0, by, gen, version, sha256)

    def _change(self, operation: str, gen: int, by: str, *rest: Any) -> bool:
        with meaning():
            answer, _ = self._model(keys=[self.keys.model], args=[operation, gen, by, *rest])
        return answer == b"ok"

    def stats(self) -> QueueStats:
        """Raises QueueError; needs the operator's rights (XRANGE)."""
        return QueueStats(**asdict(self.lengths()), oldest_seconds=self.oldest_seconds(StreamName.JOBS))

    def lengths(self) -> QueueLengths:
        """What anybody may count. Raises QueueError."""
        length = {name: self._length(name) for name in StreamName}
        leased = self._leased(StreamName.JOBS)
        return QueueLengths(
            waiting=max(length[StreamName.JOBS] - leased, 0),
            leased=leased,
            results=length[StreamName.RESULTS],
            dead=length[StreamName.DEAD],
        )

    def _length(self, name: StreamName) -> int:
        with meaning():
            return self.client.xlen(self.keys.stream(name))

    def _leased(self, name: StreamName) -> int:
        try:
            with meaning():
                return self.client.xpending(self.keys.stream(name), name.group)["pending"]
        except GroupMissing:  # no worker has been here yet
            return 0

    def oldest_seconds(self, name: StreamName) -> float:
        """Age of the oldest entry left, 0 for an empty stream."""
        with meaning():
            first = self.client.xrange(self.keys.stream(name), count=1)
        if not first:
            return 0.0
        born_ms = int(first[0][0].decode().partition("-")[0])
        return max(self.now_ms() - born_ms, 0) / 1000

    def orphans(self, name: StreamName) -> list[str]:
        """Entries handed out once, pending for nobody: no reader will ever get them. Raises QueueError."""
        with meaning():
            groups: Any = self.client.xinfo_groups(self.keys.stream(name)) if self._length(name) else []
            ours = [group for group in groups if group["name"] == name.group.encode()]
            handed_out = ours[0]["last-delivered-id"] if ours else b"0-0"
            entries: Any = self.client.xrange(self.keys.stream(name), max=handed_out, count=10_000)
            rows: Any = self.client.xpending_range(self.keys.stream(name), name.group, "-", "+", 10_000) if ours else []
        pending = {row["message_id"] for row in rows}
        return [entry.decode() for entry, _ in entries if entry not in pending]

    def bring_back(self, name: StreamName, entries: Sequence[str]) -> int:
        """Hand orphans to whoever reclaims next; returns how many. Doing it twice does no harm."""
        with meaning():
            # FORCE makes the pending row that is missing; IDLE lets the next reclaim take it at once.
            claimed = self.client.xclaim(
                self.keys.stream(name),
                name.group,
                "doctor",
                0,
                entries,
                idle=_LONG_IDLE_MS,
                retrycount=0,
                force=True,
                justid=True,
            )
        return len(claimed)

    def dead_reasons(self) -> Counter[str]:
        """Why the latest thousand dead letters were given up."""
        with meaning():
            letters = self.client.xrevrange(self.keys.stream(StreamName.DEAD), count=1_000)
        return Counter(fields.get(b"reason", b"unknown").decode(errors="replace") for _, fields in letters)


def _decoded(kind: type[B], raw: bytes) -> B | None:
    """A heartbeat, or None for one of another release we cannot read: it is not alive for us."""
    try:
        data = cast("dict[str, Any]", json.loads(raw))
        known = {one.name for one in fields(kind)}
        return kind(**{name: value for name, value in data.items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return None
