"""Our replies to messages that are gone, taken out of Slack: beside the way of the events, tried again for minutes.

What a kill cuts off here is made good by catch-up, where the thread is still to be seen.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.pacing import Limits, Window
from bot.reconcile import find_posts, settle
from bot.slack_client import Slack
from bot.slack_errors import Failure, trouble

DELETE = "chat.delete"
TRIES = 8
LONGEST_PAUSE = timedelta(seconds=60)
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Gone:
    """A message that was deleted. `thread_ts` is where replies to it stand, `reply_ts` ours as far as it is known;
    with `posting` one may be on its way into the thread.
    """

    message: str
    channel: str
    ts: str
    thread_ts: str
    reply_ts: str = ""
    posting: bool = False


class Removals:
    """Safe for threads. One thread of its own: taking back is seldom and never urgent by the second."""

    def __init__(self, slack: Slack, limits: Limits, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._slack, self._clock = slack, clock
        self._window = Window(limits.calls_per_minute.get(DELETE, 50))
        self._working = ThreadPoolExecutor(max_workers=1, thread_name_prefix="removals")
        self._stopping = threading.Event()

    def close(self) -> None:
        self._stopping.set()
        self._working.shutdown(wait=True, cancel_futures=True)

    def remove(self, gone: Gone) -> None:
        """Delete our replies to a message; what was never there is no trouble."""
        self._working.submit(self._guarded, gone)

    def _guarded(self, gone: Gone) -> None:
        try:
            self._remove(gone)
        except Exception:
            _log.exception("our reply to a deleted message was not removed", message=gone.message)

    def _remove(self, gone: Gone) -> None:
        if gone.reply_ts:
            self._patiently(gone, lambda: self._slack.call(DELETE, channel=gone.channel, ts=gone.reply_ts))
            if not gone.posting:
                return
        if gone.posting and self._stopping.wait(settle().total_seconds()):
            return
        found: list[str] = []
        self._patiently(gone, lambda: found.extend(find_posts(self._slack, gone.message, gone.channel, gone.thread_ts)))
        for ts in found:
            self._patiently(gone, lambda ts=ts: self._slack.call(DELETE, channel=gone.channel, ts=ts))

    def _patiently(self, gone: Gone, call: Callable[[], object]) -> None:
        for tries in range(1, TRIES + 1):
            if self._stopping.wait(self._window.wait(self._clock())):
                return
            self._window.take(self._clock())
            try:
                call()
                return
            except Exception as error:
                why = trouble(error)
            if why.failure is Failure.GONE or why.code == "thread_not_found":
                return
            if why.failure not in (Failure.NOT_SENT, Failure.AMBIGUOUS) or tries == TRIES:
                _log.warning("our reply to a deleted message stays", message=gone.message, error=why.code)
                return
            pause = why.retry_after or min(timedelta(seconds=2.0**tries), LONGEST_PAUSE)
            self._stopping.wait(pause.total_seconds())
