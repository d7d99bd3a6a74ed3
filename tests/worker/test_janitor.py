"""What dead processes leave in Redis is swept up, and nothing that somebody still needs."""

import threading
from datetime import timedelta

import pytest

from tests.conftest import wait_until
from worker.fleet import WorkerBeat
from worker.janitor import Janitor
from worker.jobs import StreamName
from worker.stream import Queue

NONE, HOUR = timedelta(0), timedelta(hours=1)


@pytest.fixture
def janitor(valkey, keys, fleet):
    queue = Queue(valkey.worker, keys=keys, consumer="janitor")
    yield Janitor(queue, fleet, stop=threading.Event())
    queue.close()


def consumers(bot):
    return {row["name"].decode() for row in bot.client.xinfo_consumers(bot.keys.stream(StreamName.JOBS), "workers")}


@pytest.fixture
def left(bot, valkey, keys):
    """Two consumers that are gone: "idle" holds nothing, "holder" died with a job."""
    for name in ("idle", "holder"):
        queue = Queue(valkey.worker, keys=keys, consumer=name)
        if name == "holder":
            bot.send("good")
        queue.read(StreamName.JOBS, count=1, block=NONE)
        queue.close()
    assert consumers(bot) == {"idle", "holder"}


def test_a_consumer_not_heard_of_for_an_hour_is_deleted_unless_it_holds_entries(bot, janitor, left):
    """Deleting one with entries would hide those from every reader for ever."""
    janitor.sweep(left_for=NONE)
    assert consumers(bot) == {"holder"}
    assert len(bot.pending()) == 1


def test_a_consumer_heard_of_lately_stays(bot, janitor, left):
    assert janitor.sweep(left_for=HOUR) == 0
    assert consumers(bot) == {"idle", "holder"}


def test_after_its_jobs_were_taken_over_the_dead_consumer_goes_too(bot, janitor, left, make_worker):
    wait_until(lambda: bot.pending(), "the held job")
    worker = make_worker().ready()
    wait_until(lambda: bot.collect(), "the answer")
    janitor.sweep(left_for=NONE)
    assert consumers(bot) <= {worker.service.name}


def test_a_heartbeat_that_stopped_long_ago_is_removed(bot, janitor, fleet):
    beat = WorkerBeat(id="w", host="h", pid=1, version="v", gen=1, state="ready", runtime="keras")
    fleet.beat(beat)
    assert janitor.sweep(left_for=HOUR) == 0
    wait_until(lambda: janitor.sweep(left_for=NONE) == 1, "the removal")
    assert fleet.workers(alive=False) == []


def test_dead_letters_go_after_seven_days_and_not_before(valkey, keys, janitor):
    janitor.queue.ensure_groups()
    now_ms = janitor.fleet.now_ms()
    dead = keys.stream(StreamName.DEAD)
    with valkey.client() as client:
        for days in (8, 6.99, 0):
            client.xadd(
                dead, {"v": "1", "data": "", "reason": f"{days} days"}, id=f"{int(now_ms - days * 86_400_000)}-0"
            )
        janitor.sweep(left_for=HOUR)
        assert [fields[b"reason"] for _, fields in client.xrange(dead)] == [b"6.99 days", b"0 days"]
