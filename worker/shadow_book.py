"""Which candidate labels beside the version served, and how often both said the same. One hash, no text in it.

It stands beside one commit: as soon as another version is served, by a swap or a rollback, it has ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from worker.connection import meaning
from worker.jobs import Keys

CHANGE, WORKER = "change:", "worker:"


@dataclass(frozen=True)
class Shadow:
    """`texts` both labelled, `same` of them alike; `sure` of which both were sure, `sure_same` of those alike.
    `skipped` came while there was no time, `failed` made the candidate fail. `changes` counts "before → after";
    `workers` say how far they are."""

    version: str
    sha256: str
    gen: int
    since_ms: int
    texts: int = 0
    same: int = 0
    sure: int = 0
    sure_same: int = 0
    skipped: int = 0
    failed: int = 0
    changes: Mapping[str, int] = field(default_factory=dict[str, int])
    workers: Mapping[str, str] = field(default_factory=dict[str, str])


class ShadowBook:
    """On a client that somebody else owns. Raises QueueError; every call may be repeated."""

    def __init__(self, client: Any, keys: Keys) -> None:
        self._client, self._key = client, keys.shadow
        self._script: Any = client.register_script((resources.files("worker") / "scripts" / "shadow.lua").read_text())

    def begin(self, *, version: str, sha256: str, gen: int, now_ms: int) -> None:
        """Label with `version` beside what commit `gen` made active, from nought."""
        self._run("begin", sha256, gen, version, now_ms)

    def end(self, shadow: Shadow) -> bool:
        """False: another one had begun meanwhile."""
        return self._run("end", shadow.sha256, shadow.gen)

    def add(self, shadow: Shadow, counts: Mapping[str, int]) -> None:
        flat = [part for pair in counts.items() for part in pair]
        if flat:
            self._run("add", shadow.sha256, shadow.gen, *flat)

    def note(self, shadow: Shadow, worker: str, state: str) -> None:
        """How far a worker is with it: loading, loaded, or why it failed."""
        self._run("note", shadow.sha256, shadow.gen, WORKER + worker, state)

    def read(self, *, gen: int) -> Shadow | None:
        """The one beside commit `gen`, None where there is none or it has ended."""
        with meaning():
            row = {name.decode(): value.decode() for name, value in self._client.hgetall(self._key).items()}
        if not row or row.get("gen") != str(gen):
            return None
        counted = ("texts", "same", "sure", "sure_same", "skipped", "failed")
        return Shadow(
            version=row["version"],
            sha256=row["sha256"],
            gen=gen,
            since_ms=int(row["since_ms"]),
            **{name: int(row.get(name, 0)) for name in counted},
            changes={name.removeprefix(CHANGE): int(count) for name, count in row.items() if name.startswith(CHANGE)},
            workers={name.removeprefix(WORKER): state for name, state in row.items() if name.startswith(WORKER)},
        )

    def _run(self, operation: str, sha256: str, gen: int, *rest: Any) -> bool:
        with meaning():
            return bool(self._script(keys=[self._key], args=[operation, sha256, gen, *rest]))
