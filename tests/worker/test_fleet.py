"""Heartbeats and the model hash: one winner, nothing served that was not committed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.conftest import Broker, wait_until
from worker import fleet as fleet_module
from worker.fleet import BotBeat, Fleet, Prepared, WorkerBeat
from worker.jobs import Keys

WORKER = WorkerBeat(id="w1", host="h", pid=7, version="v1", gen=1, state="ready", runtime="keras")
BOT = BotBeat(id="b1", host="h", pid=8, mode="socket", connected=True, sockets=1)


@pytest.fixture
def fleet(any_server: tuple[Broker, Keys]) -> Iterator[Fleet]:
    broker, keys = any_server
    fleet = Fleet(broker.admin, keys=keys)
    yield fleet
    fleet.close()


def test_a_heartbeat_comes_back_with_the_servers_time(fleet: Fleet):
    before = fleet.now_ms()
    fleet.beat(replace(WORKER, candidate=Prepared.FAILED, code="sha256"))
    fleet.beat(BOT)
    (worker,), (bot,) = fleet.workers(), fleet.bots()
    assert worker == replace(WORKER, candidate=Prepared.FAILED, code="sha256", beat_ms=worker.beat_ms)
    assert bot.connected
    assert before <= worker.beat_ms <= bot.beat_ms


def test_a_worker_that_stopped_beating_is_not_alive(fleet: Fleet, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fleet_module, "ALIVE", fleet_module.timedelta(milliseconds=50))
    fleet.beat(WORKER)
    wait_until(lambda: fleet.workers() == [], "the heartbeat growing old", 5)
    assert [beat.id for beat in fleet.workers(alive=False)] == ["w1"]


def test_a_worker_that_leaves_is_gone_and_unreadable_beats_are_passed_over(fleet: Fleet):
    fleet.beat(WORKER)
    fleet.client.hset(fleet.keys.workers, "strange", b"\xff{")
    fleet.client.hset(fleet.keys.workers, "older", b'{"id": "older"}')
    assert [beat.id for beat in fleet.workers()] == ["w1"]
    fleet.leave(WORKER)
    assert fleet.workers() == []


def committed(fleet: Fleet) -> tuple[int, str]:
    model = fleet.model()
    return model.gen, model.version


def test_the_first_worker_commits_what_its_home_serves_and_the_second_follows(fleet: Fleet):
    assert fleet.adopt(gen=4, by="w1", version="v1", sha256="a")
    assert not fleet.adopt(gen=9, by="w2", version="v2", sha256="b")
    assert committed(fleet) == (4, "v1")


def test_a_candidate_serves_only_after_its_commit_and_the_one_before_is_remembered(fleet: Fleet):
    fleet.adopt(gen=1, by="w1", version="v1", sha256="a")
    assert fleet.propose(gen=1, by="me", version="v2", sha256="b")
    assert committed(fleet) == (1, "v1")
    assert fleet.model().next_version == "v2"
    assert fleet.commit(gen=1, by="me")
    model = fleet.model()
    assert (model.gen, model.version, model.sha256) == (2, "v2", "b")
    assert (model.prev_version, model.prev_sha256, model.next_version) == ("v1", "a", "")


def test_of_two_operators_one_wins(fleet: Fleet):
    fleet.adopt(gen=1, by="w1", version="v1", sha256="a")
    assert fleet.propose(gen=1, by="ada", version="v2", sha256="b")
    assert not fleet.propose(gen=1, by="grace", version="v3", sha256="c")
    assert not fleet.commit(gen=1, by="grace")
    assert not fleet.abort(gen=1, by="grace")
    assert fleet.commit(gen=1, by="ada")
    assert not fleet.propose(gen=1, by="grace", version="v3", sha256="c")


def test_a_commit_whose_answer_got_lost_is_recognised_as_ours(fleet: Fleet):
    fleet.adopt(gen=1, by="w1", version="v1", sha256="a")
    fleet.propose(gen=1, by="ada", version="v2", sha256="b")
    assert fleet.commit(gen=1, by="ada")
    assert fleet.commit(gen=1, by="ada")
    assert committed(fleet) == (2, "v2")


def test_an_aborted_candidate_leaves_no_trace(fleet: Fleet):
    fleet.adopt(gen=1, by="w1", version="v1", sha256="a")
    fleet.propose(gen=1, by="ada", version="v2", sha256="b")
    assert fleet.abort(gen=1, by="ada")
    assert not fleet.commit(gen=1, by="ada")
    assert (fleet.model().next_version, fleet.model().next_gen) == ("", 0)


def test_a_candidate_of_an_operator_who_vanished_expires(fleet: Fleet, monkeypatch: pytest.MonkeyPatch):
    fleet.adopt(gen=1, by="w1", version="v1", sha256="a")
    monkeypatch.setattr(fleet_module, "CANDIDATE_TTL", fleet_module.timedelta(milliseconds=30))
    fleet.propose(gen=1, by="ada", version="v2", sha256="b")
    wait_until(lambda: fleet.propose(gen=1, by="grace", version="v3", sha256="c"), "the candidate's end", 5)
    assert not fleet.commit(gen=1, by="ada")


def test_rolling_back_is_a_new_commit_and_can_be_rolled_back_itself(fleet: Fleet):
    fleet.adopt(gen=1, by="w1", version="v1", sha256="a")
    assert not fleet.roll_back(gen=1, by="ada")
    fleet.propose(gen=1, by="ada", version="v2", sha256="b")
    fleet.commit(gen=1, by="ada")
    assert fleet.roll_back(gen=2, by="ada")
    assert committed(fleet) == (3, "v1")
    assert fleet.roll_back(gen=3, by="ada")
    assert committed(fleet) == (4, "v2")
    assert not fleet.roll_back(gen=2, by="late")


def test_an_empty_queue_has_empty_figures(fleet: Fleet):
    stats = fleet.stats()
    assert (stats.waiting, stats.leased, stats.results, stats.dead, stats.oldest_seconds) == (0, 0, 0, 0, 0.0)
