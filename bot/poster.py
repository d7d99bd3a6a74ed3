"""Consumer of results: reads and holds them, hands them to senders, renews their leases, gives back what is left."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import structlog

from bot.crowd import Crowding
from bot.digester import Digester
from bot.lanes import Held, Lanes, Stop
from bot.metrics import Metrics
from bot.pacing import Limits, Pace
from bot.reconcile import born_ms
from bot.replies import Counted, Form, Silent, Style, reply_to
from bot.sender import Next, Sender, Step
from bot.settings import ReplyMode
from bot.slack_client import HTTP_TIMEOUT, Slack
from bot.slack_errors import trouble
from worker.connection import RENEWER, GroupMissing, Misconfigured, QueueError
from worker.jobs import DecodeError, JobState, Keys, NewerSchema, Result, StreamName
from worker.log import Seldom
from worker.stream import RESULT_LEASE, Delivery, Finished, Queue

HOLDS = 400
# Slack takes several hundred posts a minute of one app: eight at once reach that even at a second each.
SENDERS = 8
RESULTS = StreamName.RESULTS
# How long a result of a newer release waits for a newer bot.
NEWER_WAITS = timedelta(hours=1)
# After wrong credentials: is it mended? `auth.test` costs Slack nothing.
PROBE_EVERY = timedelta(seconds=30)
MISCONFIGURED_PAUSE = timedelta(seconds=30)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Posting:
    """How a poster works; the defaults are for Slack, tests shorten them."""

    style: Style = field(default_factory=Style)
    limits: Limits = field(default_factory=Limits)
    crowding: Crowding = field(default_factory=Crowding)
    lease: timedelta = RESULT_LEASE
    call_takes: timedelta = HTTP_TIMEOUT
    probe_every: timedelta = PROBE_EVERY
    at: Callable[[str], None] = lambda _: None  # called with the name of each kill point


class Poster:
    """Several side by side are safe: each result is leased to one of them at a time."""

    def __init__(
        self,
        url: str,
        slack: Slack,
        metrics: Metrics,
        *,
        keys: Keys,
        consumer: str,
        now_ms: Callable[[], int],
        posting: Posting | None = None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_lost` is called when Redis has lost the queue."""
        self._posting = posting or Posting()
        self._slack, self._metrics, self._now_ms, self._on_lost = slack, metrics, now_ms, on_lost
        # One consumer, three connections: reading blocks, renewing must not wait for anything.
        self._reader = Queue(url, keys=keys, consumer=consumer)
        self._writer = Queue(url, keys=keys, consumer=consumer)
        self._renewer = Queue(url, keys=keys, consumer=consumer, patience=RENEWER)
        crowding = self._posting.crowding
        if self._posting.style.reply is not ReplyMode.THREAD:  # nothing louder than was set: a digest is a post
            crowding = replace(crowding, digest=timedelta.max)
        self._lanes = Lanes(Pace(self._posting.limits), crowding)
        self._sender = Sender(
            self._writer,
            slack,
            metrics,
            room=self._posting.lease - self._posting.call_takes,
            now_ms=now_ms,
            at=self._posting.at,
        )
        self._digester = Digester(self._sender, slack, metrics)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._seldom = Seldom()
        self._cursor = "0-0"
        self._failures = 0
        self._probed = 0.0
        self._redis_problem = ""
        self.turned = time.monotonic()  # the last turn of the reading loop: a stuck poster is a dead one

    @property
    def problem(self) -> str:
        """Why nothing is posted at present, in one line; empty when all is well."""
        return self._lanes.stopped(Stop.CREDENTIALS) or self._redis_problem

    @property
    def paused(self) -> str:
        """Why the operator has all replies wait, in one line; empty when they may go out."""
        return self._lanes.stopped(Stop.OPERATOR)

    def pause(self, why: str) -> None:
        """Keep results and post nothing; the empty string lets them go."""
        self._lanes.stop_sending(Stop.OPERATOR, why)

    @property
    def held(self) -> int:
        """Results leased by this process and not yet done."""
        return len(self._lanes.entries())

    @property
    def crowded(self) -> dict[str, Form]:
        """Channels with so many replies to come that each takes less room than was set, and what it takes."""
        return self._lanes.crowded()

    def start(self) -> None:
        loops = [("reader", self._read_forever), ("renewer", self._renew_forever)]
        loops += [(f"sender-{number}", self._send_forever) for number in range(SENDERS)]
        self._threads = [threading.Thread(target=loop, name=f"poster-{name}", daemon=True) for name, loop in loops]
        for thread in self._threads:
            thread.start()

    def stop(self, within: timedelta = timedelta(seconds=15)) -> None:
        """Read no more, let the sends under way end, give the rest back at once to whoever comes next."""
        end = time.monotonic() + within.total_seconds()
        self._stopping.set()
        rest = self._lanes.close()
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        rest += self._lanes.entries().values()  # what a sender put back while we were waiting
        for held in rest:
            try:
                self._writer.release(held.delivery, lease=self._posting.lease)
            except QueueError as error:
                _log.warning("results stay leased and come back by themselves", held=len(rest), error=str(error))
                break
        for queue in (self._reader, self._writer, self._renewer):
            queue.close()

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
        held = self._lanes.entries()
        self._metrics.held.set(len(held))
        self._metrics.crowded.set(len(self.crowded))
        if self._lanes.stopped(Stop.CREDENTIALS):
            self._probe()
            return
        if self.paused:
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
        self._take_in([one for one in found.deliveries if not self._lanes.regained(one)])
        return len(found.deliveries)

    def _take_in(self, deliveries: list[Delivery]) -> None:
        silent: list[Finished] = []
        for delivery in deliveries:
            result = self._decoded(delivery)
            if result is None:
                continue
            reply = reply_to(result, self._posting.style)
            if isinstance(reply, Silent):
                silent.append(Finished(delivery, result.job, result.message, JobState.POSTED))
                continue
            later = self._lanes.add(Held(delivery, result, reply, leased_at=time.monotonic()))
            if later is not None:
                self._reader.release(delivery, lease=self._posting.lease, after=min(later, self._posting.lease))
        if silent:
            self._reader.finish(silent, into=None)
            self._metrics.replies.labels("silent").inc(len(silent))

    def _decoded(self, delivery: Delivery) -> Result | None:
        try:
            return Result.decode(delivery.fields)
        except NewerSchema as error:
            if self._now_ms() - born_ms(delivery.entry) < NEWER_WAITS.total_seconds() * 1000:
                self._reader.release(delivery, lease=self._posting.lease, after=self._posting.lease)
            else:
                self._sender.bury(delivery, reason="newer schema", error=str(error))
        except DecodeError as error:
            self._sender.bury(delivery, reason="malformed", error=str(error), keep=False)
        return None

    def _recover(self) -> None:
        """Redis is back: an answer that got lost may have made results ours without our knowing."""
        self._reader.ensure_groups()
        self._reader.release_lost_reads(RESULTS, set(self._lanes.entries()), lease=self._posting.lease)

    def _pause_after(self, error: QueueError) -> None:
        self._failures += 1
        self._redis_problem = str(error)
        if self._seldom.due("redis"):
            _log.warning("redis does not work, results wait", error=str(error), held=len(self._lanes.entries()))
        if isinstance(error, Misconfigured):
            pause = MISCONFIGURED_PAUSE.total_seconds()
        elif isinstance(error, GroupMissing):
            self._on_lost()
            pause = 1.0
        else:
            pause = min(0.1 * 2 ** min(self._failures, 10), 5.0) * random.uniform(0.5, 1.0)  # noqa: S311
        self._stopping.wait(pause)

    # Sending

    def _send_forever(self) -> None:
        while group := self._lanes.take():
            try:
                together = isinstance(group[0].reply, Counted)
                steps = self._digester.steps(group) if together else [self._sender.step(group[0])]
            except QueueError as error:
                if self._seldom.due("redis while sending"):
                    _log.warning("redis does not work, replies wait", error=str(error))
                steps = [Next(Step.AGAIN, timedelta(seconds=1), rest_lane=True)] * len(group)
            except Exception:
                # A fault of ours in one reply must not stop a channel: noted, left to its lease and tried again.
                _log.exception("reply failed", job=group[0].result.job)
                steps = [Next(Step.AGAIN, timedelta(seconds=30))] * len(group)
            # From the last to the first: each that goes again goes to the front.
            for held, step in reversed(list(zip(group, steps, strict=True))):
                self._follow(held, step)

    def _follow(self, held: Held, step: Next) -> None:
        if step.pause:
            self._lanes.pause(step.pause[0], held.result.channel, step.pause[1])
        if step.why and self._seldom.due(step.why):
            _log.warning("slack did not take a reply, it is tried again", job=held.result.job, error=step.why)
        if step.step is Step.STOP:
            why = f"Slack refuses our credentials: {step.why}. Replies are kept until it is mended."
            self._lanes.stop_sending(Stop.CREDENTIALS, why)
            self._probed = time.monotonic()
        if step.step is Step.DONE:
            self._lanes.done(held)
        else:
            self._lanes.again(held, step.after, rest_lane=step.rest_lane)

    def _probe(self) -> None:
        """While credentials are refused: ask now and then whether they work again."""
        self._stopping.wait(0.2)
        if time.monotonic() - self._probed < self._posting.probe_every.total_seconds():
            return
        self._probed = time.monotonic()
        try:
            self._slack.call("auth.test")
        except Exception as error:
            if self._seldom.due("credentials"):
                _log.error("slack refuses our credentials, replies are kept", error=trouble(error).code)
            return
        self._lanes.stop_sending(Stop.CREDENTIALS, "")

    # Leases

    def _renew_forever(self) -> None:
        every = self._posting.lease.total_seconds() / 4
        wait = every
        while not self._stopping.wait(wait):
            wait = every
            held = set(self._lanes.entries())
            if not held:
                continue
            at = time.monotonic()
            try:
                lost = self._renewer.renew(RESULTS, held)
            except QueueError:
                wait = min(1.0, every)  # the reader logs it
                continue
            self._lanes.renewed(held - lost, at)
            self._lanes.drop(lost)
