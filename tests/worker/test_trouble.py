"""Redis fails in every way it can: how long a worker pauses, what it says, and that it goes on by itself."""

import time
from datetime import timedelta

import pytest

from tests.conftest import wait_until
from worker.connection import Full, GroupMissing, Misconfigured, Unavailable
from worker.fleet import Fleet
from worker.jobs import StreamName
from worker.stream import Queue
from worker.trouble import FIRST_PAUSE, LONGEST_PAUSE, MISCONFIGURED_PAUSE, Trouble


def test_pauses_double_from_a_tenth_to_five_seconds_with_jitter():
    most, least = Trouble(random_share=lambda: 1.0), Trouble(random_share=lambda: 0.0)
    pauses = [most.met(Unavailable("gone"), held=0) for _ in range(9)]
    assert pauses[0] == FIRST_PAUSE
    assert pauses[-1] == LONGEST_PAUSE
    assert pauses == sorted(pauses)
    assert least.met(Unavailable("gone"), held=0) == FIRST_PAUSE / 2


def test_after_a_good_turn_the_first_pause_is_short_again():
    trouble = Trouble(random_share=lambda: 1.0)
    for _ in range(5):
        trouble.met(Unavailable("gone"), held=0)
    trouble.over()
    assert trouble.met(Unavailable("gone"), held=0) == FIRST_PAUSE


@pytest.mark.parametrize(("error", "pause"), [(Misconfigured, MISCONFIGURED_PAUSE), (GroupMissing, 1), (Full, 1)])
def test_what_a_person_must_mend_is_not_tried_often(error, pause):
    assert Trouble().met(error("no"), held=0) == pause


def test_the_same_trouble_is_told_once_a_minute(capsys):
    trouble = Trouble()
    for _ in range(20):
        trouble.met(Unavailable("gone"), held=3)
    assert capsys.readouterr().out.count("no contact with Redis") == 1
    trouble.over()
    assert "Redis answers again" in capsys.readouterr().out


def clients_of(bot, name):
    return [one for one in bot.client.client_list() if one["name"].startswith(name)]


def test_a_killed_connection_is_made_again(bot, make_worker):
    make_worker().ready()
    for _ in range(3):
        for one in clients_of(bot, "clf-"):
            bot.client.client_kill_filter(_id=one["id"])
        bot.wait_for([bot.send("good")])


def test_flushed_scripts_are_sent_again(bot, make_worker):
    make_worker().ready()
    bot.wait_for([bot.send("good")])
    bot.client.script_flush()
    bot.wait_for([bot.send("good")])


def test_row_13_a_flushed_queue_gets_its_groups_again_and_the_worker_its_commit(bot, make_worker, fleet):
    worker = make_worker().ready()
    bot.wait_for([bot.send("good")])
    for name in (*map(bot.keys.stream, StreamName), bot.keys.model, bot.keys.workers):
        bot.client.delete(name)
    wait_until(lambda: fleet.model().gen, "the commit")
    assert (fleet.model().version, fleet.model().gen) == ("words", 2), "a number no result carries yet"
    bot.poster.ensure_groups()
    job = bot.send("great")
    assert bot.wait_for([job])[job].version == "words"
    assert not worker.service.not_ready()


def test_a_destroyed_group_is_made_at_the_beginning_so_that_waiting_jobs_are_answered(bot, make_worker):
    make_worker().ready()
    bot.client.xgroup_destroy(bot.keys.stream(StreamName.JOBS), "workers")
    bot.wait_for(bot.send_many(5))


def test_a_full_broker_still_drains(bot, make_worker, valkey):
    jobs = bot.send_many(50)
    try:
        bot.client.config_set("maxmemory", "1")
        make_worker()
        bot.wait_for(jobs)
    finally:
        bot.client.config_set("maxmemory", "0")
    assert bot.left() == 0


def test_rights_taken_away_are_reported_and_given_back_are_used(bot, make_worker, valkey):
    worker = make_worker().ready()
    worker.service.loop.trouble = Trouble()
    bot.client.execute_command("ACL", "SETUSER", "clf-worker", "-xreadgroup")
    try:
        wait_until(lambda: isinstance(worker.service.loop.trouble.present, Misconfigured), "the refusal")
        assert worker.service.not_ready()
        assert not worker.service.not_alive(), "a restart would not help"
    finally:
        bot.client.execute_command("ACL", "SETUSER", "clf-worker", "+xreadgroup")


def test_a_read_whose_answer_got_lost_is_given_back_at_once(bot, make_worker, monkeypatch, fleet):
    """Redis thinks the worker has them, the worker never saw them: no lease is waited for."""
    real, lost = Queue.read, []

    def read_then_lose_the_answer(queue, stream, *, count, block=timedelta(milliseconds=500)):
        deliveries = real(queue, stream, count=count, block=block)
        if stream is StreamName.JOBS and deliveries and not lost:
            lost.extend(deliveries)
            raise Unavailable("connection reset")
        return deliveries

    monkeypatch.setattr(Queue, "read", read_then_lose_the_answer)
    make_worker(lease_seconds=60).ready()
    began = time.monotonic()
    bot.wait_for(bot.send_many(5))
    assert lost
    assert time.monotonic() - began < 10


def test_a_heart_without_redis_beats_again_when_it_is_back(bot, make_worker, monkeypatch, fleet):
    worker = make_worker().ready()
    with monkeypatch.context() as broken:
        broken.setattr(Fleet, "beat", lambda *_: (_ for _ in ()).throw(Unavailable("gone")))
        wait_until(lambda: worker.service.heart._seldom._told, "a failed beat")
    before = fleet.now_ms()
    wait_until(lambda: any(beat.beat_ms > before for beat in fleet.workers()), "a new beat")
