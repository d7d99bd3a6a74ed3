"""What the bot counts, for Prometheus. Names and classes only: no text, no person, no channel."""

import math
import time
from contextlib import suppress
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from worker.fleet import QueueLengths


class Heard(StrEnum):
    """What became of an event."""

    QUEUED = "queued"
    DUP = "dup"
    FULL = "full"  # the queue or Redis itself takes no more; it waits in Slack's history
    IGNORED = "ignored"
    UNWANTED = "unwanted"  # the channel's choice, or its author's
    MOVED = "moved"  # we were invited to a channel or removed from it
    DELETED = "deleted"  # a message that is gone; what there was of it went too
    HINT = "hint"
    FAILED = "failed"  # Redis did not take it; Slack was not acknowledged
    REFUSED = "refused"  # not signed, not for us, not readable
    DROPPED = "dropped"  # not looked at: too many wait already; Slack was not acknowledged
    RATE_LIMITED = "rate_limited"  # Slack tells us that it withheld events


class CaughtUp(StrEnum):
    """What became of a message found in Slack's history."""

    QUEUED = "queued"
    DUP = "dup"
    ANSWERED = "answered"  # it carries our reply
    UNWANTED = "unwanted"  # the channel's choice, or its author's
    SKIPPED = "skipped"  # beyond the limit of a channel
    UNREADABLE = "unreadable"  # a whole channel whose history Slack does not show us


class Metrics:
    """One set a tagger, in a registry of its own, so that two in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = Counter("clf_bot_events", "Events by what became of them.", ["outcome"], registry=self.registry)
        self.history = Counter(
            "clf_bot_history", "Messages read from Slack's history.", ["outcome"], registry=self.registry
        )
        self.replies = Counter(
            "clf_bot_replies", "Results by what became of them.", ["outcome"], registry=self.registry
        )
        self.calls = Counter(
            "clf_bot_slack_calls",
            "Calls to Slack by method and by the class of its answer.",
            ["method", "answer"],
            registry=self.registry,
        )
        self.call_seconds = Histogram(
            "clf_bot_slack_seconds", "Seconds one call to Slack took.", ["method"], registry=self.registry
        )
        self.reply_seconds = Histogram(
            "clf_bot_reply_seconds",
            "Seconds from a message to its reply.",
            buckets=(0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600, 86_400),
            registry=self.registry,
        )
        self.duplicates = Counter(
            "clf_bot_duplicates", "Replies beyond the first that were seen in a thread.", registry=self.registry
        )
        self.forms = Counter(
            "clf_bot_replies_forms", "Replies posted or found, by what people see.", ["form"], registry=self.registry
        )
        self.crowded = Gauge(
            "clf_bot_channels_crowded", "Channels that get reactions or digests for now.", registry=self.registry
        )
        self.held = Gauge("clf_bot_results_held", "Results leased and not yet posted.", registry=self.registry)
        self.connected = Gauge("clf_bot_connected", "1 while Slack can reach us.", registry=self.registry)
        self.reconnects = Counter("clf_bot_reconnects", "Sockets opened after the first.", registry=self.registry)
        self.queue = Gauge("clf_queue_entries", "What the queue holds.", ["what"], registry=self.registry)

    def heard(self, outcome: Heard) -> None:
        self.events.labels(outcome.value).inc()

    def caught_up(self, outcome: CaughtUp, count: int = 1) -> None:
        self.history.labels(outcome.value).inc(count)

    def called(self, method: str, answer: str, seconds: float) -> None:
        self.calls.labels(method, answer).inc()
        self.call_seconds.labels(method).observe(seconds)

    def answered(self, ts: str) -> None:
        """A reply stands under what was written at `ts`."""
        with suppress(ValueError):  # a queue entry may name any word as its time
            seconds = time.time() - float(ts)
            if math.isfinite(seconds):
                self.reply_seconds.observe(max(0.0, seconds))

    def replied(self, outcome: str) -> None:
        self.replies.labels(outcome).inc()

    def text(self, lengths: QueueLengths | None) -> bytes:
        """All figures; those of the queue are `lengths`, or no numbers where it does not answer."""
        for what in ("waiting", "leased", "results", "dead"):
            self.queue.labels(what).set(getattr(lengths, what) if lengths else math.nan)
        return generate_latest(self.registry)
