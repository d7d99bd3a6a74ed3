"""status: one document for programs, short tables for people, and how to invite a bot that is in no channel."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clfadmin.status import as_document, picture
from tests.clfadmin.conftest import Answer, operator, scrubbed
from tests.conftest import Broker, wait_until
from worker.fleet import BotBeat, Fleet, Prepared, WorkerBeat
from worker.jobs import Job, Keys, message_id
from worker.stream import Queue

WORKER = WorkerBeat(
    id="w1", host="one", pid=7, version="v1", gen=1, state="ready", runtime="keras", threads=2, token_budget=1024
)
BOT = BotBeat(id="b1", host="one", pid=8, mode="socket", connected=True, sockets=1, channels=3, bot_name="tagger")

Status = Callable[..., Answer]


@pytest.fixture
def fleet(valkey: Broker, keys: Keys) -> Iterator[Fleet]:
    """v2 is served after v1."""
    fleet = Fleet(valkey.admin, keys=keys)
    fleet.adopt(gen=1, by="w1", version="v1", sha256="0" * 64)
    fleet.propose(gen=1, by="me", version="v2", sha256="1" * 64)
    fleet.commit(gen=1, by="me")
    yield fleet
    fleet.close()


@pytest.fixture
def status(command: Callable[..., Answer], valkey: Broker, keys: Keys) -> Status:
    """status("--json") runs the command on this broker."""
    return lambda *arguments: command("status", *arguments, **operator(valkey, keys))


def test_the_document_has_every_promised_field(
    clfadmin: Callable[..., Answer], valkey: Broker, keys: Keys, fleet: Fleet
):
    fleet.beat(replace(WORKER, in_flight=4, last_finished_ms=fleet.now_ms() - 3_000))
    fleet.beat(BOT)
    answer = clfadmin("status", "--json", **operator(valkey, keys))
    found = answer.json
    assert answer.code == 0
    assert (found["active"], found["previous"]) == ("v2", "v1")
    (worker,), (bot,) = found["workers"], found["bots"]
    assert {"id", "state", "version", "runtime", "in_flight", "idle_seconds"} <= worker.keys()
    assert worker["in_flight"] == 4
    assert 3 <= worker["idle_seconds"] < 60
    assert {"id", "mode", "connected", "last_event_seconds", "sockets", "catching_up"} <= bot.keys()
    assert found["queue"] == {"waiting": 0, "leased": 0, "results": 0, "dead": 0, "oldest_seconds": 0}


def test_what_waits_is_counted_with_its_age(valkey: Broker, keys: Keys, fleet: Fleet):
    queue = Queue(valkey.bot, keys=keys)
    queue.ensure_groups()
    name = message_id("T1", "C1", "1700000000.000100")
    queue.enqueue(Job(id=name, message=name, team="T1", channel="C1", ts="1700000000.000100", text="hm"), limit=10)
    queue.close()
    found = as_document(picture(fleet))["queue"]
    assert (found["waiting"], found["leased"]) == (1, 0)
    assert 0 <= found["oldest_seconds"] < 60


def test_a_candidate_is_shown_with_each_workers_progress(status: Status, fleet: Fleet):
    fleet.propose(gen=2, by="me", version="v3", sha256="3" * 64)
    fleet.beat(replace(WORKER, candidate=Prepared.LOADING))
    out = status().out
    assert "version: v2 (gen 2), before it v1; candidate v3, for " in out
    assert "w1: candidate loading" in out


def test_derived_settings_are_shown(status: Status, fleet: Fleet):
    fleet.beat(WORKER)
    (row,) = [line for line in status().out.splitlines() if line.startswith("w1")]
    assert row.split() == ["w1", "ready", "v1", "keras", "2", "1024", "0", "-"]


def test_a_bot_in_no_channel_comes_with_its_invitation(status: Status, fleet: Fleet):
    fleet.beat(replace(BOT, channels=0))
    assert "It is in no channel yet. Invite the bot to a channel by writing there: /invite @tagger" in status().out
    fleet.beat(BOT)
    assert "/invite" not in status().out


def test_a_bot_that_cannot_post_says_why(status: Status, fleet: Fleet):
    fleet.beat(replace(BOT, connected=False, problem="Slack refuses our credentials: token_revoked"))
    assert "b1: Slack refuses our credentials: token_revoked" in status().out


def test_a_bot_of_several_workspaces_says_how_many(status: Status, fleet: Fleet):
    fleet.beat(replace(BOT, mode="http", workspaces=3))
    assert "b1: in 3 workspaces" in status().out


def test_people_read_names_of_languages_and_programs_their_codes(status: Status, fleet: Fleet):
    fleet.beat(replace(WORKER, languages="en de"))
    assert "trained for German, English" in status().out
    assert status("--json").json["workers"][0]["languages"] == ["en", "de"]


def test_an_empty_fleet_says_what_to_start(status: Status):
    answer = status()
    assert answer.code == 0
    assert "no worker runs: `clfadmin up`" in answer.out
    assert "no bot runs: `clfadmin up`" in answer.out


def test_watching_shows_changes_and_ends_well_with_ctrl_c(valkey: Broker, keys: Keys, fleet: Fleet, home: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "clfadmin", "status", "--watch", "--home", str(home)],
        env=scrubbed(**operator(valkey, keys)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    seen: list[str] = []

    def sees(text: str) -> bool:
        assert process.stdout
        seen.append(process.stdout.readline())
        return text in seen[-1]

    wait_until(lambda: sees("no worker runs"), "the first look", 30)
    fleet.beat(WORKER)
    wait_until(lambda: sees("w1"), "a later look", 30)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_watching_is_for_people(status: Status):
    assert status("--watch", "--json").code == 2


def test_without_a_broker_it_says_how_to_start_one(command: Callable[..., Answer], home: Path):
    answer = command("status")
    assert answer.code == 1
    assert answer.err.startswith(f"error: No broker answers for {home}. Start everything with `clfadmin up`")


def test_a_version_that_was_taken_back_is_named_with_the_reason_until_the_next_commit(status: Status, fleet: Fleet):
    assert fleet.roll_back(gen=2, by="w1", why="5 of 9 texts failed")
    assert status("--json").json["rolled_back"] == {"version": "v2", "by": "w1", "why": "5 of 9 texts failed"}
    assert "v2 was rolled back by w1: 5 of 9 texts failed" in status().out
    fleet.propose(gen=3, by="me", version="v3", sha256="1" * 64)
    fleet.commit(gen=3, by="me")
    assert status("--json").json["rolled_back"] is None
