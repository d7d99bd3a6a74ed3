"""What Slack signed, and whether it came before. Over the raw body, before anything in it is read."""

import hashlib
import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

import structlog
from slack_sdk.signature import Clock, SignatureVerifier

from worker.log import Seldom

# Slack's own window, and as long again for a clock that is behind ours.
REMEMBERED = timedelta(minutes=10)
# 32 bytes each; a workspace that clicks more often than sixteen times a second has other worries.
MOST = 10_000
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Signatures:
    """Safe for threads."""

    def __init__(self, secret: str, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._verifier = SignatureVerifier(secret, clock=_Now(clock))
        self._seen: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()
        self._seldom = Seldom()

    def is_slacks(self, body: str, timestamp: str, signature: str) -> bool:
        """Whether Slack signed this in the last five minutes. One that is right but for its time is told of."""
        if self._verifier.is_valid(body, timestamp, signature):
            return True
        # A stranger's is just wrong. Only Slack, or a replay, knows how to sign another time.
        right = self._verifier.generate_signature(timestamp=timestamp, body=body)
        if right and hmac.compare_digest(right, signature) and self._seldom.due("clock"):
            off = round(self._clock() - int(timestamp))
            _log.warning("slack's signature is right and its time is not: is this machine's clock?", off_seconds=off)
        return False

    def is_new(self, signature: str) -> bool:
        """False for a signature seen before. For what no job id makes harmless: clicks and commands.

        Remembered by this process alone: behind several, what a replay does must be harmless by itself.
        """
        now, key = self._clock(), hashlib.sha256(signature.encode()).digest()
        with self._lock:
            while self._seen and (len(self._seen) >= MOST or now - next(iter(self._seen.values())) > _SECONDS):
                self._seen.popitem(last=False)
            return key not in self._seen and self._seen.setdefault(key, now) == now


_SECONDS = REMEMBERED.total_seconds()


class _Now(Clock):
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock()
