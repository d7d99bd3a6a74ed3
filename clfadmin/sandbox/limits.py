"""Slack's rate limits: tiers by method, and posts by channel and workspace."""

import math
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum

from clfadmin.sandbox.clock import Clock


class Tier(IntEnum):
    """Calls a minute. The documentation promises at least these; the sandbox allows exactly these."""

    ONE = 1
    TWO = 20
    THREE = 50
    FOUR = 100
    NONE = 1_000_000


# "Short bursts are tolerated", how long is not said: enough to open ten sockets, for which the SDK may call twice.
BURST = 20
CHANNEL_BURST = 3
CHANNEL_PER_SECOND = 1.0
WORKSPACE_PER_MINUTE = 300


@dataclass
class Bucket:
    """Tokens that come back at `rate` a second up to `size`."""

    size: float
    rate: float
    filled: float
    at: float

    def wait(self, now: float) -> float:
        """Seconds until the next call may pass; zero when it may now."""
        self.filled = min(self.size, self.filled + (now - self.at) * self.rate)
        self.at = now
        return 0.0 if self.filled >= 1.0 else (1.0 - self.filled) / self.rate

    def take(self) -> None:
        self.filled -= 1.0


@dataclass
class Limits:
    """All waiting times are scaled by the clock, so that a hurried sandbox forgives sooner."""

    clock: Clock
    methods: dict[tuple[str, str], Bucket] = field(default_factory=dict[tuple[str, str], Bucket])
    channels: dict[tuple[str, str], Bucket] = field(default_factory=dict[tuple[str, str], Bucket])
    posts: dict[str, deque[float]] = field(default_factory=dict[str, deque[float]])

    def method(self, team: str, name: str, tier: Tier) -> int:
        """Whole real seconds to wait before this call, zero when it may pass and is counted."""
        size = float(max(BURST, tier))
        bucket = self.methods.setdefault((team, name), Bucket(size, tier / 60, size, self.clock.now()))
        return self._pass(bucket)

    def post(self, team: str, channel: str) -> int:
        """The same for a post: one a second and channel with bursts of three, 300 a minute and workspace."""
        now = self.clock.now()
        recent = self.posts.setdefault(team, deque())
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if len(recent) >= WORKSPACE_PER_MINUTE:
            return self._whole(recent[0] + 60 - now)
        fresh = Bucket(CHANNEL_BURST, CHANNEL_PER_SECOND, CHANNEL_BURST, now)
        wait = self._pass(self.channels.setdefault((team, channel), fresh))
        if not wait:
            recent.append(now)
        return wait

    def _pass(self, bucket: Bucket) -> int:
        wait = bucket.wait(self.clock.now())
        if wait:
            return self._whole(wait)
        bucket.take()
        return 0

    def _whole(self, scaled: float) -> int:
        return max(1, math.ceil(scaled / self.clock.speed))

    def clear(self) -> None:
        self.methods.clear()
        self.channels.clear()
        self.posts.clear()
