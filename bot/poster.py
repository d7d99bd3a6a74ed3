"""Consumer of results: reads them, hands each to its workspace's outbox, renews leases, gives back what is left."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from bot.answering import Answering
from bot.answers import nobody_asks
from bot.burying import bury
from bot.lanes import Held, Lanes, Stop
from bot.metrics import Metrics
from bot.outbox import Outbox, Silence
from bot.posting import Posting
from bot.reconcile import born_ms
from bot.renewing import renew_forever
from bot.replies import Form
from bot.slack_client import Slack
from bot.store import Memory
from worker.connection import RENEWER, GroupMissing, Misconfigured, QueueError
from worker.jobs import DecodeError, JobState, Keys, NewerSchema, Result, StreamName
from worker.log import Seldom
from worker.stream import Delivery, Finished, Queue

HOLDS = 400
RESULTS = StreamName.RESULTS
# How long a result of a newer release waits for a newer bot, and one of another workspace for a bot that serves it.
OTHERS_WAIT = timedelta(hours=1)
MISCONFIGURED_PAUSE = timedelta(seconds=30)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Poster:
    """One for a process, whatever the number of its workspaces. Several side by side are safe: each result is leased
    to one of them at a time.
    """

    def __init__(
        self,
        url: str,
        metrics: Metrics,
        *,
        keys: Keys,
        consumer: str,
        now_ms: Callable[[], int],
        posting: Posting | None = None,
        on_lost: Callable[[], None] = lambda: None,
        has_left: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`on_lost` is called when Redis has lost the queue; `has_left` is asked whether a workspace that has no outbox
        has removed the app, so that nothing of it is to be kept. It may raise QueueError.
        """
        self._posting = posting or Posting()
        self._metrics, self._now_ms, self._on_lost, self._has_left = metrics, now_ms, on_lost, has_left
        # One consumer, three connections: reading blocks, renewing must not wait for anything.
        self._reader = Queue(url, keys=keys, consumer=consumer)
        self._writer = Queue(url, keys=keys, consumer=consumer)
        self._renewer = Queue(url, keys=keys, consumer=consumer, patience=RENEWER)
        self._outboxes: dict[str, Outbox] = {}  # replaced as a whole, so that threads may go through it
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._seldom = Seldom()
        self._cursor, self._redis_problem, self._paused = "0-0", "", ""
        self._failures = 0
        self.turned = time.monotonic()  # the last turn of the reading loop: a stuck poster is a dead one

    # Workspaces

    def open(
        self,
        slack: Slack,
        answering: Answering,
        memory: Memory,
        *,
        asked: Callable[[Delivery, Result], bool] = nobody_asks,
    ) -> Outbox:
        """An outbox for a workspace, whose results are posted from now on."""
        outbox = Outbox(
            self._writer,
            slack,
            self._metrics,
            answering,
            memory,
            now_ms=self._now_ms,
            posting=self._posting,
            asked=asked,
        )
        with self._changing:
            outbox.lanes.stop_sending(Stop.OPERATOR, self._paused)
            self._outboxes = self._outboxes | {memory.team: outbox}
            if self._threads:
                outbox.start()
        return outbox

    def shut(self, team: str, within: timedelta = timedelta(seconds=5)) -> None:
        """Post nothing more of a workspace; what was held goes back."""
        with self._changing:
            outbox = self._outboxes.get(team)
            self._outboxes = {name: one for name, one in self._outboxes.items() if name != team}
        if outbox:
            rest = outbox.shut()
            self._give_back([*rest, *outbox.join(time.monotonic() + within.total_seconds())])

    # How it goes

    @property
    def problem(self) -> str:
        """Why nothing is posted at present, in one line; empty when all is well, or all but some workspaces."""
        refused = [outbox.refused for outbox in self._outboxes.values()]
        return refused[0] if refused and all(refused) else self._redis_problem

    @property
    def paused(self) -> str:
        """Why the operator has all replies wait, in one line; empty when they may go out."""
        return self._paused

    def pause(self, why: str) -> None:
        """Keep results and post nothing; the empty string lets them go."""
        with self._changing:
            self._paused = why
            for outbox in self._outboxes.values():
                outbox.lanes.stop_sending(Stop.OPERATOR, why)

    @property
    def held(self) -> int:
        """Results leased by this process and not yet done."""
        return len(self._entries())

    @property
    def crowded(self) -> dict[str, Form]:
        """Channels with so many replies to come that each takes less room than was set, and what it takes."""
        return {channel: form for lanes in self._lanes() for channel, form in lanes.crowded().items()}

    def _lanes(self) -> list[Lanes]:
        return [outbox.lanes for outbox in self._outboxes.values()]

    def _entries(self) -> dict[str, Held]:
        return {entry: held for lanes in self._lanes() for entry, held in lanes.entries().items()}

    # From start to end

    def start(self) -> None:
        renew = partial(renew_forever, self._renewer, self._lanes, self._posting.lease, self._stopping)
        loops: list[tuple[str, Callable[[], None]]] = [("reader", self._read_forever), ("renewer", renew)]
        with self._changing:
            self._threads = [threading.Thread(target=loop, name=f"poster-{name}", daemon=True) for name, loop in loops]
            for outbox in self._outboxes.values():
                outbox.start()
        for thread in self._threads:
            thread.start()

    def stop(self, within: timedelta = timedelta(seconds=15)) -> None:
        """Read no more, let the sends under way end, give the rest back at once to whoever comes next."""
        end = time.monotonic() + within.total_seconds()
        self._stopping.set()
        outboxes = self._outboxes.values()
        rest = [held for outbox in outboxes for held in outbox.shut()]
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        # What a sender put back while we were waiting.
        rest += [held for outbox in outboxes for held in outbox.join(end)]
        self._give_back(rest)
        for queue in (self._reader, self._writer, self._renewer):
            queue.close()

    def _give_back(self, rest: list[Held]) -> None:
        for held in rest:
            try:
                self._writer.release(held.delivery, lease=self._posting.lease)
            except QueueError as error:
                _log.warning("results stay leased and come back by themselves", held=len(rest), error=str(error))
                return

    # Reading

    def _read_forever(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
                self._failures, self._redis_problem = 0, ""
            except QueueError as error:
                self._pause_after(error)
            self.turned = time.monotonic()

    def _turn(self) -> None:
        if self._failures:
            self._recover()
        held = self._entries()
        self._metrics.held.set(len(held))
        self._metrics.crowded.set(len(self.crowded))
        outboxes = self._outboxes.values()
        if self._paused or (outboxes and all(outbox.refused for outbox in outboxes)):
            self._stopping.wait(0.2)
            return
        free = HOLDS - len(held)
        if free <= 0:
            self._stopping.wait(0.05)
            return
        reclaimed = self._reclaim(free)
        # A released entry wakes no blocked reader, so wait only when there was nothing to take over.
        block = timedelta(milliseconds=200) if not reclaimed else timedelta(0)
        self._take_in(self._reader.read(RESULTS, count=free, block=block))

    def _reclaim(self, free: int) -> int:
        found = self._reader.reclaim(RESULTS, lease=self._posting.lease, cursor=self._cursor, count=min(free, 50))
        self._cursor = found.cursor
        if found.deleted:
            _log.error("results were deleted while they were pending", number=found.deleted)
        self._take_in([one for one in found.deliveries if not self._regained(one)])
        return len(found.deliveries)

    def _regained(self, delivery: Delivery) -> bool:
        return any(lanes.regained(delivery) for lanes in self._lanes())

    def _take_in(self, deliveries: list[Delivery]) -> None:
        silent: list[Silence] = []
        for delivery in deliveries:
            result = self._decoded(delivery)
            if result is None:
                continue
            outbox = self._outboxes.get(result.team)
            taken = outbox.take(delivery, result) if outbox else self._strange(delivery, result)
            if isinstance(taken, Silence):
                silent.append(taken)
            elif taken is not None:
                self._reader.release(delivery, lease=self._posting.lease, after=min(taken, self._posting.lease))
        self._finish_silent(silent)

    def _finish_silent(self, silent: list[Silence]) -> None:
        if not silent:
            return
        now = datetime.now(UTC)
        for outbox in self._outboxes.values():
            tags = [one.tag for one in silent if one.tag and one.team == outbox.memory.team]
            if tags:
                outbox.memory.tags.record(tags, now)
        self._reader.finish([one.finished for one in silent], into=None)
        self._metrics.replies.labels("silent").inc(len(silent))

    def _strange(self, delivery: Delivery, result: Result) -> timedelta | None:
        """A result of a workspace we do not serve: one that removed the app, or that another bot serves."""
        if self._has_left(result.team):
            self._reader.finish([Finished(delivery, result.job, result.message, JobState.DEAD)], into=None)
            self._metrics.replied("left")
            return None
        return self._for_others(delivery, "no bot of its workspace", result)

    def _for_others(self, delivery: Delivery, reason: str, result: Result | None, error: str = "") -> timedelta | None:
        """What another bot may know how to handle: it waits for one, and not for ever."""
        if self._now_ms() - born_ms(delivery.entry) < OTHERS_WAIT.total_seconds() * 1000:
            return self._posting.lease
        bury(self._reader, self._metrics, delivery, result=result, reason=reason, error=error)
        return None

    def _decoded(self, delivery: Delivery) -> Result | None:
        try:
            return Result.decode(delivery.fields)
        except NewerSchema as error:
            if wait := self._for_others(delivery, "newer schema", None, str(error)):
                self._reader.release(delivery, lease=self._posting.lease, after=wait)
        except DecodeError as error:
            bury(self._reader, self._metrics, delivery, reason="malformed", error=str(error), keep=False)
        return None

    def _recover(self) -> None:
        """Redis is back: an answer that got lost may have made results ours without our knowing."""
        self._reader.ensure_groups()
        self._reader.release_lost_reads(RESULTS, set(self._entries()), lease=self._posting.lease)

    def _pause_after(self, error: QueueError) -> None:
        self._failures += 1
        self._redis_problem = str(error)
        if self._seldom.due("redis"):
            _log.warning("redis does not work, results wait", error=str(error), held=self.held)
        if isinstance(error, Misconfigured):
            pause = MISCONFIGURED_PAUSE.total_seconds()
        elif isinstance(error, GroupMissing):
            self._on_lost()
            pause = 1.0
        else:
            pause = min(0.1 * 2 ** min(self._failures, 10), 5.0) * random.uniform(0.5, 1.0)  # noqa: S311
        self._stopping.wait(pause)
