"""Catch-up: what events did not bring, Slack's history does. Closes gaps, channel by channel.

Job ids make it harmless to read a message twice. A message that carries our reply is left alone whatever Redis knows of
it: keys live for a day, replies stay.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from bot.choices import Listen
from bot.edits import Deletion, Eraser
from bot.gaps import Gap, Gaps
from bot.history import HISTORY, PAGE, THREAD, Reading, Unreadable, before, read_channel
from bot.identity import Identity
from bot.intake import Decide
from bot.listening import Listening
from bot.metrics import CaughtUp, Metrics
from bot.pacing import Limits, Window
from bot.people import is_shared
from bot.slack_client import Slack, pages
from bot.slack_errors import Failure, trouble
from bot.store import Memory
from worker.connection import Misconfigured, QueueError
from worker.jobs import Job, Origin, message_id
from worker.log import Seldom
from worker.stream import Enqueued, Queue

T = TypeVar("T")
LIST = "users.conversations"
# Each needs a scope of its own.
KINDS = ("public_channel", "private_channel", "im", "mpim")
# Read again before a mark: a message may have been on its way when a later one moved it.
OVERLAP = timedelta(minutes=10)
# Without a mark.
LOOK_BACK = timedelta(hours=24)
# A gap is then taken to be open everywhere: Slack loses events without telling anybody.
SWEEP_EVERY = timedelta(hours=1)
LONGEST_PAUSE = timedelta(seconds=30)


_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Stopped(Exception):
    """We were asked to stop."""


class CatchUp:
    """One thread, with a connection of its own."""

    def __init__(
        self,
        queue: Queue,
        slack: Slack,
        me: Identity,
        gaps: Gaps,
        metrics: Metrics,
        listening: Listening,
        memory: Memory,
        eraser: Eraser,
        *,
        decide: Decide,
        limit: int,
        limits: Limits,
        tidy: Callable[[], None] = lambda: None,
    ) -> None:
        """`limit` is the most jobs and results the queue may hold; reading waits until half of that is free. `tidy` is
        called after every sweep, with the patience that Redis needs.
        """
        self._queue, self._slack, self._me, self._gaps, self._metrics = queue, slack, me, gaps, metrics
        self._listening, self._memory, self._eraser = listening, memory, eraser
        self._decide, self._limit, self._tidy = decide, limit, tidy
        # Half of what Slack allows: the poster reads threads too.
        self._windows = {
            method: Window(max(1, limits.calls_per_minute.get(method, 50) // 2)) for method in (HISTORY, THREAD)
        }
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="catch-up", daemon=True)
        self._seldom = Seldom()
        self._swept = time.monotonic()
        self.running = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What was not read is read after the next start: no mark has moved."""
        self._stopping.set()
        self._thread.join(15)
        self._queue.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if time.monotonic() - self._swept > SWEEP_EVERY.total_seconds():
                self._gaps.open_everywhere()
            if not self._gaps.wait(0.5):
                continue
            try:
                self._wait_for_room()
                self._close_gaps()
            except Stopped:
                return
            except Exception:
                # A fault of ours, or an answer nobody foresaw: the gap stays open, and must not stay so for ever.
                _log.exception("catch-up failed, it begins again")
                self._stopping.wait(LONGEST_PAUSE.total_seconds())
            finally:
                self.running = False

    def _close_gaps(self) -> None:
        self.running = True
        whole = self._gaps.look("")
        failed = self._gaps.failed_channels()
        channels = list(self._my_channels() if failed is None else failed)
        # In another order each time: a bot that keeps dying would else read the first ones again and again.
        random.shuffle(channels)
        for channel in channels:
            gap = self._gaps.look(channel)
            if self._gaps.is_open(channel):
                self._close(channel, gap)
        if failed is None:
            self._gaps.close_everywhere(whole)
            self._swept = time.monotonic()
            self._patiently(self._tidy)

    def _close(self, channel: str, gap: Gap) -> None:
        if self._patiently(lambda: self._listening.choice(channel)).listen is Listen.OFF:
            # Nothing of it is read; and should it be turned on, what was said before stays unread.
            self._patiently(lambda: self._queue.set_mark(self._me.team, channel, f"{time.time():.6f}"))
            self._gaps.close(channel, gap)
            return
        try:
            since = self._since(channel, gap)
            reading = read_channel(self._call, self._me, channel, since=since, is_known=self._is_known)
        except Unreadable as error:
            self._metrics.caught_up(CaughtUp.UNREADABLE)
            if self._seldom.due(str(error)):
                _log.warning("a channel's history cannot be read, what was missed there is lost", error=str(error))
            self._gaps.close(channel, gap)
            return
        queued = sum(self._take(job, reading) for job in self._jobs(reading))
        for ts in reading.gone:
            gone = Deletion(message_id(self._me.team, channel, ts), channel, ts, ts, "", replied=True)
            self._patiently(lambda gone=gone: self._eraser.erase(gone))
        self._metrics.caught_up(CaughtUp.SKIPPED, reading.skipped)
        if queued or reading.skipped:
            _log.info("caught up", queued=queued, read=len(reading.messages), skipped=reading.skipped)
        if reading.newest:
            self._patiently(lambda: self._queue.set_mark(self._me.team, channel, reading.newest))
        self._gaps.close(channel, gap)

    def _is_known(self, message: str) -> bool:
        return self._patiently(lambda: self._queue.knows(message))

    def _since(self, channel: str, gap: Gap) -> str:
        mark = self._patiently(lambda: self._queue.mark(self._me.team, channel))
        if not mark:
            return before(f"{time.time():.6f}", LOOK_BACK)
        return before(min(mark, gap.since or mark), OVERLAP)

    def _jobs(self, reading: Reading) -> Iterator[Job]:
        for message in reading.messages:
            found = self._decide({"type": "message", **message}, self._me, origin=Origin.HISTORY)
            if not isinstance(found, Job):
                continue
            if self._patiently(lambda job=found: self._listening.takes(job)):
                yield found
            else:
                self._metrics.caught_up(CaughtUp.UNWANTED)

    def _is_answered(self, job: Job, reading: Reading) -> bool:
        """Whether our reply there is about this text, not about one before it was edited."""
        if job.message not in reading.answered:
            return False
        about = reading.answered[job.message]
        if about is None and job.edit_ts:
            tag = self._patiently(lambda: self._memory.tags.get(job.message))
            about = tag.edit_ts if tag else None
        return about is None or job.edit_ts <= about

    def _take(self, job: Job, reading: Reading) -> bool:
        if self._is_answered(job, reading):
            self._metrics.caught_up(CaughtUp.ANSWERED)
            return False
        while (answer := self._patiently(lambda: self._queue.enqueue(job, limit=self._limit, advance=False))) is (
            Enqueued.FULL
        ):
            self._wait_for_room()
        self._metrics.caught_up(CaughtUp.DUP if answer is Enqueued.DUP else CaughtUp.QUEUED)
        return answer is Enqueued.OK

    def _my_channels(self) -> list[str]:
        found: list[str] = []
        for kind in KINDS:
            try:
                for page in pages(self._call, LIST, types=kind, exclude_archived=True, limit=PAGE):
                    for one in page.get("channels", []):
                        found.append(str(one["id"]))
                        self._note(str(one["id"]), shared=is_shared(one))
            except Unreadable as error:
                self._metrics.caught_up(CaughtUp.UNREADABLE)
                if self._seldom.due(kind):
                    _log.warning("channels are not listed, what is missed there is lost", kind=kind, error=str(error))
        return found

    def _note(self, channel: str, *, shared: bool) -> None:
        """Whether others are in a channel decides whether it is listened to where nobody chose."""
        if self._patiently(lambda: self._listening.facts(channel)).shared != shared:
            self._patiently(lambda: self._memory.channels.note(channel, shared=shared))

    # Patience

    def _call(self, method: str, **fields: object) -> dict[str, Any]:
        """Slack's answer, however long it takes. Raises Unreadable, Stopped."""
        tries = 0
        while True:
            self._go_on()
            self._pace(method)
            try:
                return self._slack.call(method, **fields)
            except Exception as error:
                why = trouble(error)
            tries += 1
            if why.failure in (Failure.NEVER, Failure.GONE, Failure.OUR_FAULT) or why.code == "missing_scope":
                raise Unreadable(why.code)
            if self._seldom.due("slack"):
                _log.warning("slack's history cannot be read yet, trying on", error=why.code)
            self._pause(why.retry_after or self._backoff(tries))

    def _pace(self, method: str) -> None:
        window = self._windows.get(method)
        if window:
            self._pause(timedelta(seconds=window.wait(time.monotonic())))
            window.take(time.monotonic())

    def _patiently(self, call: Callable[[], T]) -> T:
        """A call of Redis, however long that is away. Raises Stopped."""
        tries = 0
        while True:
            self._go_on()
            try:
                return call()
            except QueueError as error:
                if self._seldom.due("redis"):
                    _log.warning("redis does not work, catch-up waits", error=str(error))
                tries += 1
                self._pause(LONGEST_PAUSE if isinstance(error, Misconfigured) else self._backoff(tries))

    def _wait_for_room(self) -> None:
        """Slack's history is where messages wait until the queue is half empty."""
        while self._patiently(self._queue.depth) * 2 > self._limit:
            self._pause(timedelta(seconds=0.5))

    def _backoff(self, tries: int) -> timedelta:
        seconds = min(0.2 * 2 ** min(tries, 12), LONGEST_PAUSE.total_seconds())
        return timedelta(seconds=seconds * random.uniform(0.5, 1.0))  # noqa: S311

    def _go_on(self) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _pause(self, span: timedelta) -> None:
        if self._stopping.wait(span.total_seconds()):
            raise Stopped
