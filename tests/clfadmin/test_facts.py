"""What doctor looks at, found out from real servers and from the commands themselves."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from clfadmin import bot_facts, facts
from clfadmin.bot_facts import BotFailed
from tests.clfadmin.conftest import Answer, operator
from tests.conftest import Broker
from worker.fleet import BotBeat, Fleet, WorkerBeat
from worker.jobs import Job, Keys, StreamName, message_id
from worker.stream import Queue

WORKER = WorkerBeat(id="w1", host="one", pid=7, version="v1", gen=1, state="ready", runtime="keras")
BOT = BotBeat(id="b1", host="one", pid=8, mode="socket", connected=True, sockets=1, channels=0, bot_name="tagger")


@pytest.fixture
def fleet(any_server: tuple[Broker, Keys]) -> Iterator[Fleet]:
    broker, keys = any_server
    fleet = Fleet(broker.admin, keys=keys)
    yield fleet
    fleet.close()


@pytest.fixture
def queue(any_server: tuple[Broker, Keys]) -> Iterator[Queue]:
    broker, keys = any_server
    queue = Queue(broker.worker, keys=keys, consumer="w1")
    queue.ensure_groups()
    yield queue
    queue.close()


def job(number: int) -> Job:
    ts = f"170000000{number}.000100"
    name = message_id("T1", "C1", ts)
    return Job(id=name, message=name, team="T1", channel="C1", ts=ts, text="great")


def enqueue(broker: Broker, keys: Keys, count: int) -> None:
    """As the bot does, with its rights."""
    queue = Queue(broker.bot, keys=keys)
    for number in range(count):
        queue.enqueue(job(number), limit=10)
    queue.close()


def test_a_server_tells_version_eviction_and_persistence(any_server: tuple[Broker, Keys]):
    broker, _ = any_server
    with broker.client() as client:
        told = facts.server(client, clock_ahead_seconds=2)
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            other = facts.server(client, clock_ahead_seconds=2)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert told.version
    assert told.version >= (7, 0)
    assert (told.eviction, told.append_only, told.clock_ahead_seconds) == ("noeviction", True, 2)
    assert other.eviction == "allkeys-lru"


def test_a_server_that_forbids_info_leaves_it_unknown(any_server: tuple[Broker, Keys]):
    broker, keys = any_server
    worker = Fleet(broker.worker, keys=keys)
    assert facts.server(worker.client, clock_ahead_seconds=0) == facts.Server()
    worker.close()


def test_an_orphan_is_found_and_brought_back_to_the_next_reader(
    any_server: tuple[Broker, Keys], fleet: Fleet, queue: Queue
):
    """An entry whose pending row is gone: what XGROUP DELCONSUMER leaves behind."""
    enqueue(*any_server, 2)
    first, second = queue.read(StreamName.JOBS, count=2)
    fleet.client.xack(fleet.keys.stream(StreamName.JOBS), StreamName.JOBS.group, first.entry)
    assert facts.orphans(fleet, StreamName.JOBS) == [first.entry]
    assert fleet.bring_back(StreamName.JOBS, [first.entry]) == 1
    assert facts.orphans(fleet, StreamName.JOBS) == []
    again = queue.reclaim(StreamName.JOBS, lease=timedelta(seconds=30)).deliveries
    assert [delivery.entry for delivery in again] == [first.entry]
    assert again[0].count == 1, "what was never answered is not held against it"
    assert second.entry != first.entry


def test_an_entry_somebody_works_on_is_no_orphan(any_server: tuple[Broker, Keys], fleet: Fleet, queue: Queue):
    enqueue(*any_server, 2)
    queue.read(StreamName.JOBS, count=1)
    assert facts.orphans(fleet, StreamName.JOBS) == []


def test_doctor_writes_one_document_and_ends_with_one_when_there_is_a_problem(
    clfadmin: Callable[..., Answer], valkey: Broker, keys: Keys
):
    answer = clfadmin("doctor", "--json", **operator(valkey, keys))
    found = {finding["check"]: finding for finding in answer.json}
    assert answer.code == 1
    assert found["workers"]["state"] == "problem"
    assert found["workers"]["what"] == "no worker runs"
    assert set(found["redis"]) == {"check", "state", "what", "remedy"}
    assert found["tokens"]["state"] == "unknown"


def test_doctor_ends_with_zero_when_there_is_none(command: Callable[..., Answer], valkey: Broker, keys: Keys):
    fleet = Fleet(valkey.admin, keys=keys)
    fleet.adopt(gen=1, by="w1", version="v1", sha256="0")
    fleet.beat(WORKER)
    fleet.beat(replace(BOT, channels=2, last_event_ms=1))
    fleet.close()
    answer = command("doctor", **operator(valkey, keys))
    assert answer.code == 0, answer.out
    assert "1 serving v1" in answer.out


def test_doctor_brings_orphans_back(command: Callable[..., Answer], valkey: Broker, keys: Keys):
    queue = Queue(valkey.worker, keys=keys, consumer="w1")
    queue.ensure_groups()
    enqueue(valkey, keys, 1)
    (delivery,) = queue.read(StreamName.JOBS, count=1)
    with valkey.client() as client:
        client.xack(keys.stream(StreamName.JOBS), StreamName.JOBS.group, delivery.entry)
    assert "brought back 1 entries" in command("doctor", "--bring-back", **operator(valkey, keys)).err
    assert len(queue.reclaim(StreamName.JOBS, lease=timedelta(seconds=30)).deliveries) == 1
    queue.close()


def test_a_wrong_password_is_one_line_without_the_password(command: Callable[..., Answer], valkey: Broker, keys: Keys):
    wrong = replace(valkey, admin=valkey.admin.replace(":test@", ":hunter2@"))
    answer = command("status", **operator(wrong, keys))
    assert answer.code == 1
    assert answer.err.startswith("error: Redis refuses us")
    assert answer.err.count("\n") == 1
    assert "hunter2" not in answer.err + answer.out


CHECKED = {
    "mode": {"mode": "socket", "error": None},
    "tokens": {"bot": "bot", "app": "app", "signing_secret": False},
    "auth": {"ok": True, "team": "T1", "team_name": "Team", "bot_user": "U1", "bot_name": "sentiment"},
    "scopes": {"have": ["chat:write"], "missing": ["channels:history"], "unused": []},
    "app_token": {"ok": False, "error": "URLError", "class": "not sent"},
    "channels": 2,
    "clock_skew_seconds": -70.5,
}


def test_the_bots_answer_is_read():
    known = bot_facts.facts(json.dumps(CHECKED))
    assert (known.mode, known.team, known.bot_name, known.channels) == ("socket", "Team", "sentiment", 2)
    assert known.missing_scopes == ("channels:history",)
    assert (known.app_error, known.app_passing, known.auth_error) == ("URLError", True, None)
    assert known.clock_ahead_seconds == -70.5


def test_what_slack_did_not_tell_stays_unknown():
    known = bot_facts.facts(json.dumps(CHECKED | {"scopes": None, "channels": None, "app_token": None}))
    assert (known.missing_scopes, known.channels, known.app_error) == (None, None, None)


@pytest.mark.parametrize("document", ["", "no JSON", "[1]"])
def test_no_answer_is_an_error_of_one_line(document: str):
    with pytest.raises(BotFailed, match="python -m bot --check"):
        bot_facts.facts(document)


def test_the_bot_that_cannot_be_asked_says_why_in_one_line():
    with pytest.raises(BotFailed, match="CLF_REPLY"):
        bot_facts.check({**os.environ, "CLF_REPLY": "shout"})
