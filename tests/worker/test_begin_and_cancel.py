"""A reply is begun once; a deleted message takes everything back. On both servers, under the users' rights."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.conftest import Broker
from worker.connection import Full
from worker.jobs import Job, JobState, Keys, Kind, Origin, StreamName, job_id, message_id
from worker.stream import Begin, Delivery, Enqueued, Finish, Finished, Queue, enqueuer, result_fields

MESSAGE = message_id("T1", "C1", "1.000001")


def job(edit_ts: str = "", origin: Origin = Origin.LIVE) -> Job:
    kind = Kind.EDIT if edit_ts else Kind.MESSAGE
    return Job(
        id=job_id(MESSAGE, edit_ts),
        message=MESSAGE,
        team="T1",
        channel="C1",
        ts="1.000001",
        edit_ts=edit_ts,
        text="hello",
        kind=kind,
        origin=origin,
    )


@dataclass
class Relay:
    """A job's way: bot, worker, poster."""

    broker: Broker
    keys: Keys
    bot: Queue
    worker: Queue
    poster: Queue
    spare: Queue

    def labelled(self, one: Job) -> Delivery:
        """Enqueue and classify; returns the result as the poster holds it."""
        assert self.bot.enqueue(one, limit=10) is Enqueued.OK
        (delivery,) = self.worker.read(StreamName.JOBS, count=1)
        done = Finished(delivery, one.id, one.message, JobState.LABELLED, fields=result_fields("{}"))
        assert self.worker.finish([done], into=StreamName.RESULTS) == [Finish.OK]
        (result,) = self.poster.read(StreamName.RESULTS, count=1)
        return result

    def begin(self, delivery: Delivery, one: Job, by: Queue | None = None) -> Begin:
        return (by or self.poster).begin(delivery, job=one.id, message=one.message, edit_ts=one.edit_ts).answer

    def posted(self, delivery: Delivery, one: Job, reply_ts: str = "9.000001") -> Finish:
        done = Finished(delivery, one.id, one.message, JobState.POSTED, reply_ts)
        return self.poster.finish([done], into=None)[0]

    def length(self, name: StreamName) -> int:
        return self.poster.client.xlen(self.keys.stream(name))


@pytest.fixture
def relay(any_server: tuple[Broker, Keys]) -> Iterator[Relay]:
    broker, keys = any_server
    consumers = [Queue(broker.worker, keys=keys, consumer="w1")]
    consumers += [Queue(broker.bot, keys=keys, consumer=name) for name in ("p1", "p2")]
    relay = Relay(broker, keys, enqueuer(broker.bot, keys=keys), *consumers)
    relay.worker.ensure_groups()
    yield relay
    for queue in (relay.bot, *consumers):
        queue.close()


def test_a_live_message_is_posted_and_then_known_as_posted(relay: Relay):
    result = relay.labelled(job())
    assert relay.begin(result, job()) is Begin.POST
    assert relay.posted(result, job()) is Finish.OK
    assert relay.length(StreamName.RESULTS) == 0
    assert relay.bot.enqueue(job(), limit=10) is Enqueued.DUP


def test_after_a_begin_nobody_posts_without_reading_the_thread(relay: Relay):
    result = relay.labelled(job())
    first = relay.poster.begin(result, job=job().id, message=MESSAGE)
    (again,) = relay.spare.reclaim(StreamName.RESULTS, lease=timedelta(0)).deliveries
    second = relay.spare.begin(again, job=job().id, message=MESSAGE)
    assert (first.answer, second.answer) == (Begin.POST, Begin.RECONCILE)
    assert second.posting_ms > 1_600_000_000_000
    assert relay.begin(result, job()) is Begin.FENCED
    assert relay.posted(result, job()) is Finish.FENCED


def test_a_message_read_from_history_is_always_looked_up_first(relay: Relay):
    one = job(origin=Origin.HISTORY)
    assert relay.begin(relay.labelled(one), one) is Begin.RECONCILE


def test_a_result_whose_key_is_gone_is_looked_up_first(relay: Relay):
    result = relay.labelled(job())
    with relay.broker.client() as client:
        client.delete(relay.keys.job(job().id))
    assert relay.begin(result, job()) is Begin.RECONCILE


def test_an_edit_after_the_reply_looks_for_the_reply_to_update(relay: Relay):
    first, edit = job(), job("5.000001")
    result = relay.labelled(first)
    relay.begin(result, first)
    relay.posted(result, first)
    assert relay.begin(relay.labelled(edit), edit) is Begin.RECONCILE


def test_the_original_is_dropped_once_its_edit_has_begun(relay: Relay):
    first, edit = job(), job("5.000001")
    old, new = relay.labelled(first), relay.labelled(edit)
    assert relay.begin(new, edit) is Begin.POST
    assert relay.begin(old, first) is Begin.DONE
    assert relay.length(StreamName.RESULTS) == 1


@pytest.mark.parametrize("stage", ["queued", "working", "labelled", "posting"])
def test_a_deleted_message_is_taken_back_wherever_it_is(relay: Relay, stage: str):
    one = job()
    relay.bot.enqueue(one, limit=10)
    late: Finished | None = None
    if stage != "queued":
        (delivery,) = relay.worker.read(StreamName.JOBS, count=1)
        late = Finished(delivery, one.id, MESSAGE, JobState.LABELLED, fields=result_fields("{}"))
    if late and stage != "working":
        relay.worker.finish([late], into=StreamName.RESULTS)
        (result,) = relay.poster.read(StreamName.RESULTS, count=1)
        if stage == "posting":
            relay.begin(result, one)
    found = relay.bot.cancel(MESSAGE)
    assert found.state is JobState("queued" if stage == "working" else stage)
    assert (relay.length(StreamName.JOBS), relay.length(StreamName.RESULTS)) == (0, 0)
    if late:
        assert relay.worker.finish([late], into=StreamName.RESULTS) == [Finish.DONE]
    assert relay.length(StreamName.RESULTS) == 0


def test_a_post_that_was_just_sent_learns_that_its_message_is_gone(relay: Relay):
    result = relay.labelled(job())
    relay.begin(result, job())
    relay.bot.cancel(MESSAGE)
    assert relay.posted(result, job()) is Finish.DONE


def test_a_deletion_that_arrives_first_leaves_a_tombstone(relay: Relay):
    assert relay.bot.cancel(MESSAGE).state is None
    assert relay.bot.enqueue(job(), limit=10) is Enqueued.DUP
    assert relay.bot.enqueue(job("5.000001"), limit=10) is Enqueued.DUP


def test_a_deletion_finds_the_reply_and_the_edits(relay: Relay):
    first, edit = job(), job("5.000001")
    result = relay.labelled(first)
    relay.begin(result, first)
    relay.posted(result, first, "9.000009")
    relay.bot.enqueue(edit, limit=10)
    found = relay.bot.cancel(MESSAGE, [edit.id])
    assert (found.state, found.reply_ts) == (JobState.POSTED, "9.000009")
    assert relay.length(StreamName.JOBS) == 0


def test_a_full_server_refuses_new_jobs_whole_and_still_drains(relay: Relay):
    held = relay.labelled(job())
    with relay.broker.client() as client:
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", 1)
        try:
            other = job("7.000001")
            with pytest.raises(Full):
                relay.bot.enqueue(other, limit=10)
            assert not client.exists(relay.keys.job(other.id))
            assert relay.begin(held, job()) is Begin.POST
            assert relay.posted(held, job()) is Finish.OK
        finally:
            client.config_set("maxmemory", before)
