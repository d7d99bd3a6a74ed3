"""The worker's loop: takes over what others left, reads what is new, has it labelled, hands the results on.

One thread. Whatever it holds is in `held` (and renewed by another thread) until it is finished or released.
"""

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from worker import metrics
from worker.answers import Done, Parked, Work, judged
from worker.batches import Pace
from worker.connection import GroupMissing, QueueError, Unavailable
from worker.guard import Guard
from worker.heart import ServerClock
from worker.labelling import Labeller
from worker.model_slot import ModelSlot
from worker.renewer import Held
from worker.shadow import Shadower
from worker.stream import BLOCK, Delivery, Queue, StreamName
from worker.trouble import Trouble

# A sweep finds entries behind those that live workers hold; every third of a lease keeps recovery under lease + 10 s.
SWEEP_SHARE = 1 / 3
END = "0-0"

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Loop:
    """`at` is called with the name of each point where a crash must do no harm; tests die there."""

    def __init__(
        self,
        queue: Queue,
        slot: ModelSlot,
        held: Held,
        *,
        lease: timedelta,
        pace: Pace,
        guard: Guard,
        clock: ServerClock,
        stop: threading.Event,
        at: Callable[[str], None],
        shadow: Shadower | None = None,
    ) -> None:
        self.queue = queue
        self.slot = slot
        self.held = held
        self.lease = lease
        self.pace = pace
        self.clock = clock
        self.stop = stop
        self.at = at
        self.shadow = shadow or Shadower()
        self.labeller = Labeller(
            queue,
            held,
            pace=pace,
            guard=guard,
            before=slot.before,
            served=slot.served,
            seen=self.shadow.offer,
            clock=clock,
            stop=stop,
            at=at,
        )
        self.trouble = Trouble()
        self.last_turn = time.monotonic()
        self._waiting: list[Work] = []
        self._cursor = END
        self._sweep_at = 0.0
        self._answer_lost = False
        self._more = False

    def run(self) -> None:
        """Until `stop`; then what is left is released. Needs a loaded version: waits for it."""
        while not self.stop.is_set():
            try:
                self.turn()
                self.trouble.over()
            except QueueError as error:
                self._recover(error)
            self.last_turn = time.monotonic()
        self._leave()

    def turn(self) -> None:
        """One round. Raises QueueError; what is held then stays held for the next round."""
        self.labeller.hand_over()
        if self.slot.serving() is None:
            self.stop.wait(0.05)
            return
        self._more = False
        self._take_lost_reads_back()
        self._reclaim()
        self._read()
        if self._waiting:
            self._label_waiting()
        else:
            self.labeller.settle()
            self._prove()
            self.shadow.work()

    def _take_lost_reads_back(self) -> None:
        """After a failed read Redis may think we hold entries we never saw: let everyone have them again."""
        if self._answer_lost:
            released = self.queue.release_lost_reads(StreamName.JOBS, self.held.entries(), lease=self.lease)
            self._answer_lost = False
            if released:
                log.info("jobs released whose delivery never reached us", jobs=released)

    def _reclaim(self) -> None:
        """Take over one entry; in a sweep, one after the other to the stream's end."""
        sweeping = time.monotonic() >= self._sweep_at
        while not self.stop.is_set() and len(self._waiting) < self.pace.slots():
            self._answer_lost = True
            found = self.queue.reclaim(StreamName.JOBS, lease=self.lease, cursor=self._cursor)
            self._answer_lost = False
            self._cursor = found.cursor
            if found.deleted:
                metrics.vanished.inc(found.deleted)
                log.error("entries were pending but gone from the stream: that data is lost", jobs=found.deleted)
            for delivery in found.deliveries:
                metrics.reclaimed.inc()
                self._take(delivery)
            if found.cursor == END:
                # Jitter: workers started together should not sweep together for ever.
                share = SWEEP_SHARE * random.uniform(0.8, 1.2)  # noqa: S311  # no secret
                self._sweep_at = time.monotonic() + (self.lease * share).total_seconds()
            if found.cursor == END or not sweeping:
                return

    def _read(self) -> None:
        free = self.pace.slots() - len(self._waiting)
        if free <= 0 or self.stop.is_set():
            return
        self._answer_lost = True
        at_work = self._waiting or self.labeller.running() or self.shadow.waits()
        deliveries = self.queue.read(StreamName.JOBS, count=free, block=timedelta(0) if at_work else BLOCK)
        self._answer_lost = False
        # Where all we asked for came, more is waiting: the next read may go on while the model computes.
        self._more = len(deliveries) == free
        for delivery in deliveries:
            self._take(delivery)
        if deliveries:
            self.at("read")

    def _take(self, delivery: Delivery) -> None:
        """A delivery of ours joins the batch, or is dealt with at once: suspect, unreadable, of a newer release."""
        if delivery.entry in self.held:  # our own lease ran out while we were stuck
            return
        self.held.add(delivery)
        match judged(delivery, now_ms=self.clock.now_ms()):
            case Done() as letter:
                self.labeller.bury(letter)
            case Parked():
                self._release(delivery, after=self.lease)
            case Work() as work if delivery.count > 1:
                # Alone, and finished before more is claimed: if it kills us, no neighbour's count goes up with it.
                log.warning("suspect runs alone", job=work.job.id, deliveries=delivery.count)
                self.labeller.settle()
                self._label([work])
                self.labeller.settle()
            case work:
                self._waiting.append(work)

    def _label_waiting(self) -> None:
        self._waiting = self._still_waiting()
        self._label(self._waiting)
        if not self._more:
            self.labeller.settle()
        self._waiting = self._still_waiting()

    def _still_waiting(self) -> list[Work]:
        """Without what is finished or computed at present. What another worker took over is its business now."""
        running = self.labeller.running()
        entries = [(work, work.delivery.entry) for work in self._waiting]
        return [work for work, entry in entries if entry in self.held and entry not in running]

    def _label(self, works: list[Work]) -> None:
        serving = self.slot.serving()
        if serving is not None:
            self.labeller.label(works, serving)

    def _prove(self) -> None:
        """After a switch without traffic: the canary texts are the first batch. "Loaded" is not "serving"."""
        serving = self.slot.serving()
        if serving is None or not self.slot.to_prove(serving):
            return
        if self.labeller.proves(serving):
            self.slot.served(serving)
        else:
            self.slot.unproven(serving)

    def _recover(self, error: QueueError) -> None:
        metrics.trouble.labels(type(error).__name__).inc()
        pause = self.trouble.met(error, held=len(self.held))
        self.last_turn = time.monotonic() + pause  # a pause is no standstill
        if isinstance(error, Unavailable):
            self.queue.reconnect()
        if isinstance(error, GroupMissing):
            self._start_anew()
        self.stop.wait(pause)

    def _start_anew(self) -> None:
        """The streams are gone, and with them everything we hold: nobody could take our results."""
        self.labeller.drop()
        self.held.forget(self.held.entries())
        self._waiting, self._cursor, self._answer_lost = [], END, False
        try:
            self.queue.ensure_groups()
        except QueueError as error:
            log.debug("groups not made", why=str(error))  # the next turn meets the same

    def _leave(self) -> None:
        """Give back what is not finished: claimable at once, and not counted against it."""
        try:
            self.labeller.settle()
            self.labeller.hand_over()
            for delivery in self.held.all():
                self._release(delivery)
        except QueueError as error:
            log.warning("jobs not released, they come back when their lease ends", held=len(self.held), why=str(error))

    def _release(self, delivery: Delivery, *, after: timedelta = timedelta(0)) -> None:
        self.queue.release(delivery, lease=self.lease, after=after)
        self.held.forget([delivery.entry])
