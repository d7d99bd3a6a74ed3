"""Results waiting for their turn, one lane a channel, so that one slow channel does not hold back the others."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from bot.pacing import POST, REACT, READ, WHISPER, Pace
from bot.replies import Reaction, Reply, Whisper
from worker.jobs import Result
from worker.stream import Delivery

# Held a lane; at one post a second these are twenty seconds of work, well inside the lease.
LANE_HOLDS = 20


class Stop(Enum):
    """What may stop all sending: Slack refuses our credentials, or the operator said so."""

    CREDENTIALS = "credentials"
    OPERATOR = "operator"


@dataclass(eq=False)
class Held:
    """A result this process holds a lease on, and how far its reply is. Times are monotonic seconds."""

    delivery: Delivery
    result: Result
    reply: Reply
    leased_at: float
    due: float = 0.0
    # No send of ours can have arrived, and nobody else held the entry meanwhile: no need to look before sending.
    clean: bool = False
    reading: bool = False  # the next step reads the thread instead of posting
    sent_at: float = 0.0  # of the last send whose fate we do not know
    reply_ts: str = ""  # Slack took it; only `finish` is left
    sent: bool = False
    plain: bool = False
    tries: int = 0
    reads: int = 0

    @property
    def entry(self) -> str:
        return self.delivery.entry

    @property
    def method(self) -> str:
        if self.reading:
            return READ
        if isinstance(self.reply, Reaction):
            return REACT
        return WHISPER if isinstance(self.reply, Whisper) else POST


@dataclass
class Lane:
    waiting: deque[Held] = field(default_factory=deque[Held])
    busy: Held | None = None
    rests_until: float = 0.0
    released: dict[str, float] = field(default_factory=dict[str, float])  # entry -> when it is expected back

    def __len__(self) -> int:
        return len(self.waiting) + (self.busy is not None)


class Lanes:
    """Safe for threads. One reply of a lane is under way at a time, so a channel keeps its order."""

    def __init__(self, pace: Pace, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace, self._clock = pace, clock
        self._lanes: dict[str, Lane] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._stops: dict[Stop, str] = {}

    def add(self, held: Held) -> timedelta | None:
        """Take a result in. With its lane full: None is not returned but after what time to try again."""
        with self._changed:
            lane = self._lanes.setdefault(held.result.channel, Lane())
            if len(lane) >= LANE_HOLDS:
                return self._later(lane, held.entry)
            lane.released.pop(held.entry, None)
            lane.waiting.append(held)
            self._changed.notify()
            return None

    def _later(self, lane: Lane, entry: str) -> timedelta:
        now = self._clock()
        lane.released = {one: until for one, until in lane.released.items() if until > now and one != entry}
        # At one post a second, half its place in the lane: back well before the lane runs dry.
        after = (len(lane) + len(lane.released)) / 2
        lane.released[entry] = now + 2 * after
        return timedelta(seconds=after)

    def take(self) -> Held | None:
        """Wait for the next result whose time has come; None when closed. Give it back with `done` or `again`."""
        with self._changed:
            while not self._closed:
                held, wait = self._next(self._clock())
                if held:
                    return held
                self._changed.wait(wait)
            return None

    def _next(self, now: float) -> tuple[Held | None, float]:
        shortest = 0.5
        if self._stops:
            return None, shortest
        for channel, lane in self._lanes.items():
            resting = lane.busy or lane.rests_until > now
            held = None if resting else next((one for one in lane.waiting if one.due <= now), None)
            if not held:
                continue
            wait = 0.0 if held.sent else self._pace.wait(held.method, channel, now)
            if wait <= 0:
                self._start(channel, lane, held, now)
                return held, 0.0
            shortest = min(shortest, wait)
        # Half a second is short enough to look again for whatever comes due later.
        dues = [max(one.due, lane.rests_until) - now for lane in self._lanes.values() for one in lane.waiting]
        return None, min([shortest, *(due for due in dues if due > 0)])

    def _start(self, channel: str, lane: Lane, held: Held, now: float) -> None:
        lane.waiting.remove(held)
        lane.busy = held
        if not held.sent:
            self._pace.take(held.method, channel, now)
        # To the end: every channel gets its turn.
        self._lanes[channel] = self._lanes.pop(channel)

    def done(self, held: Held) -> None:
        """The result is no longer ours to care for."""
        with self._changed:
            lane = self._lanes[held.result.channel]
            lane.busy = None
            lane.released = {one: until for one, until in lane.released.items() if until > self._clock()}
            if not lane.waiting and not lane.released:
                del self._lanes[held.result.channel]
            self._changed.notify_all()

    def again(self, held: Held, after: timedelta, *, rest_lane: bool) -> None:
        """Put a result back at the front of its lane; `rest_lane` makes the others wait with it."""
        with self._changed:
            lane = self._lanes[held.result.channel]
            lane.busy = None
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
            held = [
                one for lane in self._lanes.values() for one in (*lane.waiting, *([lane.busy] if lane.busy else []))
            ]
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
