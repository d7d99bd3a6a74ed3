"""What is on its way to the app. Events: four attempts, Slack's waiting times, whatever carries them."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from clfadmin.sandbox.clock import Clock
from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.faults import Faults
from clfadmin.sandbox.log import Attempt, Envelope, Log

# Seconds before each attempt: the first, then at once, after a minute, after five.
WAITS = (0.0, 0.0, 60.0, 300.0)
PATIENCE = 3.0  # seconds an app has to acknowledge
# A hurried clock does not make the app's machine faster: below this every busy app would seem dead.
LEAST_PATIENCE = 1.0
# What Slack says about the attempt before: over sockets the first, over HTTP the others.
REASONS = frozenset({"timeout", "http_timeout", "http_error", "connection_failed"})
# How long a reordered event waits for others to be mixed with.
REORDER_WINDOW = 1.0


class Carrier(Protocol):
    """Socket Mode or signed HTTP."""

    async def carry(self, envelope: Envelope, attempt: Attempt, reason: str, patience: float) -> None:
        """Hand over once and fill in the attempt: `acked`, or `failure` with a word for it."""
        ...

    def state(self) -> Json:
        """`connected` and the number of `sockets`, for the page and for testers."""
        ...


@dataclass
class Dispatcher:
    """Starts one task for each envelope; none waits for another."""

    clock: Clock
    faults: Faults
    log: Log
    carrier: Carrier
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    held: list[Json] = field(default_factory=list[Json])
    hold: int = 0

    def publish(self, payload: Json) -> None:
        """Send an event, twice or later than its successors where a fault says so."""
        if self.faults.take("reorder_events"):
            self.hold = max(self.hold, 2)
            self._spawn(self._release_after(REORDER_WINDOW))
        if self.hold:
            self.held.append(payload)
            if len(self.held) >= self.hold and not self.faults.has("reorder_events"):
                self._release()
            return
        self._send(payload)

    def _send(self, payload: Json) -> None:
        for _ in range(2 if self.faults.take("duplicate_events") else 1):
            envelope = Envelope("events_api", payload)
            self.log.envelope(envelope)
            self._spawn(self._deliver(envelope))

    async def ask(self, kind: str, payload: Json) -> Attempt:
        """A command or click: sent once, with Slack's patience; a person is waiting, so nothing is sent again."""
        envelope, attempt = Envelope(kind, payload), Attempt(0, "", "")
        envelope.attempts.append(attempt)
        self.log.envelope(envelope)
        await self.carrier.carry(envelope, attempt, "", PATIENCE)
        self.log.counts["attempts"] += 1
        envelope.state = "given_up" if attempt.acked is None else "acked"
        self.log.counts[envelope.state] += 1
        return attempt

    def _release(self) -> None:
        held, self.held, self.hold = self.held, [], 0
        for payload in reversed(held):
            self._send(payload)

    async def _release_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._release()

    async def _deliver(self, envelope: Envelope) -> None:
        reason = ""
        for number, wait in enumerate(WAITS):
            await self.clock.sleep(wait)
            attempt = Attempt(number, "", "")
            envelope.attempts.append(attempt)
            await self.carrier.carry(envelope, attempt, reason, self.patience())
            self.log.counts["attempts"] += 1
            if attempt.acked is not None:
                envelope.state = "acked"
                self.log.counts["acked"] += 1
                return
            if attempt.failure == "no_retry":
                break
            reason = attempt.failure if attempt.failure in REASONS else "unknown_error"
        envelope.state = "given_up"
        self.log.counts["given_up"] += 1

    def patience(self) -> float:
        """Real seconds to wait for an acknowledgement."""
        return max(PATIENCE / self.clock.speed, min(PATIENCE, LEAST_PATIENCE))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def clear(self) -> None:
        """Forget everything under way."""
        for task in tuple(self.tasks):
            task.cancel()
        self.held.clear()
        self.hold = 0
