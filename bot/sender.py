"""One result's way into Slack: begin, look or send, finish. Says what to do with the result afterwards.

Every step may be cut off: a kill between any two leaves the result to whoever reclaims it, and `begin` then answers
`reconcile`, so that the thread is read before anything is sent twice.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import structlog

from bot.burying import bury
from bot.lanes import Held
from bot.metrics import Metrics
from bot.pacing import POST, REACT, WHISPER
from bot.reconcile import Absent, Found, Unreadable, born_ms, find_digested, find_reply, settle_left
from bot.recording import tags_of
from bot.removals import Gone, Removals
from bot.replies import FALLBACK_EMOJI, Counted, Form, Reaction, Silent, ThreadPost, Whisper, metadata, reaction_of
from bot.slack_client import Slack
from bot.slack_errors import Failure, Trouble, trouble
from bot.store import Tags
from bot.tag_blocks import reply_blocks
from worker.jobs import JobState
from worker.stream import Begin, Begun, Finish, Finished, Queue

# Nobody wants the label of yesterday's message, and a queue must end somewhere.
TOO_OLD = timedelta(hours=24)
LONGEST_BACKOFF = timedelta(seconds=60)
# Reading a thread fails this often before we post without having looked.
READS = 5
# A channel that refuses this many replies in a row gets a rest of this long.
STRIKES = 3
REST = timedelta(hours=1)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Step(StrEnum):
    """DONE: forget the result. AGAIN: back into its lane. STOP: the same, and nothing at all may be sent now."""

    DONE = "done"
    AGAIN = "again"
    STOP = "stop"


@dataclass(frozen=True)
class Next:
    step: Step
    after: timedelta = timedelta(0)
    rest_lane: bool = False
    # Set where Slack named a time: (method, span).
    pause: tuple[str, timedelta] | None = None
    why: str = ""


DONE = Next(Step.DONE)
SOON = timedelta(seconds=1)


class Sender:
    """Safe for threads as long as each result is in one thread's hands, which the lanes see to."""

    def __init__(
        self,
        queue: Queue,
        slack: Slack,
        metrics: Metrics,
        tags: Tags,
        removals: Removals,
        *,
        room: timedelta,
        now_ms: Callable[[], int],
        at: Callable[[str], None],
    ) -> None:
        """`room` is how old a lease may be when a call starts, so that it ends before the lease does; `now_ms` is the
        server's clock; `at` is called with the name of each kill point.
        """
        self._queue, self._slack, self._metrics = queue, slack, metrics
        self._tags, self._removals = tags, removals
        self._room, self._now_ms, self._at = room, now_ms, at
        self._strikes: dict[str, tuple[int, float]] = {}

    def step(self, held: Held) -> Next:
        """Do the next thing for this result. Raises QueueError; then nothing was sent that `held` does not know of."""
        if held.sent:
            return self.finish([held])[0]
        begun = self.admit(held)
        if isinstance(begun, Next):
            return begun
        if not held.clean:
            match begun.form or held.reply.form:
                case Form.REACTION:
                    held.reply = Reaction(reaction_of(held.result))  # cannot be doubled
                case Form.THREAD | Form.DIGEST as form:
                    return self._look(held, begun.posting_ms, Form(form))
                case _:
                    pass  # a whisper cannot be read back
        return self.send(held)

    def admit(self, held: Held) -> Next | Begun:
        """Record that a reply is about to be sent; a Next where none may be. It may go out at once if `held.clean`."""
        if self._now_ms() - born_ms(held.entry) > TOO_OLD.total_seconds() * 1000:
            return self._bury(held, "older than a day")
        if self._rests(held.result.channel):
            return self._bury(held, "channel rests", "too many refusals")
        began = time.monotonic()
        self._at("before begin")
        begun = self._queue.begin(
            held.delivery,
            job=held.result.job,
            message=held.result.message,
            edit_ts=held.result.edit_ts,
            form=held.reply.form,
            looked=held.clean,
        )
        if begun.answer in (Begin.DONE, Begin.FENCED):
            self._metrics.replied(begun.answer.value)
            return DONE
        held.leased_at = began  # `begin` renewed the lease
        self._at("after begin")
        if begun.answer is Begin.POST:
            held.clean = True
        return begun

    def settle_left(self, held: Held, posting_ms: int) -> timedelta:
        """How long to wait before looking for a post of ours that may be under way."""
        ago = time.monotonic() - held.sent_at if held.sent_at else None
        return settle_left(sent_ago=ago, posting_ms=posting_ms, entry=held.entry, now_ms=self._now_ms())

    def _look(self, held: Held, posting_ms: int, form: Form) -> Next:
        held.alone = form is Form.THREAD
        left = self.settle_left(held, posting_ms)
        if left or not held.reading:
            held.reading = True
            return Next(Step.AGAIN, left)
        held.reading = False
        match find_reply(self._slack, held.result) if form is Form.THREAD else find_digested(self._slack, held.result):
            case Found(ts, others):
                self._metrics.duplicates.inc(others)
                held.sent, held.reply_ts = True, ts
                return self.finish([held], "found")[0]
            case Absent():
                held.clean, held.alone = True, False
            case Unreadable(why) if why.is_about_the_token:
                held.reading = True
                return Next(Step.STOP, why=why.code)
            case Unreadable(why, retry):
                held.reads += 1
                if retry and held.reads < READS:
                    held.reading = True
                    return Next(Step.AGAIN, why.retry_after or backoff(held.reads), why=why.code)
                _log.warning("thread cannot be read, posting without a look", job=held.result.job, error=why.code)
                held.clean, held.alone = True, False
        return Next(Step.AGAIN)

    def has_room(self, held: Held) -> bool:
        """Whether a call that starts now ends before the lease does."""
        return time.monotonic() - held.leased_at <= self._room.total_seconds()

    def send(self, held: Held) -> Next:
        """What nothing of ours stands in the way of."""
        if not self.has_room(held):
            return Next(Step.AGAIN)  # the next `begin` renews the lease, or tells us that it is gone
        try:
            held.reply_ts = self._call(held)
        except Exception as error:
            return self.failed([held], trouble(error))[0]
        return self.arrived([held])[0]

    def arrived(self, group: list[Held]) -> list[Next]:
        """Slack took the post."""
        self._at("after send")
        for held in group:
            held.sent = True
            self._strikes.pop(held.result.channel, None)
        return self.finish(group)

    def _call(self, held: Held) -> str:
        """The one call that people see. Returns the reply's ts, empty where it has none."""
        result = held.result
        match held.reply:
            case ThreadPost(thread_ts, text, plain):
                fields: dict[str, object] = {"text": plain}
                if not held.plain:
                    fields = {"text": text, "metadata": metadata(result), "blocks": reply_blocks(text, result)}
                fields |= {"unfurl_links": False, "unfurl_media": False, "reply_broadcast": False}
                answer = self._slack.call(POST, channel=result.channel, thread_ts=thread_ts, **fields)
                return str(answer.get("ts", ""))
            case Whisper(user, thread_ts, text):
                thread = {"thread_ts": thread_ts} if thread_ts else {}
                self._slack.call(WHISPER, channel=result.channel, user=user, text=text, **thread)
            case Reaction(name):
                shown = FALLBACK_EMOJI if held.plain else name
                self._slack.call(REACT, channel=result.channel, timestamp=result.ts, name=shown)
            case Silent() | Counted():
                pass
        return ""

    def failed(self, group: list[Held], why: Trouble) -> list[Next]:
        """One call failed; what to do with each result it was for."""
        if why.is_about_the_channel:
            channel = group[0].result.channel
            count, _ = self._strikes.get(channel, (0, 0.0))
            self._strikes[channel] = (count + 1, time.monotonic() + REST.total_seconds())
        return [self._after_failure(held, why) for held in group]

    def _after_failure(self, held: Held, why: Trouble) -> Next:
        held.tries += 1
        wait = why.retry_after or backoff(held.tries)
        match why.failure:
            case Failure.DISGUISED:
                held.sent = True
                return self.finish([held])[0]
            case Failure.NOT_SENT:
                pause = (held.method, wait) if why.retry_after else None
                return Next(Step.AGAIN, wait, rest_lane=True, pause=pause, why=why.code)
            case Failure.AMBIGUOUS:
                # From now, not from when it was sent: after a time-out Slack may have taken it only just now.
                held.clean, held.sent_at = False, time.monotonic()
                held.reading = isinstance(held.reply, ThreadPost) and held.standing is None
                return Next(Step.AGAIN, timedelta(0) if held.reading else wait, why=why.code)
            case Failure.CREDENTIALS:
                return Next(Step.STOP, why=why.code)
            case Failure.OUR_FAULT if not held.plain:
                held.plain = True
                return Next(Step.AGAIN, why=why.code)
            case Failure.GONE:  # the message, or the one its thread hangs on
                return self._retire([held], JobState.DEAD, "gone")[0]
            case _:
                return self._bury(held, "refused by Slack", why.code)

    def _rests(self, channel: str) -> bool:
        count, until = self._strikes.get(channel, (0, 0.0))
        if count >= STRIKES and time.monotonic() >= until:
            del self._strikes[channel]
            return False
        return count >= STRIKES

    def _bury(self, held: Held, reason: str, error: str = "") -> Next:
        bury(self._queue, self._metrics, held.delivery, result=held.result, reason=reason, error=error)
        return DONE

    def finish(self, group: list[Held], outcome: str = "posted") -> list[Next]:
        """Their replies stand in Slack."""
        # Kept in each `held` first: if Redis fails now, the reply is not sent again but finished later.
        self._at("before finish")
        return self._retire(group, JobState.POSTED, outcome)

    def _retire(self, group: list[Held], state: JobState, outcome: str) -> list[Next]:
        finished = [
            Finished(held.delivery, held.result.job, held.result.message, state, reply_ts=held.reply_ts)
            for held in group
        ]
        if state is JobState.POSTED:
            # Before `finish`: a kill in between has it done again, which counts nothing twice.
            self._tags.record(tags_of(group), datetime.now(UTC))
        for held, answer in zip(group, self._queue.finish(finished, into=None), strict=True):
            result = held.result
            if answer is Finish.DONE and held.reply_ts:
                # The message was deleted while we were posting: our reply must not outlive it.
                thread = result.thread_ts or result.ts
                self._removals.remove(Gone(result.message, result.channel, result.ts, thread, held.reply_ts))
            self._metrics.replied(outcome if answer is Finish.OK else answer.value)
            if answer is Finish.OK:
                if state is JobState.POSTED:
                    self._metrics.forms.labels(held.reply.form.value).inc()
                    self._metrics.answered(result.edit_ts or result.ts)
                facts = {"version": result.version, "label": result.label, "tries": held.tries}
                _log.info("replied", job=result.job, outcome=outcome, form=held.reply.form.value, **facts)
        return [DONE] * len(group)


def backoff(tries: int) -> timedelta:
    """1, 2, 4 ... 60 s, with jitter so that several lanes do not knock in step."""
    seconds = min(2.0 ** (tries - 1), LONGEST_BACKOFF.total_seconds())
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311
