"""Slack misbehaves while we post: nothing lost, nothing twice, and no limit broken."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.settings import Settings
from tests.bot.conftest import QUICK, Bot, Labeller, for_sandbox, result_of, running_bot
from tests.bot.test_main_path import one_reply
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.fleet import Fleet
from worker.jobs import Keys, StreamName


def dead_letters(broker: Broker, keys: Keys) -> list[tuple[str, str]]:
    with broker.client() as client:
        rows: Any = client.xrange(keys.stream(StreamName.DEAD))
    return [(fields[b"reason"].decode(), fields[b"error"].decode()) for _, fields in rows]


def results_left(broker: Broker, keys: Keys) -> int:
    with broker.client() as client:
        return int(client.xlen(keys.stream(StreamName.RESULTS)))


FAULTS: dict[str, dict[str, Any]] = {
    "429 of a second": {"fault": "rate_limited", "seconds": 1},
    "500": {"fault": "server_error"},
    "503 as HTML": {"fault": "html_error"},
    "half an answer": {"fault": "bad_json"},
    "a reset before the post": {"fault": "reset_before"},
    "posted, but no answer": {"fault": "accept_then_drop"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_failing_post_is_in_the_thread_once_in_the_end(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller, fault: dict[str, Any]
):
    sandbox.fault(**fault, method="chat.postMessage")
    ts = sandbox.post("general", "ada", "great")
    one_reply(sandbox, "general", ts)
    wait_until(lambda: not bot.tagger.poster.held, "the end of it")
    assert len(sandbox.replies("general", ts)) == 1
    assert sandbox.duplicates() == 0


def test_a_post_whose_answer_got_lost_is_looked_for_before_it_is_sent_again(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller
):
    sandbox.fault("accept_then_drop", method="chat.postMessage")
    sandbox.post("general", "ada", "great")
    wait_until(lambda: sandbox.calls("conversations.replies"), "the look")
    wait_until(lambda: not bot.tagger.poster.held, "the end of it")
    assert len(sandbox.calls("chat.postMessage")) == 1
    read = sandbox.calls("conversations.replies")[0]
    assert read["at"] - sandbox.calls("chat.postMessage")[0]["at"] >= 0.5


def test_a_thread_that_cannot_be_read_is_posted_to_all_the_same(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    sandbox.fault("server_error", method="chat.postMessage")
    sandbox.fault("history_denied")
    ts = sandbox.post("general", "ada", "great")
    one_reply(sandbox, "general", ts)


def test_retry_after_is_waited_for_and_other_channels_go_on(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    sandbox.fault("rate_limited", method="chat.postMessage", count=1, seconds=2)
    first = sandbox.post("general", "ada", "great")
    wait_until(lambda: sandbox.calls("chat.postMessage"), "the refused post")
    sandbox.clear_faults()
    second, other = sandbox.post("general", "ada", "great"), sandbox.post("random", "ada", "great")
    one_reply(sandbox, "random", other)
    assert sandbox.replies("general", first) == []
    one_reply(sandbox, "general", first)
    one_reply(sandbox, "general", second)
    refused, *rest = sandbox.calls("chat.postMessage")
    general = [one for one in rest if one["arguments"]["channel"] == "C0GENERAL"]
    assert [one["arguments"]["thread_ts"] for one in general] == [first, second]
    assert general[0]["at"] - refused["at"] >= 1.9
    assert sandbox.calls("conversations.replies") == []  # Slack said that it was not posted


def test_slacks_own_pace_is_kept_without_being_told(sandbox: SandboxClient, settings: Settings, labeller: Labeller):
    """Six in one channel at real speed: three at once, then one a second."""
    ours = replace(QUICK, limits=type(QUICK.limits)())
    with running_bot(for_sandbox(settings, sandbox), posting=ours):
        started = time.monotonic()
        all_ts = [sandbox.post("general", "ada", f"great {number}") for number in range(6)]
        for ts in all_ts:
            one_reply(sandbox, "general", ts)
    assert time.monotonic() - started >= 3
    statuses = [call["status"] for call in sandbox.calls("chat.postMessage")]
    # A busy machine may hold one post back until it arrives less than a second before the next.
    assert statuses.count(200) == 6
    assert statuses.count(429) <= 1


def test_a_refused_reply_is_a_dead_letter_with_slacks_word(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller, valkey: Broker, keys: Keys
):
    labeller.answer = lambda job: result_of(job, channel="C0NOWHERE")
    sandbox.post("general", "ada", "great")
    (letter,) = wait_until(lambda: dead_letters(valkey, keys), "the dead letter")  # pyright: ignore
    assert letter == ("refused by Slack", "channel_not_found")
    assert results_left(valkey, keys) == 0


def test_a_channel_that_refuses_everything_is_left_in_peace(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller, valkey: Broker, keys: Keys
):
    labeller.answer = lambda job: result_of(job, channel="C0NOWHERE")
    for number in range(6):
        sandbox.post("general", "ada", f"great {number}")
    wait_until(lambda: len(dead_letters(valkey, keys)) == 6, "six dead letters")
    assert len(sandbox.calls("chat.postMessage")) == 3
    assert dead_letters(valkey, keys)[5] == ("channel rests", "too many refusals")


def test_an_emoji_the_workspace_does_not_know_becomes_a_plain_one(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    labeller.answer = lambda job: result_of(job, emoji=":no-such-emoji-here:")
    parent = sandbox.post("general", "ada", "what?")
    one_reply(sandbox, "general", parent)
    sandbox.post("general", "ada", "great", parent)
    wait_until(lambda: sandbox.calls("reactions.add"), "a reaction")
    wait_until(lambda: not bot.tagger.poster.held, "the end of it")
    names = [call["arguments"]["name"] for call in sandbox.calls("reactions.add")]
    refused = sandbox.calls("reactions.add")[0]["answer"].get("error") == "invalid_name"
    assert names == (["no-such-emoji-here", "label"] if refused else ["no-such-emoji-here"])


def test_with_the_token_revoked_replies_are_kept_and_posted_when_it_works_again(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller, valkey: Broker, keys: Keys
):
    with running_bot(for_sandbox(settings, sandbox), posting=replace(QUICK, probe_every=timedelta(seconds=0.3))) as bot:
        sandbox.fault("token_revoked")
        first, second = sandbox.post("general", "ada", "great"), sandbox.post("random", "ada", "great")
        wait_until(lambda: bot.tagger.poster.problem, "the breaker to open")
        assert "token_revoked" in bot.tagger.poster.problem
        assert not bot.tagger.health().ready
        assert bot.tagger.health().alive
        time.sleep(0.5)  # the other one may be under way
        tries = len(sandbox.calls("chat.postMessage"))
        time.sleep(1)
        assert len(sandbox.calls("chat.postMessage")) == tries <= 2
        assert results_left(valkey, keys) == 2
        sandbox.clear_faults()
        one_reply(sandbox, "general", first)
        one_reply(sandbox, "random", second)
        wait_until(lambda: bot.tagger.health().ready, "health")


def test_a_token_that_is_refused_while_we_look_for_a_lost_post_leads_to_no_second_one(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller
):
    with running_bot(for_sandbox(settings, sandbox), posting=replace(QUICK, probe_every=timedelta(seconds=0.3))) as bot:
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the first reading")
        sandbox.fault("accept_then_drop", method="chat.postMessage", count=1)
        sandbox.fault("token_revoked", method="conversations.replies", count=2)
        ts = sandbox.post("general", "ada", "great")
        wait_until(lambda: bot.tagger.poster.problem, "the breaker to open")
        wait_until(lambda: len(sandbox.calls("conversations.replies")) >= 3, "the look that works")
        wait_until(lambda: not bot.tagger.poster.held, "the reply to be found")
        assert len(sandbox.replies("general", ts)) == 1
        assert len(sandbox.calls("chat.postMessage")) == 1


def test_a_stalled_post_does_not_hold_back_other_channels(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    sandbox.fault("stall", method="chat.postMessage", seconds=3)
    slow = sandbox.post("general", "ada", "great")
    wait_until(lambda: bot.tagger.poster.held, "the stalled post")
    started = time.monotonic()
    one_reply(sandbox, "random", sandbox.post("random", "ada", "great"))
    assert time.monotonic() - started < 2.5
    one_reply(sandbox, "general", slow)


def test_a_message_deleted_while_we_posted_loses_our_reply_too(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller, make_queue: Callable[..., Any]
):
    sandbox.fault("stall", method="chat.postMessage", seconds=1.5)
    ts = sandbox.post("general", "ada", "great")
    wait_until(lambda: bot.tagger.poster.held, "the post under way")
    time.sleep(0.3)
    make_queue().cancel(labeller.seen[0].message)
    wait_until(lambda: sandbox.calls("chat.delete"), "our reply taken back")
    wait_until(lambda: sandbox.replies("general", ts) == [], "the empty thread")


def test_while_the_operator_pauses_replies_wait_and_nothing_else_does(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller, valkey: Broker, keys: Keys
):
    fleet = Fleet(valkey.admin, keys=keys)
    with closing(fleet), running_bot(for_sandbox(settings, sandbox)) as bot:
        fleet.pause("Paused for a test")
        wait_until(lambda: bot.tagger.poster.paused, "the pause to be heard of")
        ts = sandbox.post("general", "ada", "great")
        wait_until(lambda: results_left(valkey, keys) == 1, "the label")
        time.sleep(1)
        assert sandbox.calls("chat.postMessage") == []
        assert bot.tagger.health().ready, "events must go on arriving"
        wait_until(lambda: [beat.problem for beat in fleet.bots()] == ["Paused for a test"], "status to say so")
        fleet.pause("")
        one_reply(sandbox, "general", ts)
        assert results_left(valkey, keys) == 0
