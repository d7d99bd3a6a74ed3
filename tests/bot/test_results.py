"""Results the poster cannot show: each ends as a dead letter with its reason, and none stops the others."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.answering import Answering
from bot.crowd import Crowding
from bot.identity import Identity
from bot.lanes import LANE_HOLDS
from bot.listening import Listening
from bot.metrics import Metrics
from bot.poster import Poster, Posting
from bot.slack_client import Slack, quiet_web_client
from bot.store import Store
from tests.bot.test_posting_faults import dead_letters, results_left
from tests.bot.test_replies import result
from tests.conftest import Broker, wait_until
from tests.sandbox_client import BOT_TOKEN, SandboxClient
from worker.jobs import Keys, StreamName
from worker.stream import Queue, result_fields

NOWHERE = "http://127.0.0.1:1/api/"


@contextmanager
def posting(broker: Broker, keys: Keys, api: str = NOWHERE, how: Posting | None = None) -> Iterator[Poster]:
    store = Store(broker.bot, keys=keys)
    memory = store.of(result().team)
    poster = Poster(
        broker.bot,
        Metrics(),
        keys=keys,
        consumer=f"poster-{time.monotonic_ns()}",
        now_ms=lambda: int(time.time() * 1000),
        posting=how,
        has_left=lambda team: team == "T0LEFT",
    )
    answering = Answering(Listening(memory.channels), Identity(memory.team, "U0BOT"))
    poster.open(Slack(quiet_web_client(BOT_TOKEN, api)), answering, memory)
    poster.start()
    yield poster
    poster.stop()
    store.close()


def add(broker: Broker, keys: Keys, fields: dict[str, Any], entry: str = "*") -> None:
    with broker.client() as client:
        client.xadd(keys.stream(StreamName.RESULTS), fields, id=entry)


MALFORMED: dict[str, dict[str, Any]] = {
    "no data": {"v": "1"},
    "no JSON": {"v": "1", "data": "{"},
    "no object": {"v": "1", "data": "[]"},
    "no version": {"data": "{}"},
    "not UTF-8": {"v": "1", "data": b"\xff\xfe"},
    "a missing field": {"v": "1", "data": '{"job": "j"}'},
    "too large": {"v": "1", "data": "x" * 100_000},
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED.keys())
def test_an_entry_nobody_can_read_is_a_dead_letter_without_its_content(
    valkey: Broker, keys: Keys, make_queue: Callable[..., Queue], fields: dict[str, Any]
):
    make_queue()
    add(valkey, keys, fields)
    with posting(valkey, keys):
        ((reason, _),) = wait_until(lambda: dead_letters(valkey, keys), "the dead letter")  # pyright: ignore
        assert reason == "malformed"
        wait_until(lambda: results_left(valkey, keys) == 0, "the entry to be gone")


def test_a_result_of_a_newer_release_waits_for_a_newer_bot(
    valkey: Broker, keys: Keys, make_queue: Callable[..., Queue]
):
    make_queue()
    add(valkey, keys, {"v": "2", "data": "{}"})
    how = Posting(lease=timedelta(seconds=0.5), call_takes=timedelta(0))
    with posting(valkey, keys, how=how) as poster:
        time.sleep(1.5)  # several turns
        assert dead_letters(valkey, keys) == []
        assert results_left(valkey, keys) == 1
        assert poster.held == 0


def test_and_not_for_ever(valkey: Broker, keys: Keys, make_queue: Callable[..., Queue]):
    make_queue()
    add(valkey, keys, {"v": "2", "data": "{}"}, f"{int((time.time() - 7_200) * 1000)}-0")
    with posting(valkey, keys):
        ((reason, _),) = wait_until(lambda: dead_letters(valkey, keys), "the dead letter")  # pyright: ignore
    assert reason == "newer schema"


def test_a_result_older_than_a_day_is_given_up(
    sandbox: SandboxClient, valkey: Broker, keys: Keys, make_queue: Callable[..., Queue]
):
    make_queue()
    add(valkey, keys, result_fields(result().encode()), f"{int((time.time() - 90_000) * 1000)}-0")
    with posting(valkey, keys, sandbox.api_url):
        letters = wait_until(lambda: dead_letters(valkey, keys), "the dead letter")
    assert letters == [("older than a day", "")]
    assert sandbox.calls("chat.postMessage") == []


def test_results_of_one_channel_do_not_crowd_out_the_others(
    sandbox: SandboxClient, valkey: Broker, keys: Keys, make_queue: Callable[..., Queue]
):
    """Three hundred in one channel, then one in another: that is posted at once; few of the three hundred are held."""
    make_queue()
    for number in range(300):
        one = result(job=f"j{number}", message=f"m{number}", channel="C0GENERAL", ts="1700000000.000100")
        add(valkey, keys, result_fields(one.encode()))
    other = sandbox.channel("other")
    ts = sandbox.post(other, "ada", "great")
    add(valkey, keys, result_fields(result(channel=other, ts=ts).encode()))
    never = Crowding(reaction=timedelta(days=1), digest=timedelta(days=1))
    with posting(valkey, keys, sandbox.api_url, how=Posting(crowding=never)) as poster:
        wait_until(lambda: sandbox.replies(other, ts), "the reply in the other channel")
        assert poster.held <= LANE_HOLDS + 1  # the other reply may be out and not yet finished
        assert results_left(valkey, keys) >= 290


def test_when_the_streams_vanish_the_poster_makes_them_again_and_goes_on(
    sandbox: SandboxClient, valkey: Broker, keys: Keys, make_queue: Callable[..., Queue]
):
    make_queue()
    with posting(valkey, keys, sandbox.api_url) as poster:
        with valkey.client() as client:
            client.delete(*(keys.stream(name) for name in StreamName))
        wait_until(lambda: poster.problem, "the problem to be seen")
        wait_until(lambda: not poster.problem, "the streams to be back")
        ts = sandbox.post("general", "ada", "great")
        add(valkey, keys, result_fields(result(channel="C0GENERAL", ts=ts).encode()))
        wait_until(lambda: sandbox.replies("general", ts), "the reply")


def test_a_result_without_its_job_key_is_looked_up_before_it_is_posted(
    sandbox: SandboxClient, valkey: Broker, keys: Keys, make_queue: Callable[..., Queue]
):
    """Redis lost its keys: nobody knows whether this was answered before."""
    make_queue()
    ts = sandbox.post("general", "ada", "great")
    one = result(channel="C0GENERAL", ts=ts)
    with posting(valkey, keys, sandbox.api_url):
        for again in (one, replace(one, gen=4)):
            add(valkey, keys, result_fields(again.encode()))
            wait_until(lambda: results_left(valkey, keys) == 0, "the result to be done")
            with valkey.client() as client:
                client.delete(keys.job("j"), keys.job("m"))
    assert len(sandbox.calls("conversations.replies")) == 2
    assert len(sandbox.replies("general", ts)) == 1


def test_a_result_of_another_workspace_waits_for_its_bot_and_one_that_left_leaves_no_trace(
    valkey: Broker, keys: Keys, make_queue: Callable[..., Queue]
):
    make_queue()
    add(valkey, keys, result_fields(result(team="T0OTHERS").encode()))
    add(valkey, keys, result_fields(result(team="T0LEFT").encode()))
    how = Posting(lease=timedelta(seconds=0.5), call_takes=timedelta(0))
    with posting(valkey, keys, how=how) as poster:
        wait_until(lambda: results_left(valkey, keys) == 1, "the one that left to go")
        time.sleep(1)  # several turns
        assert (results_left(valkey, keys), poster.held, dead_letters(valkey, keys)) == (1, 0, [])


def test_and_not_for_ever_either(valkey: Broker, keys: Keys, make_queue: Callable[..., Queue]):
    make_queue()
    fields = result_fields(result(team="T0OTHERS").encode())
    add(valkey, keys, fields, f"{int((time.time() - 7_200) * 1000)}-0")
    with posting(valkey, keys):
        ((reason, _),) = wait_until(lambda: dead_letters(valkey, keys), "the dead letter")  # pyright: ignore
    assert reason == "no bot of its workspace"
