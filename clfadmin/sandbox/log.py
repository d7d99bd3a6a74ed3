"""What went over the wire: envelopes with their attempts, Web API calls with their answers."""

from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import islice
from time import time
from typing import TypeVar

from clfadmin.sandbox.encoding import Json

Entry = TypeVar("Entry")

# Enough for a run of some thousand messages; older entries go, the counts stay.
MAX_ENTRIES = 20_000


@dataclass
class Attempt:
    """One delivery of an envelope. `answer` is the payload or body of the acknowledgement, `failure` Slack's reason."""

    number: int
    envelope_id: str
    via: str
    sent: float = field(default_factory=time)
    acked: float | None = None
    acked_by: str = ""
    answer: object = None
    failure: str = ""

    def json(self) -> Json:
        return {key: value for key, value in vars(self).items() if value not in (None, "")}


@dataclass
class Envelope:
    """One event, command or click on its way to the app, over all its attempts."""

    kind: str
    payload: Json
    state: str = "waiting"
    attempts: list[Attempt] = field(default_factory=list[Attempt])

    def json(self) -> Json:
        return {
            "kind": self.kind,
            "event_id": self.payload.get("event_id"),
            "event_type": self.payload.get("event", {}).get("type"),
            "state": self.state,
            "attempts": [attempt.json() for attempt in self.attempts],
            "payload": self.payload,
        }


def tail(entries: "deque[Entry]", last: int) -> "list[Entry]":
    return list(islice(entries, max(0, len(entries) - last), None))


@dataclass
class Log:
    """Both lists are capped; `counts` and `dropped` go on counting."""

    envelopes: deque[Envelope] = field(default_factory=lambda: deque[Envelope](maxlen=MAX_ENTRIES))
    calls: deque[Json] = field(default_factory=lambda: deque[Json](maxlen=MAX_ENTRIES))
    counts: Counter[str] = field(default_factory=Counter[str])

    def envelope(self, envelope: Envelope) -> None:
        self.counts["envelopes"] += 1
        self.envelopes.append(envelope)

    def call(self, call: Json) -> None:
        self.counts["calls"] += 1
        self.counts[f"calls:{call['method']}:{call['status']}"] += 1
        self.calls.append(call)

    def json(self, last: int = MAX_ENTRIES) -> Json:
        """Counts, and of both lists the `last` entries."""
        waiting = sum(envelope.state == "waiting" for envelope in self.envelopes)
        return {
            "envelopes": [envelope.json() for envelope in tail(self.envelopes, last)],
            "calls": tail(self.calls, last),
            "counts": dict(self.counts) | {"unacknowledged": waiting + self.counts["given_up"]},
            "dropped": {
                "envelopes": self.counts["envelopes"] - len(self.envelopes),
                "calls": self.counts["calls"] - len(self.calls),
            },
        }

    def clear(self) -> None:
        self.envelopes.clear()
        self.calls.clear()
        self.counts.clear()
