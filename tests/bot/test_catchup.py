"""What events did not bring, Slack's history does: each message once, threads included, whatever Redis still knows."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import bot.catchup
from bot.settings import ReplyMode, Settings
from tests.bot.conftest import Bot, Labeller, for_sandbox, labelling, running_bot
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Keys, StreamName
from worker.stream import Queue


def answered(sandbox: SandboxClient, channel: str, ts: str) -> int:
    return len([reply for reply in sandbox.replies(channel, ts) if "bot_id" in reply])


def wiped(valkey: Broker) -> None:
    with valkey.client() as client:
        client.flushall()


def history(bot: Bot, outcome: str) -> float:
    return bot.tagger.metrics.registry.get_sample_value("clf_bot_history_total", {"outcome": outcome}) or 0


@pytest.fixture
def ours(settings: Settings, sandbox: SandboxClient) -> Settings:
    sandbox.clock(100)
    return for_sandbox(settings, sandbox)


def test_what_was_said_while_the_bot_was_away_is_answered_once(
    sandbox: SandboxClient, ours: Settings, labeller: Labeller
):
    with running_bot(ours):
        before = sandbox.post("general", "ada", "great")
        wait_until(lambda: answered(sandbox, "general", before), "the reply")
    missed = [sandbox.post("general", "ada", f"great {number}") for number in range(3)]
    inside = sandbox.post("general", "grace", "bad", thread_ts=before)
    with running_bot(ours) as bot:
        wait_until(lambda: all(answered(sandbox, "general", ts) for ts in missed), "the replies")
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the gap to be closed")
    assert [answered(sandbox, "general", ts) for ts in missed] == [1, 1, 1]
    assert [job.ts for job in labeller.seen].count(inside) == 1
    assert sandbox.duplicates() == 0


def test_after_redis_lost_everything_nothing_is_answered_twice(
    sandbox: SandboxClient, ours: Settings, valkey: Broker, labeller: Labeller
):
    with running_bot(ours) as bot:
        said = [sandbox.post("general", "ada", f"great {number}") for number in range(5)]
        wait_until(lambda: all(answered(sandbox, "general", ts) for ts in said), "the replies")
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the first reading")
        wiped(valkey)
        wait_until(lambda: history(bot, "answered") >= 5, "the second reading", 30)
        late = sandbox.post("general", "ada", "great again")
        wait_until(lambda: answered(sandbox, "general", late), "a reply after the loss", 30)
    assert [answered(sandbox, "general", ts) for ts in (*said, late)] == [1] * 6


def test_twenty_restarts_in_a_channel_quiet_for_days_answer_nothing_again(
    sandbox: SandboxClient, ours: Settings, valkey: Broker, labeller: Labeller
):
    with running_bot(ours):
        ts = sandbox.post("general", "ada", "great")
        wait_until(lambda: answered(sandbox, "general", ts), "the reply")
    for _ in range(20):
        wiped(valkey)  # as if every key had outlived its time
        with running_bot(ours) as bot:
            wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the reading")
            assert history(bot, "answered") == 1
    assert answered(sandbox, "general", ts) == 1


def test_a_reaction_of_ours_counts_as_an_answer(
    sandbox: SandboxClient, ours: Settings, valkey: Broker, labeller: Labeller
):
    ours = ours.model_copy(update={"clf_reply": ReplyMode.REACTION})
    with running_bot(ours):
        ts = sandbox.post("general", "ada", "great")
        wait_until(lambda: sandbox.messages("general")[-1].get("reactions"), "the reaction")
    wiped(valkey)
    with running_bot(ours) as bot:
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the reading")
        assert (history(bot, "answered"), history(bot, "queued")) == (1, 0)
    assert ts == sandbox.messages("general")[-1]["ts"]


def test_what_was_said_before_the_bot_was_invited_is_none_of_its_business(
    sandbox: SandboxClient, ours: Settings, labeller: Labeller
):
    channel = sandbox.channel("private-talk", members=["ada", "grace"], bot=False)
    early = sandbox.post(channel, "ada", "great")
    sandbox.door("POST", "membership", {"channel": channel, "user": "U0BOT"})
    late = sandbox.post(channel, "ada", "great")
    with running_bot(ours) as bot:
        wait_until(lambda: answered(sandbox, channel, late), "the reply")
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the reading")
    assert answered(sandbox, channel, early) == 0


def test_what_a_full_queue_did_not_take_is_read_when_half_of_it_is_free(
    sandbox: SandboxClient, ours: Settings, make_queue: Callable[..., Queue], valkey: Broker, keys: Keys
):
    ours = ours.model_copy(update={"clf_max_queue": 4})
    with running_bot(ours) as bot:
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the first reading")
        said = [sandbox.post("general", "ada", f"great {number}") for number in range(10)]
        wait_until(lambda: bot.tagger.workspace.gaps.wait(0), "an overflow")
        with labelling(valkey.worker, keys):
            wait_until(lambda: all(answered(sandbox, "general", ts) for ts in said), "every reply", 30)
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the gap to be closed")
    assert [answered(sandbox, "general", ts) for ts in said] == [1] * 10
    assert make_queue().mark("T0SANDBOX", "C0GENERAL") >= said[-1]


def test_a_new_socket_opens_a_gap(sandbox: SandboxClient, ours: Settings, labeller: Labeller):
    with running_bot(ours) as bot:
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the first reading")
        calls = len(sandbox.calls("conversations.history"))
        sandbox.fault("drop_socket")
        wait_until(lambda: bot.tagger.link.reconnects, "the new socket", 30)
        wait_until(lambda: len(sandbox.calls("conversations.history")) > calls, "the second reading")


def test_a_channel_whose_history_is_denied_is_counted_and_left(sandbox: SandboxClient, ours: Settings):
    sandbox.scopes("app_mentions:read", "channels:read", "chat:write", "groups:read", "im:read")
    with running_bot(ours) as bot:
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the gap to be closed")
        assert history(bot, "unreadable") == 4, "three channels, and group messages that are not even listed"


def test_slacks_errors_are_waited_for(sandbox: SandboxClient, ours: Settings, labeller: Labeller):
    ts = sandbox.post("general", "ada", "great")
    for fault in ("rate_limited", "server_error", "html_error"):
        sandbox.fault(fault, method="conversations.history", count=1, seconds=1)
    with running_bot(ours):
        wait_until(lambda: answered(sandbox, "general", ts), "the reply", 30)
    assert answered(sandbox, "general", ts) == 1


def test_a_bot_that_is_stopped_in_the_middle_begins_anew(
    sandbox: SandboxClient, ours: Settings, valkey: Broker, keys: Keys
):
    sandbox.post("general", "ada", "great")
    sandbox.fault("stall", method="conversations.history", count=1, seconds=2)
    with running_bot(ours) as bot:
        wait_until(lambda: bot.tagger.workspace.catch_up.running, "the reading to begin")
    with valkey.client() as client:
        assert client.exists(keys.marks) == 0
        assert client.xlen(keys.stream(StreamName.JOBS)) == 0


def test_every_hour_history_is_read_whatever_happened(
    sandbox: SandboxClient, ours: Settings, labeller: Labeller, monkeypatch: pytest.MonkeyPatch
):
    with running_bot(ours) as bot:
        wait_until(lambda: not bot.tagger.workspace.gaps.wait(0), "the first reading")
        calls = len(sandbox.calls("conversations.history"))
        monkeypatch.setattr("bot.catchup.SWEEP_EVERY", timedelta(seconds=0.1))
        wait_until(lambda: len(sandbox.calls("conversations.history")) > calls, "the second reading")


def test_what_nobody_foresaw_does_not_end_catch_up(
    sandbox: SandboxClient, ours: Settings, labeller: Labeller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.catchup.LONGEST_PAUSE", timedelta(seconds=0.1))
    found = iter([KeyError("id")])

    def read_channel(*arguments: object, **options: object) -> object:
        for error in found:
            raise error
        return real(*arguments, **options)  # pyright: ignore

    real = bot.catchup.read_channel
    monkeypatch.setattr("bot.catchup.read_channel", read_channel)
    ts = sandbox.post("general", "ada", "great")
    with running_bot(ours):
        wait_until(lambda: answered(sandbox, "general", ts), "the reply", 30)
