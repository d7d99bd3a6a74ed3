"""What `clfadmin doctor` looks at, and what it finds: values only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from clfadmin.bot_facts import SlackFacts
from worker.fleet import BotBeat, Model, QueueStats, WorkerBeat


class State(StrEnum):
    """PROBLEM: it does not work as it should. WARNING: it works, and something will be missed. UNKNOWN: not checked."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    check: str
    state: State
    what: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Server:
    """What Redis or Valkey says of itself. None where it would not tell."""

    version: tuple[int, int] | None = None  # of Redis, or the one a Valkey says it is like
    valkey: str = ""
    eviction: str | None = None
    append_only: bool | None = None
    clock_ahead_seconds: float = 0.0  # this host against the server


@dataclass(frozen=True, kw_only=True)
class Queue:
    """`orphans`: how many entries of a stream no reader will ever get. `dead`: number of letters by reason."""

    stats: QueueStats
    oldest_result_seconds: float = 0.0
    orphans: dict[str, int] = field(default_factory=dict[str, int])
    dead: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything the checks look at. `slack` and the Redis part are None with the reason beside them."""

    slack: SlackFacts | None = None
    no_slack: str = ""
    server: Server | None = None
    no_server: str = ""
    queue: Queue | None = None
    model: Model = field(default_factory=Model)
    workers: Sequence[WorkerBeat] = ()
    bots: Sequence[BotBeat] = ()
    disk_free_bytes: int | None = None
    home: str = ""


def good(check: str, what: str) -> list[Finding]:
    return [Finding(check, State.OK, what)]


def unknown(check: str, why: str) -> list[Finding]:
    return [Finding(check, State.UNKNOWN, f"could not be checked: {why}")]


def warning(check: str, what: str, remedy: str) -> list[Finding]:
    return [Finding(check, State.WARNING, what, remedy)]


def problem(check: str, what: str, remedy: str) -> list[Finding]:
    return [Finding(check, State.PROBLEM, what, remedy)]
