"""Results waiting for their turn, one lane a channel, so that one slow channel does not hold back the others."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from bot.crowd import Crowding
from bot.pacing import POST, REACT, READ, WHISPER, Pace
from bot.replies import Counted, Form, Reaction, Reply, Silent, Whisper, in_crowd
from bot.standing import Standing, next_method
from worker.jobs import Result
from worker.stream import Delivery

NO_CALL = ""
# Held a lane; at one post a second these are twenty seconds of work, well inside the lease.
LANE_HOLDS = 20
# Where one post stands for many; their list must fit into its metadata.
DIGEST_HOLDS = 100


class Stop(Enum):
    """What may stop all sending: Slack refuses our credentials, or the operator said so."""

    CREDENTIALS = "credentials"
    OPERATOR = "operator"


@dataclass(eq=False)
class Held:
    """A result this process holds a lease on, and how far its reply is. Times are monotonic seconds.

    `wanted` is the reply as it was set, `reply` the one it gets: with a crowd before it in the channel, a smaller one.
    """

    delivery: Delivery
    result: Result
    wanted: Reply
    leased_at: float
    reply: Reply = field(init=False)
    due: float = 0.0
    # No send of ours can have arrived, and nobody else held the entry meanwhile: no need to look before sending.
    clean: bool = False
    reading: bool = False  # the next step reads the thread instead of posting
    sent_at: float = 0.0  # of the last send whose fate we do not know
    reply_ts: str = ""  # Slack took it; only `finish` is left
    sent: bool = False
    plain: bool = False
    alone: bool = False  # not to be counted with others: an earlier reply of its own may have arrived
    standing: Standing | None = None  # of an edit: what of ours stands there; None while unknown
    tries: int = 0
    reads: int = 0

    def __post_init__(self) -> None:
        self.reply = self.wanted
        # What an edit replaces is a post or reaction of its own.
        self.alone = bool(self.result.edit_ts)

    def hush(self, reply: Silent) -> None:
        """Nothing is to be shown any more."""
        self.wanted = self.reply = reply
        self.alone = True

    @property
    def entry(self) -> str:
        return self.delivery.entry

    @property
    def method(self) -> str:
        if self.reading:
            return READ
        if self.standing and (replacing := next_method(self.standing, self.wanted)):
            return replacing
        if isinstance(self.reply, Silent):
            return NO_CALL
        if isinstance(self.reply, Reaction):
            return REACT
        return WHISPER if isinstance(self.reply, Whisper) else POST


@dataclass
class Lane:
    waiting: deque[Held] = field(default_factory=deque[Held])
    busy: list[Held] = field(default_factory=list[Held])
    rests_until: float = 0.0
    released: dict[str, float] = field(default_factory=dict[str, float])  # entry -> when it is expected back
    form: Form = Form.THREAD
    next_digest: float = 0.0

    def __len__(self) -> int:
        return len(self.waiting) + len(self.busy)

    def forget_released(self, now: float) -> None:
        """Those whose time is over."""
        self.released = {one: until for one, until in self.released.items() if until > now}

    def next_ones(self, now: float, crowding: Crowding) -> list[Held]:
        """What is to be sent next, given its reply: one, or several that are counted in one post."""
        if self.busy or self.rests_until > now:
            return []
        due = [one for one in self.waiting if one.due <= now]
        many = [one for one in due if not (one.alone or one.sent or one.reading)]
        many = [one for one in many if isinstance(in_crowd(one.wanted, one.result, self.form), Counted)]
        if len(many) >= crowding.digest_from:
            if self.next_digest <= now:
                chosen = many[:DIGEST_HOLDS]
                for one in chosen:
                    one.reply = Counted()
                return chosen
            due = [one for one in due if one not in many]
        for one in due[:1]:
            if not one.alone and not one.sent:
                form = Form.REACTION if self.form is Form.DIGEST else self.form
                one.reply = in_crowd(one.wanted, one.result, form)
        return due[:1]


class Lanes:
    """Safe for threads. One post of a lane is under way at a time, so a channel keeps its order."""

    def __init__(
        self, pace: Pace, crowding: Crowding | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pace, self._clock = pace, clock
        self._crowding = crowding or Crowding()
        self._lanes: dict[str, Lane] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._stops: dict[Stop, str] = {}

    def add(self, held: Held) -> timedelta | None:
        """Take a result in. With its lane full: None is not returned but after what time to try again."""
        with self._changed:
            lane = self._lanes.setdefault(held.result.channel, Lane())
            if len(lane) >= (DIGEST_HOLDS if lane.form is Form.DIGEST else LANE_HOLDS):
                return self._later(lane, held.entry)
            lane.released.pop(held.entry, None)
            lane.waiting.append(held)
            self._changed.notify()
            return None

    def _later(self, lane: Lane, entry: str) -> timedelta:
        now = self._clock()
        lane.released.pop(entry, None)
        wait = self._wait(lane, now)
        lane.released[entry] = now + wait.total_seconds()
        return wait / 2  # back well before the lane runs dry

    def take(self) -> list[Held]:
        """Wait for the next result whose time has come, or for several that get one post together; none when closed.

        Give each back with `done` or `again`.
        """
        with self._changed:
            while not self._closed:
                chosen, wait = self._next(self._clock())
                if chosen:
                    return chosen
                self._changed.wait(wait)
            return []

    def _next(self, now: float) -> tuple[list[Held], float]:
        shortest = 0.5
        if self._stops:
            return [], shortest
        for channel, lane in self._lanes.items():
            lane.form = self._crowding.form(self._wait(lane, now), lane.form)
            chosen = lane.next_ones(now, self._crowding)
            if not chosen:
                continue
            wait = 0.0 if chosen[0].sent else self._pace.wait(chosen[0].method, channel, now)
            if wait <= 0:
                self._start(channel, lane, chosen, now)
                return chosen, 0.0
            shortest = min(shortest, wait)
        # Half a second is short enough to look again for whatever comes due later.
        dues = [max(one.due, lane.rests_until) - now for lane in self._lanes.values() for one in lane.waiting]
        return [], min([shortest, *(due for due in dues if due > 0)])

    def _wait(self, lane: Lane, now: float) -> timedelta:
        """How long the last one of a lane would wait for a post of its own, those sent away counted in."""
        lane.forget_released(now)
        return timedelta(seconds=(len(lane) + len(lane.released)) / self._pace.posts_per_second)

    def crowded(self) -> dict[str, Form]:
        """Channels where replies take less room than was set, and what they take."""
        with self._changed:
            return {channel: lane.form for channel, lane in self._lanes.items() if lane.form is not Form.THREAD}

    def _start(self, channel: str, lane: Lane, chosen: list[Held], now: float) -> None:
        for one in chosen:
            lane.waiting.remove(one)
        lane.busy = list(chosen)
        if isinstance(chosen[0].reply, Counted):
            lane.next_digest = now + self._crowding.digest_every.total_seconds()
        if not chosen[0].sent:
            self._pace.take(chosen[0].method, channel, now)
        # To the end: every channel gets its turn.
        self._lanes[channel] = self._lanes.pop(channel)

    def done(self, held: Held) -> None:
        """The result is no longer ours to care for."""
        with self._changed:
            lane = self._lanes[held.result.channel]
            lane.busy.remove(held)
            lane.forget_released(self._clock())
            if not lane.waiting and not lane.busy and not lane.released:
                del self._lanes[held.result.channel]
            self._changed.notify_all()

    def again(self, held: Held, after: timedelta, *, rest_lane: bool) -> None:
        """Put a result back at the front of its lane; `rest_lane` makes the others wait with it."""
        with self._changed:
            lane = self._lanes[held.result.channel]
            lane.busy.remove(held)
            lane.waiting.appendleft(held)
            until = self._clock() + after.total_seconds()
            if rest_lane:
                lane.rests_until = until
            else:
                held.due = until
            self._changed.notify_all()

    def pause(self, method: str, channel: str, span: timedelta) -> None:
        with self._changed:
            self._pace.pause(method, channel, span, self._clock())

    def stop_sending(self, cause: Stop, why: str) -> None:
        """Keep everything, send nothing; the empty string lifts what that cause brought about."""
        with self._changed:
            self._stops = {one: said for one, said in self._stops.items() if one is not cause}
            self._stops |= {cause: why} if why else {}
            self._changed.notify_all()

    def stopped(self, cause: Stop) -> str:
        """Why nothing is sent, as far as this cause goes; empty when it does not stand in the way."""
        return self._stops.get(cause, "")

    def entries(self) -> dict[str, Held]:
        """Everything held, what is under way included."""
        with self._changed:
            held = [one for lane in self._lanes.values() for one in (*lane.waiting, *lane.busy)]
            return {one.entry: one for one in held}

    def regained(self, delivery: Delivery) -> bool:
        """Whether a delivery just reclaimed is one we hold: then its lease had ended and others may have replied."""
        held = self.entries().get(delivery.entry)
        if held:
            held.delivery, held.leased_at, held.clean = delivery, self._clock(), False
        return held is not None

    def renewed(self, entries: Iterable[str], at: float) -> None:
        known = self.entries()
        for entry in entries:
            if entry in known:
                known[entry].leased_at = at

    def drop(self, entries: set[str]) -> None:
        """Forget entries that are no longer ours. One under way finds out by itself: every step is fenced."""
        with self._changed:
            for lane in self._lanes.values():
                lane.waiting = deque(one for one in lane.waiting if one.entry not in entries)

    def close(self) -> list[Held]:
        """Let every `take` return None; returns what was still waiting."""
        with self._changed:
            self._closed = True
            rest = [one for lane in self._lanes.values() for one in lane.waiting]
            for lane in self._lanes.values():
                lane.waiting.clear()
            self._changed.notify_all()
            return rest
