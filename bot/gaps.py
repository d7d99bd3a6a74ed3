"""Spans in which messages may have been missed. Whoever notices opens a gap; only catch-up closes it.

While a gap is open a channel's mark must not move: a later message would carry it over an earlier, lost one.
"""

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Gap:
    """A channel's gap as it stands. `since` is the oldest message known to be missed, "" where none is."""

    everywhere: int
    failures: int
    since: str


@dataclass
class _Failures:
    count: int
    oldest: str


class Gaps:
    """Safe for threads. A process that starts knows of no message, so a gap is open everywhere."""

    def __init__(self) -> None:
        self._everywhere, self._swept = 1, 0
        self._closed: dict[str, int] = {}  # channel -> the last gap everywhere that was closed for it
        self._failed: dict[str, _Failures] = {}
        self._changed = threading.Condition()

    def open_everywhere(self) -> None:
        """Events may have passed us by in any channel: a new socket, a Redis that lost its data."""
        with self._changed:
            self._everywhere += 1
            self._changed.notify_all()

    def open(self, channel: str, ts: str) -> None:
        """This message was not taken."""
        with self._changed:
            failed = self._failed.setdefault(channel, _Failures(0, ts))
            failed.count += 1
            failed.oldest = min(failed.oldest, ts)
            self._changed.notify_all()

    def is_open(self, channel: str) -> bool:
        with self._changed:
            return self._is_open(channel)

    def _is_open(self, channel: str) -> bool:
        return channel in self._failed or self._closed.get(channel, 0) < self._everywhere

    def wait(self, seconds: float) -> bool:
        """Until there is a gap to close, at most this long; whether there is one."""
        with self._changed:
            return self._changed.wait_for(lambda: self._swept < self._everywhere or bool(self._failed), seconds)

    def failed_channels(self) -> list[str] | None:
        """The channels with a gap of their own; None while one is open everywhere."""
        with self._changed:
            return None if self._swept < self._everywhere else list(self._failed)

    def look(self, channel: str) -> Gap:
        """To be asked for before reading: what is noticed later is not closed by that reading."""
        with self._changed:
            failed = self._failed.get(channel, _Failures(0, ""))
            return Gap(self._everywhere, failed.count, failed.oldest)

    def close(self, channel: str, gap: Gap) -> bool:
        """History was read since `look`; whether the channel has no gap now."""
        with self._changed:
            failed = self._failed.get(channel)
            if failed and failed.count == gap.failures:
                del self._failed[channel]
            self._closed[channel] = gap.everywhere
            return not self._is_open(channel)

    def close_everywhere(self, gap: Gap) -> None:
        """All channels were read since `look`."""
        with self._changed:
            self._swept = gap.everywhere
