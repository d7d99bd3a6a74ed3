"""The main job: people write in the sandbox, every message is answered once; also while things break or change."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.e2e.conftest import MIXED, Installation, start, stop

pytestmark = pytest.mark.e2e


def post_mixed(installation: Installation, count: int, channels: int) -> None:
    for number in range(channels):
        if f"team{number}" not in installation.posted:
            installation.door("POST", "channels", name=f"team{number}")
    for number in range(count):
        installation.post(f"team{number % channels}", MIXED[number % len(MIXED)])


def test_two_hundred_messages_in_twenty_channels_are_each_answered_once(installation: Installation, runtime: str):
    post_mixed(installation, 200, 20)
    replies = installation.wait_for_all(90)
    assert len(replies) == 200
    assert installation.versions() == {"first": 200}
    assert installation.runtimes() == {runtime}


def kill_the_worker_in_the_middle(installation: Installation, count: int, seconds: float) -> None:
    """Every one of `count` messages is answered once within so many seconds."""
    try:
        post_mixed(installation, count // 2, 20)
        (worker,) = installation.children("worker")
        os.kill(worker.pid, signal.SIGKILL)
        post_mixed(installation, count // 2, 20)
        installation.wait_for_all(seconds)
    finally:
        assert stop(installation) == 0


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(home: Path, runtime: str):
    kill_the_worker_in_the_middle(start(home, CLF_LEASE_SECONDS="3", CLF_RUNTIME=runtime), 120, 90)


@pytest.mark.slow
def test_the_starter_answers_two_hundred_messages_once_each_though_its_worker_is_killed(tmp_path: Path, runtime: str):
    """The product as it comes: an empty home, all settings but the runtime as they are."""
    kill_the_worker_in_the_middle(start(tmp_path / "home", CLF_RUNTIME=runtime), 200, 180)


def test_messages_sent_during_a_swap_are_answered_each_by_one_version(installation: Installation, runtime: str):
    post_mixed(installation, 40, 20)
    swapped = installation.clfadmin("swap-model", "second", "--json")
    assert json.loads(swapped.stdout)["state"] == "active"
    post_mixed(installation, 40, 20)
    installation.wait_for_all(90)
    versions = installation.versions()
    assert set(versions) <= {"first", "second"}
    assert versions["second"] >= 40
    assert installation.runtimes() == {runtime}


def test_a_damaged_version_is_refused_and_the_old_one_goes_on(installation: Installation):
    weights = installation.home / "models" / "second" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.chmod(0o600)
    weights.write_bytes(data)
    refused = installation.clfadmin("swap-model", "second", check=False)
    assert refused.returncode == 3
    assert "sha256" in refused.stderr
    installation.post("general", "great work")
    installation.wait_for_all()
    assert installation.versions() == {"first": 1}


def test_ctrl_c_stops_everything_and_what_was_waiting_is_answered_after_the_next_start(home: Path):
    installation = start(home)
    family = installation.process.pid
    assert family
    (worker,) = installation.children("worker")
    (bot,) = installation.children("bot")
    assert stop(installation) == 0
    wait_until(lambda: not worker.is_running() and not bot.is_running(), "the children's end")
    again = start(home)
    again.post("general", "good morning")
    again.wait_for_all()
    assert stop(again) == 0
