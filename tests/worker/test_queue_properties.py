"""Random interleavings of all that bots and workers do to the queue, frozen and dying ones too, on a real server.

CASES=10000 tries that many instead of a few dozen, each time others.
"""

import os
import time
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.bot.test_replies import result as a_result
from tests.conftest import Broker
from tests.worker.test_begin_and_cancel import job as a_job
from worker.jobs import Job, JobState, Keys, Origin, Result, StreamName
from worker.stream import Begin, Delivery, Enqueued, Finish, Finished, Queue, result_fields

CASES = int(os.environ.get("CASES", "0"))
NOW = timedelta(0)
WHO = st.integers(0, 1)
WHICH = st.integers(0, 5)
_numbers = count(1)


@dataclass
class Consumer:
    """One process: its view of the queue, and what it believes to hold."""

    queue: Queue
    held: list[Delivery] = field(default_factory=list[Delivery])


class Machine(RuleBasedStateMachine):
    """Two workers, two bots, six messages. A lease can end at any moment; who held it is not told."""

    server: Broker

    def __init__(self) -> None:
        super().__init__()
        self.keys = Keys(f"p{os.getpid()}x{next(_numbers)}")
        self.bots_view = self._queue(self.server.bot)
        self.bots_view.ensure_groups()
        self.workers = [self._consumer(self.server.worker) for _ in range(2)]
        self.bots = [self._consumer(self.server.bot) for _ in range(2)]
        self.known, self.deleted = set[int](), set[int]()
        self.shown = Counter[str]()  # posts that stand in Slack, by message
        self.late = defaultdict[str, int](int)  # posts made after the message was deleted

    def _queue(self, url: str) -> Queue:
        return Queue(url, keys=self.keys, consumer=f"c{time.monotonic_ns()}")

    def _consumer(self, url: str) -> Consumer:
        return Consumer(self._queue(url))

    def _message(self, number: int) -> Job:
        return replace(a_job(), id=f"m{number}", message=f"m{number}", ts=f"170000000{number}.000100")

    @rule(number=WHICH, origin=st.sampled_from(Origin))
    def somebody_writes_or_history_is_read(self, number: int, origin: Origin):
        answer = self.bots_view.enqueue(replace(self._message(number), origin=origin), limit=1_000)
        assert answer is (Enqueued.DUP if number in self.known | self.deleted else Enqueued.OK)
        if answer is Enqueued.OK:
            self.known.add(number)

    @rule(number=WHICH)
    def a_message_is_deleted(self, number: int):
        self.bots_view.cancel(f"m{number}")
        self.deleted.add(number)

    @rule(who=WHO)
    def a_worker_reads(self, who: int):
        self._take(self.workers[who], StreamName.JOBS, again=False)

    @rule(who=WHO)
    def a_worker_takes_over(self, who: int):
        self._take(self.workers[who], StreamName.JOBS, again=True)

    @rule(who=WHO)
    def a_worker_answers(self, who: int):
        for delivery in self._all(self.workers[who]):
            self._label(self.workers[who], delivery)

    @rule(who=WHO, bot=st.booleans())
    def somebody_gives_back(self, who: int, bot: bool):
        consumer = (self.bots if bot else self.workers)[who]
        for delivery in self._all(consumer):
            consumer.queue.release(delivery, lease=NOW)

    @rule(who=WHO, bot=st.booleans())
    def somebody_dies(self, who: int, bot: bool):
        everybody = self.bots if bot else self.workers
        everybody[who].queue.close()
        everybody[who] = self._consumer(self.server.bot if bot else self.server.worker)

    @rule(who=WHO)
    def a_bot_reads(self, who: int):
        self._take(self.bots[who], StreamName.RESULTS, again=False)

    @rule(who=WHO)
    def a_bot_takes_over(self, who: int):
        self._take(self.bots[who], StreamName.RESULTS, again=True)

    @rule(who=WHO, dies=st.sampled_from(["", "", "before the send", "after the send"]))
    def a_bot_posts(self, who: int, dies: str):
        for delivery in self._all(self.bots[who]):
            if self._post(self.bots[who], delivery, dies=dies):
                self.somebody_dies(who, bot=True)
                return

    def _take(self, consumer: Consumer, stream: StreamName, *, again: bool) -> None:
        if again:
            consumer.held += consumer.queue.reclaim(stream, lease=NOW, count=2).deliveries
        else:
            consumer.held += consumer.queue.read(stream, count=2, block=NOW)

    def _all(self, consumer: Consumer) -> list[Delivery]:
        held, consumer.held = consumer.held, []
        return held

    def _label(self, worker: Consumer, delivery: Delivery) -> None:
        one = Job.decode(delivery.fields)
        fields = result_fields(a_result(job=one.id, message=one.message, ts=one.ts).encode())
        worker.queue.finish(
            [Finished(delivery, one.id, one.message, JobState.LABELLED, fields=fields)], into=StreamName.RESULTS
        )

    def _post(self, bot: Consumer, delivery: Delivery, *, dies: str = "") -> bool:
        """As bot/sender.py does it, but that nothing comes between its look and its send (corner case D2)."""
        one = Result.decode(delivery.fields)
        answer = bot.queue.begin(delivery, job=one.job, message=one.message, form="thread").answer
        if answer in (Begin.DONE, Begin.FENCED):
            return False
        if dies == "before the send":
            return True
        if answer is Begin.POST or not self.shown[one.message]:
            self.shown[one.message] += 1
            self.late[one.message] += int(one.message.removeprefix("m")) in self.deleted
        if dies == "after the send":
            return True
        done = Finished(delivery, one.job, one.message, JobState.POSTED, reply_ts="1.0")
        assert bot.queue.finish([done], into=None)[0] is not Finish.DONE, "nobody deletes between begin and finish here"
        return False

    def teardown(self) -> None:
        """Fresh processes finish what is left; then people see what they should."""
        worker, bot = self._consumer(self.server.worker), self._consumer(self.server.bot)
        for _ in range(30):
            if not self.bots_view.depth():
                break
            self._take(worker, StreamName.JOBS, again=False)
            self._take(worker, StreamName.JOBS, again=True)
            for delivery in self._all(worker):
                self._label(worker, delivery)
            self._take(bot, StreamName.RESULTS, again=False)
            self._take(bot, StreamName.RESULTS, again=True)
            for delivery in self._all(bot):
                self._post(bot, delivery)
        try:
            self._judge()
        finally:
            for consumer in (*self.workers, *self.bots, worker, bot):
                consumer.queue.close()
            self.bots_view.close()

    def _judge(self) -> None:
        with self.server.client() as client:
            keys = list(client.scan_iter(f"{{{self.keys.prefix}}}:*"))
            left = {name.value: client.xlen(self.keys.stream(name)) for name in StreamName}
            immortal = [key for key in keys if b":job:" in key and client.ttl(key) == -1]
            client.delete(*keys)
        wanted = {f"m{number}" for number in self.known - self.deleted}
        assert {message for message, times in self.shown.items() if times > 1} == set(), "doubled"
        assert {message for message in wanted if not self.shown[message]} == set(), "lost"
        assert {message for message, times in self.late.items() if times} == set(), "posted under a deleted message"
        assert left == {"jobs": 0, "results": 0, "dead": 0}
        assert immortal == []


@pytest.mark.timeout(7_200 if CASES else 300)
def test_no_interleaving_loses_or_doubles_a_message(valkey: Broker):
    class OnThisServer(Machine):
        server = valkey

    how = settings(
        max_examples=CASES or 100,
        stateful_step_count=30,
        deadline=None,
        derandomize=not CASES,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(OnThisServer, settings=how)  # pyright: ignore[reportUnknownMemberType]


def test_the_machine_would_notice_a_message_that_is_lost(valkey: Broker):
    class Forgetful(Machine):
        server = valkey

        def _label(self, worker: Consumer, delivery: Delivery) -> None:
            with closing(self._queue(self.server.bot)) as thief:
                thief.client.xdel(self.keys.stream(StreamName.JOBS), delivery.entry)

    with pytest.raises(AssertionError, match="lost"):
        run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType]
            Forgetful,
            settings=settings(
                max_examples=20, stateful_step_count=10, deadline=None, derandomize=True, phases=[Phase.generate]
            ),
        )
