"""When a call may go out: Slack's limits, kept before Slack has to say so. Pure: the caller brings the time.

Times are seconds of a monotonic clock. Numbers: docs.slack.dev/apis/web-api/rate-limits.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

POST = "chat.postMessage"
WHISPER = "chat.postEphemeral"
REACT = "reactions.add"
READ = "conversations.replies"
# By the tier of each method: three 50, two 20, four 100.
_CALLS = {REACT: 50, READ: 50, WHISPER: 100, "chat.update": 50, "chat.delete": 50, "reactions.remove": 20}


@dataclass(frozen=True)
class Limits:
    """`channel_per_second` posts in a channel, `channel_burst` of them at once; the others count calls a minute.

    A little below what Slack allows (1, and "several hundred"): two posts sent a second apart may arrive closer.
    """

    channel_per_second: float = 0.95
    channel_burst: int = 3
    posts_per_minute: int = 290
    calls_per_minute: dict[str, int] = field(default_factory=lambda: dict(_CALLS))


class Bucket:
    """Tokens that come back at `rate` a second, `burst` at most."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._at = float(burst), 0.0

    def wait(self, now: float) -> float:
        # A hair of tolerance: rounding must not turn "now" into a wait of a nanosecond.
        return max(0.0, (1 - self._left(now) - 1e-9) / self._rate)

    def take(self, now: float) -> None:
        self._tokens = self._left(now) - 1
        self._at = now

    def is_full(self, now: float) -> bool:
        return self._left(now) >= self._burst

    def _left(self, now: float) -> float:
        return min(float(self._burst), self._tokens + (now - self._at) * self._rate)


class Window:
    """At most `limit` calls in any `span` seconds."""

    def __init__(self, limit: int, span: float = 60.0) -> None:
        self._span = span
        self._times: deque[float] = deque(maxlen=limit)

    def wait(self, now: float) -> float:
        if len(self._times) < (self._times.maxlen or 0):
            return 0.0
        return max(0.0, self._times[0] + self._span - now)

    def take(self, now: float) -> None:
        self._times.append(now)


class Pace:
    """What goes out when, for one workspace. Not safe for threads: the lanes' lock guards it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._channels: dict[str, Bucket] = {}
        self._posts = Window(self._limits.posts_per_minute)
        self._calls = {method: Window(number) for method, number in self._limits.calls_per_minute.items()}
        self._pauses: dict[tuple[str, str], float] = {}

    @property
    def posts_per_second(self) -> float:
        """In one channel."""
        return self._limits.channel_per_second

    def wait(self, method: str, channel: str, now: float) -> float:
        """Seconds until a call may go out, 0 for now."""
        waits = [self._pauses.get(key, now) - now for key in ((method, channel), (method, ""))]
        waits += [limiter.wait(now) for limiter in self._limiters(method, channel)]
        return max(0.0, *waits)

    def take(self, method: str, channel: str, now: float) -> None:
        for limiter in self._limiters(method, channel):
            limiter.take(now)
        if len(self._channels) > 10_000:
            self._forget(lambda bucket: bucket.is_full(now))

    def pause(self, method: str, channel: str, span: timedelta, now: float) -> None:
        """Slack said Retry-After. Posts are limited by channel, everything else for the workspace."""
        key = (method, channel if method == POST else "")
        self._pauses[key] = max(self._pauses.get(key, 0.0), now + span.total_seconds())
        self._pauses = {one: until for one, until in self._pauses.items() if until > now}

    def _limiters(self, method: str, channel: str) -> list[Bucket | Window]:
        found: list[Bucket | Window] = [self._calls[method]] if method in self._calls else []
        if method == POST:
            if channel not in self._channels:
                self._channels[channel] = Bucket(self._limits.channel_per_second, self._limits.channel_burst)
            found += [self._channels[channel], self._posts]
        return found

    def _forget(self, is_idle: Callable[[Bucket], bool]) -> None:
        self._channels = {name: bucket for name, bucket in self._channels.items() if not is_idle(bucket)}
