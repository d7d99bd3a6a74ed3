"""Moves a fleet of workers to a version in two phases: all have it ready, then all serve it. Prints nothing.

Whoever runs this may die at any moment: before the commit the proposal expires and nothing has changed, after it the
workers finish the switch among themselves.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from worker.fleet import Fleet, Model, WorkerBeat

T = TypeVar("T")

POLL_SECONDS = 0.1
# A broker that fails over is back within seconds; a call that stays unanswered longer ends the command.
REDIS_SECONDS = 10.0
SETTLE_MS = 1000
# What a worker may fail for without the version being at fault.
NOT_ITS_FAULT = ("missing", "memory", "storage")


class State(StrEnum):
    """How a swap ended. COMMITTED: it will be served, but no worker has shown that yet. WOULD_SWAP: not tried."""

    ACTIVE = "active"
    COMMITTED = "committed"
    REFUSED = "refused"
    ABORTED = "aborted"
    CONFLICT = "conflict"
    WOULD_SWAP = "would-swap"


@dataclass(frozen=True)
class Row:
    """One worker: loading, prepared, failed, waiting (for its switch) or active; `seconds` since the command began."""

    host: str
    state: str
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """`reason` is one line, empty where all went well."""

    before: str
    to: str
    state: State
    seconds: float
    workers: dict[str, Row] = field(default_factory=dict[str, Row])
    reason: str = ""


# Called with the rows so far whenever one of them changed.
Watch = Callable[[dict[str, Row]], None]


class Swap:
    """One change of what the fleet serves. `workers` are the rows last seen, also after an interruption."""

    def __init__(self, fleet: "Fleet", *, timeout: timedelta, watch: Watch) -> None:
        self.fleet = fleet
        self.timeout = timeout
        self.by = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.committed = False
        self.workers: dict[str, Row] = {}
        self._watch = watch
        self._began = time.monotonic()

    def to(self, name: str, sha256: str, *, unattended: bool = False) -> Outcome:
        """Both phases. `unattended`: no worker need take part, the version was checked by other means.

        Raises QueueError; Ctrl-C before the commit takes the proposal back.
        """
        model = patiently(self.fleet.model)
        if (model.version, model.sha256) == (name, sha256):
            return self._until_active(model)
        try:
            if not patiently(lambda: self.fleet.propose(gen=model.gen, by=self.by, version=name, sha256=sha256)):
                return self._conflict(model, name)
            refused = self._until_prepared(model, name, unattended=unattended)
        # Ctrl-C above all, also before the answer to the proposal is here: nobody should wait for five minutes until it
        # expires. Of somebody else's proposal nothing is taken back.
        except BaseException:
            self.fleet.abort(gen=model.gen, by=self.by)
            raise
        if refused:
            patiently(lambda: self.fleet.abort(gen=model.gen, by=self.by))
            return refused
        if not patiently(lambda: self.fleet.commit(gen=model.gen, by=self.by)):
            return self._conflict(model, name)
        return self._until_active(patiently(self.fleet.model), before=model.version)

    def back(self) -> Outcome:
        """To the previous version, which running workers still hold in memory. Raises QueueError."""
        model = patiently(self.fleet.model)
        if not patiently(lambda: self._rolled_back(model.gen)):
            return self._conflict(model, model.prev_version)
        return self._until_active(patiently(self.fleet.model), before=model.version)

    def live(self) -> "list[WorkerBeat]":
        """Workers that count: those that beat and are not about to leave."""
        return [beat for beat in patiently(self.fleet.workers) if beat.state != "stopping"]

    def _rolled_back(self, gen: int) -> bool:
        if self.fleet.roll_back(gen=gen, by=self.by):
            return True
        # Asked a second time after a lost answer, the script says conflict; the hash knows who did it.
        model = self.fleet.model()
        return model.gen == gen + 1 and model.by == self.by

    def _until_prepared(self, model: "Model", name: str, *, unattended: bool) -> Outcome | None:
        """None once every worker has the candidate ready; else why it was given up."""
        for beats in self._polls():
            self._note({beat.id: self._preparing(beat) for beat in beats})
            if any(row.state == "failed" for row in self.workers.values()):
                return self._given_up(model, name, beats)
            # Workers that all vanished meanwhile have shown nothing.
            if (beats or unattended) and all(row.state == "prepared" for row in self.workers.values()):
                return None
        late = [row.host for row in self.workers.values() if row.state != "prepared"] or ["any worker"]
        reason = f"Not ready within {self.timeout.total_seconds():g} s: {', '.join(sorted(set(late)))}."
        return self._outcome(model.version, name, State.ABORTED, reason)

    def _preparing(self, beat: "WorkerBeat") -> Row:
        # Two proposals in a row have the same number: only `candidate_by` tells ours.
        ours = beat.candidate_by == self.by
        state = str(beat.candidate) if ours and beat.candidate else "loading"
        return self._row(beat, state, f"{beat.code}: {beat.reason}" if state == "failed" else "")

    def _given_up(self, model: "Model", name: str, beats: "list[WorkerBeat]") -> Outcome:
        failed = [beat for beat in beats if self.workers[beat.id].state == "failed"]
        at_fault = [beat for beat in failed if beat.code not in NOT_ITS_FAULT]
        first = (at_fault or failed)[0]
        state = State.REFUSED if at_fault else State.ABORTED
        return self._outcome(model.version, name, state, f"{first.host} ({first.code}): {first.reason}")

    def _until_active(self, model: "Model", *, before: str | None = None) -> Outcome:
        """Wait until each worker has answered a batch with the commit in `model`."""
        self.committed = True
        before = model.version if before is None else before
        since_ms = patiently(self.fleet.now_ms)
        for beats in self._polls():
            self._note({beat.id: self._switching(beat, model.gen, since_ms) for beat in beats})
            states = {row.state for row in self.workers.values()}
            if not states:
                return self._outcome(before, model.version, State.COMMITTED, "")
            if states == {"active"}:
                return self._outcome(before, model.version, State.ACTIVE, "")
            if "failed" in states:
                break
        late = sorted({row.host for row in self.workers.values() if row.state != "active"})
        reason = f"Committed, but not yet served by: {', '.join(late)}. See `clfadmin status`."
        return self._outcome(before, model.version, State.COMMITTED, reason)

    def _switching(self, beat: "WorkerBeat", gen: int, since_ms: int) -> Row:
        if beat.served_gen >= gen:
            return self._row(beat, "active")
        # A beat from about the time of the commit may still tell of an earlier failure.
        if beat.code and beat.beat_ms > since_ms + SETTLE_MS:
            return self._row(beat, "failed", f"{beat.code}: {beat.reason}")
        return self._row(beat, "waiting")

    def _polls(self) -> "Iterator[list[WorkerBeat]]":
        """The live workers, again and again until the time is up; at least once."""
        deadline = time.monotonic() + self.timeout.total_seconds()
        while True:
            yield self.live()
            if time.monotonic() >= deadline:
                return
            time.sleep(POLL_SECONDS)

    def _row(self, beat: "WorkerBeat", state: str, reason: str = "") -> Row:
        known = self.workers.get(beat.id)
        seconds = known.seconds if known and known.state == state else self._seconds()
        return Row(beat.host, state, seconds, reason)

    def _note(self, rows: dict[str, Row]) -> None:
        changed = rows != self.workers
        self.workers = rows
        if changed:
            self._watch(rows)

    def _conflict(self, model: "Model", name: str) -> Outcome:
        now = patiently(self.fleet.model)
        other = f"{now.next_by} prepares {now.next_version!r}" if now.next_by else f"{now.version!r} was committed"
        reason = f"Another change is under way: {other}. Look at `clfadmin status`, then try again."
        return self._outcome(model.version, name, State.CONFLICT, reason)

    def _outcome(self, before: str, to: str, state: State, reason: str) -> Outcome:
        return Outcome(before, to, state, self._seconds(), self.workers, reason)

    def _seconds(self) -> float:
        return round(time.monotonic() - self._began, 2)


def patiently(call: Callable[[], T]) -> T:
    """Repeat a call while Redis does not answer, for up to ten seconds. Only for calls that may run twice."""
    from worker.connection import Unavailable

    deadline = time.monotonic() + REDIS_SECONDS
    while True:
        try:
            return call()
        except Unavailable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(POLL_SECONDS)
