"""The replies of one workspace on their way into Slack: lanes, senders, and what stops them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.answering import Answering
from bot.answers import nobody_asks
from bot.digester import Digester
from bot.lanes import Held, Lanes, Stop
from bot.metrics import Metrics
from bot.pacing import Pace
from bot.posting import Posting
from bot.recording import tag_of
from bot.removals import Removals
from bot.replacer import Replacer
from bot.replies import Counted, Silent
from bot.sender import Next, Sender, Step
from bot.slack_client import Slack
from bot.slack_errors import trouble
from bot.store import Memory, Tag
from worker.connection import QueueError
from worker.jobs import JobState, Result
from worker.log import Seldom
from worker.stream import Delivery, Finished, Queue

# Slack takes several hundred posts a minute of one app: eight at once reach that even at a second each.
SENDERS = 8
# Of a workspace whose credentials are refused: these go out the moment it is mended, the rest when their lease ends.
# Few, since what is held for it is room that other workspaces lack.
HELD_WHILE_REFUSED = 10

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Silence:
    """A result that nothing is shown of: whose it is, how it is finished, and what is noted of it."""

    team: str
    finished: Finished
    tag: tuple[Tag, str] | None


class Outbox:
    """Of one workspace. Given results by the poster, which owns the reading and the leases."""

    def __init__(
        self,
        queue: Queue,
        slack: Slack,
        metrics: Metrics,
        answering: Answering,
        memory: Memory,
        *,
        now_ms: Callable[[], int],
        posting: Posting,
        asked: Callable[[Delivery, Result], bool] = nobody_asks,
    ) -> None:
        """`queue` retires results: a consumer of the poster's name. `asked` takes what somebody waits for elsewhere."""
        self._slack, self._answering, self._posting, self._asked = slack, answering, posting, asked
        self.memory = memory
        self.lanes = Lanes(Pace(posting.limits), posting.crowding)
        self.removals = Removals(slack, posting.limits)
        self._sender = Sender(
            queue,
            slack,
            metrics,
            memory.tags,
            self.removals,
            room=posting.lease - posting.call_takes,
            now_ms=now_ms,
            at=posting.at,
        )
        self._digester = Digester(self._sender, slack)
        self._replacer = Replacer(self._sender, slack, answering, memory)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._probing = threading.Lock()
        self._ask_now = threading.Event()
        self._seldom = Seldom()

    @property
    def refused(self) -> str:
        """Why Slack lets us post nothing, in one line; empty when it does."""
        return self.lanes.stopped(Stop.CREDENTIALS)

    def start(self) -> None:
        names = [f"sender-{self.memory.team}-{number}" for number in range(SENDERS)]
        self._threads = [threading.Thread(target=self._send_forever, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def shut(self) -> list[Held]:
        """Send nothing more after what is under way; what was still waiting."""
        self._stopping.set()
        self._ask_now.set()
        return self.lanes.close()

    def join(self, end: float) -> list[Held]:
        """After `shut`: wait for the sends under way until `end` (monotonic); what they put back."""
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self.removals.close()
        return list(self.lanes.entries().values())

    def token_changed(self) -> None:
        """Where credentials were refused: whether the new ones work is asked now."""
        self._ask_now.set()

    def take(self, delivery: Delivery, result: Result) -> Silence | timedelta | None:
        """Take a result in. A Silence where nothing is shown; a timedelta where it is to come again after that."""
        if self._asked(delivery, result):
            return None
        if self.refused and len(self.lanes.entries()) >= HELD_WHILE_REFUSED:
            return self._posting.lease
        reply = self._answering.reply(result)
        if isinstance(reply, Silent) and not result.edit_ts:
            done = Finished(delivery, result.job, result.message, JobState.POSTED)
            return Silence(result.team, done, tag_of(result, reply))
        return self.lanes.add(Held(delivery, result, reply, leased_at=time.monotonic()))

    def _send_forever(self) -> None:
        while group := self.lanes.take():
            try:
                steps = self._steps(group)
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
            if self.refused:
                self._probe()

    def _steps(self, group: list[Held]) -> list[Next]:
        for held in group:
            self._hush(held)
        if all(isinstance(held.reply, Counted) for held in group):
            return self._digester.steps(group)
        if len(group) == 1:
            return [(self._replacer if group[0].result.edit_ts else self._sender).step(group[0])]
        return [Next(Step.AGAIN)] * len(group)  # those that are hushed now, then the rest together

    def _hush(self, held: Held) -> None:
        """What was chosen while the result waited: nothing more is sent, and what was sent is finished."""
        if held.sent or held.result.edit_ts:
            return
        reply = self._answering.reply(held.result)
        if isinstance(reply, Silent):
            held.hush(reply)

    def _follow(self, held: Held, step: Next) -> None:
        if step.pause:
            self.lanes.pause(step.pause[0], held.result.channel, step.pause[1])
        if step.why and self._seldom.due(step.why):
            _log.warning("slack did not take a reply, it is tried again", job=held.result.job, error=step.why)
        if step.step is Step.STOP:
            why = f"Slack refuses our credentials: {step.why}. Replies are kept until it is mended."
            self.lanes.stop_sending(Stop.CREDENTIALS, why)
        if step.step is Step.DONE:
            self.lanes.done(held)
        else:
            self.lanes.again(held, step.after, rest_lane=step.rest_lane)

    def _probe(self) -> None:
        """While credentials are refused one sender asks now and then whether they work again; the others wait."""
        if not self._probing.acquire(blocking=False):
            return
        try:
            while self.refused and not self._stopping.is_set():
                self._ask_now.wait(self._posting.probe_every.total_seconds())
                self._ask_now.clear()
                if not self._stopping.is_set():
                    self._ask_whether_mended()
        finally:
            self._probing.release()

    def _ask_whether_mended(self) -> None:
        try:
            self._slack.call("auth.test")
        except Exception as error:
            if self._seldom.due("credentials"):
                _log.error("slack refuses our credentials, replies are kept", error=trouble(error).code)
            return
        self.lanes.stop_sending(Stop.CREDENTIALS, "")
