"""A message's whole way through the bot, with the real queue and the real Slack SDK against the sandbox."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bot.settings import ReplyMode, Settings
from tests.bot.conftest import Bot, Labeller, for_sandbox, result_of, running_bot, running_http_bot
from tests.bot.test_events_http import send
from tests.conftest import wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Job, Kind, Outcome, Result

TEXTS = ("great work", "awful", "meeting at ten :calendar:", "好的 🎉", "<https://ci.example/1|log> ok", "ok\n" * 50)


def posts_of_bot(sandbox: SandboxClient, channel: str) -> list[dict[str, Any]]:
    return [one for one in sandbox.messages(channel) if one.get("bot_id") == "B0SANDBOX"]


def one_reply(sandbox: SandboxClient, channel: str, ts: str) -> dict[str, Any]:
    (reply,) = wait_until(lambda: sandbox.replies(channel, ts), "the reply")  # pyright: ignore
    return reply


def two_hundred_messages(sandbox: SandboxClient) -> Callable[[], None]:
    """Over 20 channels, as fast as the door takes them; returns the check that each has one reply."""
    channels = [sandbox.channel(f"team-{number}") for number in range(20)]
    posted = [
        (channel, sandbox.post(channel, "ada", TEXTS[number % len(TEXTS)]))
        for number in range(10)
        for channel in channels
    ]

    def check() -> None:
        def replies() -> list[dict[str, Any]]:
            posts = [one for channel in channels for one in posts_of_bot(sandbox, channel)]
            return [one for one in posts if "thread_ts" in one]  # the first words in a channel are none

        wait_until(lambda: len(replies()) >= 200, "200 replies", seconds=90)
        assert sorted(one["thread_ts"] for one in replies()) == sorted(ts for _, ts in posted)
        assert {one["text"] for one in replies()} == {":smile: positive 93 %"}
        assert sandbox.duplicates() == 0

    return check


def test_a_message_gets_its_label_and_confidence_in_its_thread(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    ts = sandbox.post("general", "ada", "the release is great")
    reply = one_reply(sandbox, "general", ts)
    assert reply["text"] == ":smile: positive 93 %"
    assert reply["metadata"]["event_type"] == "sentiment_reply"
    payload = reply["metadata"]["event_payload"]
    assert payload == {"message": payload["message"], "job": payload["job"], "edit_ts": "", "version": "tiny", "gen": 1}
    assert labeller.seen[0].id == payload["job"]


def test_two_hundred_messages_over_twenty_channels_are_answered_once_each(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller
):
    two_hundred_messages(sandbox)()


def test_the_same_over_http_with_a_forgery_and_a_replay_among_them(settings: Settings, labeller: Labeller):
    with running_http_bot(settings) as (bot, sandbox):
        sandbox.clock(100)
        check = two_hundred_messages(sandbox)
        event = wait_until(lambda: sandbox.log()["envelopes"], "the first event")[0]["payload"]  # pyright: ignore
        assert send(bot, event).status_code == 200
        forged = json.loads(json.dumps(event))
        forged["event"]["ts"] = "1700000000.000001"
        assert send(bot, forged, x_slack_signature="v0=" + "0" * 64).status_code == 401
        check()
        assert len(labeller.seen) == 200


@pytest.mark.parametrize(("kind", "members"), [("private", ["ada"]), ("im", ["ada"]), ("mpim", ["ada", "grace"])])
def test_private_channels_and_direct_messages_are_answered_in_the_thread_too(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller, kind: str, members: list[str]
):
    channel = sandbox.channel(f"new-{kind}", kind=kind, members=members)
    ts = sandbox.post(channel, "ada", "great")
    assert one_reply(sandbox, channel, ts)["text"] == ":smile: positive 93 %"


def test_inside_a_thread_a_message_gets_a_reaction_and_no_post(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    parent = sandbox.post("general", "ada", "what do you think?")
    one_reply(sandbox, "general", parent)
    inside = sandbox.post("general", "grace", "great idea", parent)

    def reactions() -> list[dict[str, Any]]:
        return [one["reactions"] for one in sandbox.messages("general") if one["ts"] == inside and "reactions" in one]

    ((reaction,),) = wait_until(reactions, "the reaction")  # pyright: ignore
    assert reaction["name"] == "smile"
    assert len(posts_of_bot(sandbox, "general")) == 1


def test_a_mention_inside_a_thread_is_answered_there_once(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    parent = sandbox.post("general", "ada", "what do you think?")
    one_reply(sandbox, "general", parent)
    inside = sandbox.post("general", "grace", "<@U0BOT> great idea", parent)
    posts = wait_until(lambda: len(posts_of_bot(sandbox, "general")) > 1 and posts_of_bot(sandbox, "general"), "post")
    assert isinstance(posts, list)
    assert [one["thread_ts"] for one in posts] == [parent, parent]
    assert posts[1]["text"].startswith(":smile: positive 93 % (<http")
    assert inside.replace(".", "") in posts[1]["text"]
    assert [job.kind for job in labeller.seen] == [Kind.MESSAGE, Kind.MENTION]


def test_its_own_and_other_bots_posts_joins_and_unfurls_are_left_alone(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller
):
    sandbox.door("POST", "users", {"name": "robot", "bot": True})
    sandbox.door("POST", "users", {"name": "newcomer"})
    sandbox.door("POST", "membership", {"channel": "general", "user": "robot", "join": True})
    sandbox.door("POST", "membership", {"channel": "general", "user": "newcomer", "join": True})
    sandbox.post("general", "robot", "I am a robot")
    sandbox.fault("unfurl")
    sandbox.post("general", "ada", "see https://example.com")
    last = sandbox.post("general", "ada", "the last one")
    one_reply(sandbox, "general", last)
    wait_until(lambda: len(posts_of_bot(sandbox, "general")) == 2, "two replies")
    assert sorted(job.text for job in labeller.seen) == ["see <https://example.com>", "the last one"]
    wait_until(lambda: all(one["state"] == "acked" for one in sandbox.log()["envelopes"]), "all acknowledged")


def test_unsure_and_silent_and_failed_results(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    def answer(job: Job) -> Result:
        if "unsure" in job.text:
            return result_of(job, outcome=Outcome.UNSURE, label="neutral", confidence=0.48)
        failed = {"outcome": Outcome.ERROR, "label": "", "emoji": "", "confidence": 0.0, "scores": {}}
        return result_of(job, **failed)

    labeller.answer = answer
    unsure = sandbox.post("general", "ada", "unsure")
    broken = sandbox.post("general", "ada", "broken")
    asked = sandbox.post("general", "ada", "<@U0BOT> broken")
    assert one_reply(sandbox, "general", unsure)["text"] == ":thinking_face: unsure, closest: neutral 48 %"
    assert "Sorry" in one_reply(sandbox, "general", asked)["text"]
    assert sandbox.replies("general", broken) == []


@pytest.mark.parametrize("reply", [ReplyMode.EPHEMERAL, ReplyMode.REACTION, ReplyMode.NONE])
def test_other_ways_to_reply(sandbox: SandboxClient, settings: Settings, labeller: Labeller, reply: ReplyMode):
    with running_bot(for_sandbox(settings, sandbox, clf_reply=reply)) as bot:
        sandbox.post("general", "ada", "great")
        outcome = {"outcome": "silent" if reply is ReplyMode.NONE else "posted"}
        count = bot.tagger.metrics.registry.get_sample_value
        wait_until(lambda: count("clf_bot_replies_total", outcome), "the result to be done")
    (message,) = sandbox.messages("general")
    seen = sandbox.door("GET", "users/ada/sees")["ephemeral"]
    assert [one["text"] for one in seen] == ([":smile: positive 93 %"] if reply is ReplyMode.EPHEMERAL else [])
    assert [one["name"] for one in message.get("reactions", [])] == (["smile"] if reply is ReplyMode.REACTION else [])


def test_what_people_wrote_is_never_posted_by_us(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    labeller.answer = lambda job: result_of(job, label="<!channel> `x`", emoji=":<!here>:", version="<@U0ADA>")
    ts = sandbox.post("general", "ada", "secret <!channel> words")
    assert one_reply(sandbox, "general", ts)["text"] == "&lt;!channel&gt; 'x' 93 %"
    (call,) = sandbox.calls("chat.postMessage")
    assert "secret" not in json.dumps(call)
