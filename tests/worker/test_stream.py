"""Jobs: enqueued once, leased, renewed, reclaimed, released, retired once. On both servers, under the users' rights."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.conftest import Broker
from worker.connection import GroupMissing
from worker.fleet import Fleet
from worker.jobs import Job, JobState, Keys, Origin, StreamName, job_id, message_id
from worker.stream import Enqueued, Finish, Finished, Queue, dead_fields, enqueuer, result_fields

LEASE = timedelta(seconds=30)
NONE = timedelta(0)


def job(number: int = 1, **changes: object) -> Job:
    message = message_id("T1", "C1", f"{number}.000001")
    base = Job(id=job_id(message), message=message, team="T1", channel="C1", ts=f"{number}.000001", text="hello")
    return replace(base, **changes)


@dataclass
class World:
    broker: Broker
    keys: Keys
    bot: Queue
    queues: list[Queue]

    def worker(self, name: str) -> Queue:
        queue = Queue(self.broker.worker, keys=self.keys, consumer=name)
        queue.ensure_groups()
        self.queues.append(queue)
        return queue

    def fleet(self) -> Fleet:
        fleet = Fleet(self.broker.admin, keys=self.keys)
        self.queues.append(fleet)  # type: ignore[arg-type]
        return fleet


@pytest.fixture
def world(any_server: tuple[Broker, Keys]) -> Iterator[World]:
    broker, keys = any_server
    world = World(broker, keys, enqueuer(broker.bot, keys=keys), [])
    yield world
    for queue in [world.bot, *world.queues]:
        queue.close()


def labelled(queue: Queue, one: Job) -> Finished:
    (delivery,) = queue.read(StreamName.JOBS, count=1)
    return Finished(delivery, one.id, one.message, JobState.LABELLED, fields=result_fields("{}"))


def test_a_job_sent_before_the_first_worker_starts_is_read(world: World):
    assert world.bot.enqueue(job(), limit=10) is Enqueued.OK
    (delivery,) = world.worker("w1").read(StreamName.JOBS, count=5)
    assert Job.decode(delivery.fields) == job()
    assert delivery.count == 1


def test_the_same_job_twice_is_one_entry(world: World):
    assert [world.bot.enqueue(job(), limit=10) for _ in range(3)] == [Enqueued.OK, Enqueued.DUP, Enqueued.DUP]
    assert world.fleet().stats().waiting == 1


def test_jobs_and_results_together_fill_the_queue_and_a_full_queue_writes_nothing(world: World):
    worker = world.worker("w1")
    world.bot.enqueue(job(1), limit=2)
    worker.finish([labelled(worker, job(1))], into=StreamName.RESULTS)
    assert world.bot.enqueue(job(2), limit=2) is Enqueued.OK
    assert world.bot.enqueue(job(3), limit=2) is Enqueued.FULL
    with world.broker.client() as client:
        assert not client.exists(world.keys.job(job(3).id))


@pytest.mark.parametrize(("advance", "mark"), [(True, b"3.000001"), (False, None)])
def test_the_mark_follows_the_newest_job_and_stands_still_while_a_gap_is_open(world: World, advance: bool, mark: bytes):
    for number in (1, 3, 2):
        world.bot.enqueue(job(number), limit=10, advance=advance)
    with world.broker.client() as client:
        assert client.hget(world.keys.marks, "T1:C1") == mark


def test_finish_moves_a_job_to_the_results_once(world: World):
    worker = world.worker("w1")
    world.bot.enqueue(job(), limit=10)
    finished = labelled(worker, job())
    assert worker.finish([finished], into=StreamName.RESULTS) == [Finish.OK]
    assert worker.finish([finished], into=StreamName.RESULTS) == [Finish.FENCED]
    stats = world.fleet().stats()
    assert (stats.waiting, stats.leased, stats.results) == (0, 0, 1)


def test_a_dead_workers_job_is_reclaimed_and_its_late_finish_is_fenced(world: World):
    dead, heir = world.worker("w1"), world.worker("w2")
    world.bot.enqueue(job(), limit=10)
    late = labelled(dead, job())
    assert heir.reclaim(StreamName.JOBS, lease=LEASE).deliveries == []
    (again,) = heir.reclaim(StreamName.JOBS, lease=NONE).deliveries
    assert again.count == 2
    assert dead.finish([late], into=StreamName.RESULTS) == [Finish.FENCED]
    assert heir.finish([replace(late, delivery=again)], into=StreamName.RESULTS) == [Finish.OK]
    assert world.fleet().stats().results == 1


def test_a_renewed_lease_is_not_reclaimed_and_a_lost_one_is_reported(world: World):
    first, second = world.worker("w1"), world.worker("w2")
    world.bot.enqueue(job(1), limit=10)
    world.bot.enqueue(job(2), limit=10)
    kept, lost = first.read(StreamName.JOBS, count=2)
    (taken,) = second.reclaim(StreamName.JOBS, lease=NONE, cursor=lost.entry).deliveries
    assert taken.entry == lost.entry
    assert first.renew(StreamName.JOBS, [kept.entry, lost.entry]) == {lost.entry}
    assert second.reclaim(StreamName.JOBS, lease=LEASE).deliveries == []


def test_renewing_does_not_count_as_a_delivery(world: World):
    worker = world.worker("w1")
    world.bot.enqueue(job(), limit=10)
    (delivery,) = worker.read(StreamName.JOBS, count=1)
    for _ in range(5):
        worker.renew(StreamName.JOBS, [delivery.entry])
    assert worker.pending(StreamName.JOBS) == [(delivery.entry, 1)]


def test_a_released_job_is_anothers_at_once_and_the_delivery_is_not_held_against_it(world: World):
    first, second = world.worker("w1"), world.worker("w2")
    world.bot.enqueue(job(), limit=10)
    (delivery,) = first.read(StreamName.JOBS, count=1)
    assert first.release(delivery, lease=LEASE) is Finish.OK
    (again,) = second.reclaim(StreamName.JOBS, lease=LEASE).deliveries
    assert again.count == 1
    assert first.release(delivery, lease=LEASE) is Finish.FENCED


def test_a_job_released_for_later_waits(world: World):
    worker = world.worker("w1")
    world.bot.enqueue(job(), limit=10)
    (delivery,) = worker.read(StreamName.JOBS, count=1)
    worker.release(delivery, lease=LEASE, after=timedelta(seconds=20))
    assert worker.reclaim(StreamName.JOBS, lease=LEASE).deliveries == []
    assert len(worker.reclaim(StreamName.JOBS, lease=timedelta(seconds=10)).deliveries) == 1


def test_a_dead_letter_keeps_the_job_and_says_why(world: World):
    worker = world.worker("w1")
    world.bot.enqueue(job(), limit=10)
    (delivery,) = worker.read(StreamName.JOBS, count=1)
    fields = dead_fields(delivery, reason="it kills the process", error="SIGSEGV")
    done = Finished(delivery, job().id, job().message, JobState.DEAD, fields=fields)
    assert worker.finish([done], into=StreamName.DEAD) == [Finish.OK]
    with world.broker.client() as client:
        ((_, letter),) = client.xrange(world.keys.stream(StreamName.DEAD))
        assert Job.decode(letter) == job()
        assert letter[b"reason"] == b"it kills the process"
        assert client.hget(world.keys.job(job().id), "state") == b"dead"


def test_an_unreadable_entry_is_buried_by_size_and_leaves_no_key_behind(world: World):
    worker = world.worker("w1")
    with world.broker.client() as client:
        client.xadd(world.keys.stream(StreamName.JOBS), {"v": "1", "data": b"\xff" * 500})
        (delivery,) = worker.read(StreamName.JOBS, count=1)
        fields = dead_fields(delivery, reason="no JSON", keep=False)
        assert worker.finish([Finished(delivery, fields=fields)], into=StreamName.DEAD) == [Finish.OK]
        ((_, letter),) = client.xrange(world.keys.stream(StreamName.DEAD))
        assert (letter[b"data"], letter[b"size"]) == (b"", b"500")
        assert list(client.scan_iter(world.keys.job("*"))) == []


def test_what_a_lost_read_left_in_our_name_is_given_back(world: World):
    worker = world.worker("w1")
    world.bot.enqueue(job(1), limit=10)
    world.bot.enqueue(job(2), limit=10)
    seen, _unseen = worker.read(StreamName.JOBS, count=2)
    assert worker.release_lost_reads(StreamName.JOBS, {seen.entry}, lease=LEASE) == 1
    (again,) = world.worker("w2").reclaim(StreamName.JOBS, lease=LEASE).deliveries
    assert Job.decode(again.fields) == job(2)
    assert again.count == 1


def test_after_a_flush_the_reader_is_told_and_the_groups_come_back(world: World):
    worker = world.worker("w1")
    with world.broker.client() as client:
        client.delete(world.keys.stream(StreamName.JOBS))
    with pytest.raises(GroupMissing):
        worker.read(StreamName.JOBS, count=1)
    worker.ensure_groups()
    world.bot.enqueue(job(origin=Origin.HISTORY), limit=10)
    assert len(worker.read(StreamName.JOBS, count=1)) == 1


def test_an_entry_pending_for_nobody_is_seen_as_an_orphan(world: World):
    worker = world.worker("w1")
    world.bot.enqueue(job(), limit=10)
    (delivery,) = worker.read(StreamName.JOBS, count=1)
    fleet = world.fleet()
    assert fleet.orphans(StreamName.JOBS) == []
    with world.broker.client() as client:
        client.xgroup_delconsumer(world.keys.stream(StreamName.JOBS), StreamName.JOBS.group, "w1")
    assert fleet.orphans(StreamName.JOBS) == [delivery.entry]
