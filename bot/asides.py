"""Words to one person that only they see: a courtesy, beside the way of the events and forgotten with the process."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol

import structlog

from bot.pacing import WHISPER
from bot.slack_client import Slack
from bot.slack_errors import trouble

REMEMBERS = 1_000
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Addressed(Protocol):
    """Who wrote something, and where."""

    @property
    def channel(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def thread_ts(self) -> str: ...


class Asides:
    """Safe for threads. One is sent after the other, and never what was said already."""

    def __init__(self, slack: Slack, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._slack, self._clock = slack, clock
        self._sending = ThreadPoolExecutor(max_workers=1, thread_name_prefix="asides")
        self._said: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def close(self) -> None:
        self._sending.shutdown(wait=False, cancel_futures=True)

    def say(self, what: str, to: Addressed, text: str, *, again_after: timedelta = timedelta.max) -> bool:
        """Send `text`; False where the same `what` was said less than `again_after` ago."""
        now = self._clock()
        with self._lock:
            if now - self._said.get(what, float("-inf")) < again_after.total_seconds():
                return False
            self._said[what] = now
            self._said.move_to_end(what)
            if len(self._said) > REMEMBERS:
                self._said.popitem(last=False)
        self._sending.submit(self._send, to, text)
        return True

    def _send(self, to: Addressed, text: str) -> None:
        thread = {"thread_ts": to.thread_ts} if to.thread_ts else {}
        try:
            self._slack.call(WHISPER, channel=to.channel, user=to.user, text=text, **thread)
        except Exception as error:
            _log.warning("aside not sent", error=trouble(error).code)
