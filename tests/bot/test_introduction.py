"""The first words in a channel, and the button under them."""

import json
from typing import Any

import pytest

from bot.choices import Choice, Listen, ReplyMode
from bot.introduction import introduction
from bot.settings import Settings
from tests.bot.conftest import Bot, Labeller, for_sandbox, running_bot
from tests.bot.test_intake import wrapped
from tests.conftest import wait_until
from tests.sandbox_client import SandboxClient


def shown(choice: Choice, **more: bool) -> str:
    said = introduction(choice, "sentiment", **({"shared": False} | more))
    return json.dumps([block.to_dict() for block in said.blocks])


@pytest.mark.parametrize("reply", ReplyMode)
def test_it_says_what_it_does_what_it_keeps_and_how_to_turn_it_off(reply: ReplyMode):
    text = shown(Choice(reply=reply))
    for words in ("What I keep", "/sentiment off", "/sentiment opt out", "intro_settings"):
        assert words in text
    assert ("intro_reactions" in text) is (reply is ReplyMode.THREAD)
    assert "<@" not in text
    assert "<!" not in text


def test_in_a_channel_shared_with_others_it_says_only_that_it_is_off_and_who_can_turn_it_on():
    text = shown(Choice(listen=Listen.OFF), shared=True)
    assert "shared with another organisation, so I am off here" in text
    assert "/sentiment on" in text
    assert "button" not in text


def posts(sandbox: SandboxClient, channel: str) -> list[dict[str, Any]]:
    return [one for one in sandbox.messages(channel) if one.get("bot_id")]


def test_a_channel_is_told_once_and_its_creator_can_have_reactions_only(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller
):
    sandbox.fault("duplicate_events")
    channel = sandbox.channel("team", creator="ada", members=["ada", "linus"])
    (said,) = wait_until(lambda: posts(sandbox, channel), "the introduction")  # pyright: ignore[reportGeneralTypeIssues]
    assert said["text"].startswith("Hello, I label")
    event = next(one for one in sandbox.events("member_joined_channel") if one["channel"] == channel)
    bot.app.dispatch(_request(wrapped(event)))  # delivered once more
    sandbox.click(channel, said["ts"], "linus", "intro_reactions")
    wait_until(lambda: "Only the creator" in json.dumps(sandbox.sees("linus")), "the refusal")
    sandbox.click(channel, said["ts"], "ada", "intro_reactions")
    wait_until(lambda: "From now on I only react" in json.dumps(sandbox.sees("ada")), "the answer")
    ts = sandbox.post(channel, "linus", "great")
    wait_until(lambda: [one for one in sandbox.messages(channel) if one.get("reactions")], "a reaction")
    assert [one["ts"] for one in posts(sandbox, channel)] == [said["ts"]]
    assert "reaction" in posts(sandbox, channel)[0]["text"]
    assert sandbox.replies(channel, ts) == []


def test_where_it_was_off_it_stays_off_when_it_is_invited_again(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller
):
    with running_bot(for_sandbox(settings, sandbox)) as bot:
        hear = lambda event: bot.app.dispatch(_request(wrapped(event)))  # noqa: E731
        channel = sandbox.channel("team", creator="ada", members=["ada"])
        wait_until(lambda: posts(sandbox, channel), "the introduction")
        bot.tagger.workspace.memory.channels.choose(channel, {"listen": "off"}, Choice())
        assert hear({"type": "channel_left", "channel": channel}).status == 200
        joined = {"type": "member_joined_channel", "user": "U0BOT", "channel": channel, "channel_type": "C"}
        hear(joined)
        wait_until(lambda: len(posts(sandbox, channel)) == 2, "a second introduction")
        assert "I am off here" in posts(sandbox, channel)[1]["text"]
        hear(joined | {"user": "U0ADA"})  # somebody else
    assert len(posts(sandbox, channel)) == 2


def _request(body: dict[str, Any]):
    from slack_bolt import BoltRequest

    return BoltRequest(body=body, mode="socket_mode")
