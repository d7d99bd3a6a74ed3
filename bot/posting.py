"""How a poster works: limits, leases, how long it waits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bot.crowd import Crowding
from bot.pacing import Limits
from bot.slack_client import HTTP_TIMEOUT
from worker.stream import RESULT_LEASE

# After wrong credentials: is it mended? `auth.test` costs Slack nothing.
PROBE_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Posting:
    """How a poster works; the defaults are for Slack, tests shorten them."""

    limits: Limits = field(default_factory=Limits)
    crowding: Crowding = field(default_factory=Crowding)
    lease: timedelta = RESULT_LEASE
    call_takes: timedelta = HTTP_TIMEOUT
    probe_every: timedelta = PROBE_EVERY
    at: Callable[[str], None] = lambda _: None  # called with the name of each kill point
