"""People with their standing, and what happens to channels: joins, leaves, archives, sharing."""

from typing import Any

import pytest
from slack_sdk import WebClient

from tests.sandbox.conftest import error_of, refusal
from tests.sandbox.test_shapes import SPECS, misfits, sample
from tests.sandbox_client import SandboxClient

QUIET = "C000QUIET"


def told(sandbox: SandboxClient, *kinds: str) -> list[dict[str, Any]]:
    envelopes = sandbox.log()["envelopes"]
    return [one["payload"]["event"] for one in envelopes if one["event_type"] in kinds]


@pytest.mark.parametrize(
    ("standing", "flags"),
    [
        ({}, ()),
        ({"admin": True}, ("is_admin",)),
        ({"owner": True}, ("is_admin", "is_owner")),
        ({"guest": True}, ("is_restricted",)),
        ({"guest": "single"}, ("is_restricted", "is_ultra_restricted")),
        ({"bot": True}, ("is_bot",)),
        ({"stranger": True}, ("is_stranger",)),
    ],
)
def test_users_info_tells_what_somebody_is(
    sandbox: SandboxClient, web: WebClient, standing: dict[str, Any], flags: tuple[str, ...]
) -> None:
    user = sandbox.door("POST", "users", {"name": "zoe", **standing})["user"]
    info = web.users_info(user=user)["user"]
    known = ("is_admin", "is_owner", "is_restricted", "is_ultra_restricted", "is_bot", "is_stranger")
    assert tuple(flag for flag in known if info.get(flag)) == flags
    assert info["team_id"] == ("T0STRANGER" if "stranger" in standing else "T0SANDBOX")


def test_people_have_time_zones(sandbox: SandboxClient, web: WebClient) -> None:
    user = sandbox.door("POST", "users", {"name": "zoe", "tz": "Asia/Kolkata"})["user"]
    info = web.users_info(user=user)["user"]
    assert (info["tz"], info["tz_offset"]) == ("Asia/Kolkata", 19_800)
    assert "No time zone" in refusal(sandbox, "POST", "users", {"name": "yan", "tz": "Mars/Base"})[1]


def test_the_bot_hears_of_its_invitation_and_its_removal(sandbox: SandboxClient) -> None:
    sandbox.channel("quiet", bot=False, creator="grace")
    where = {"channel": "quiet", "user": "sentiment"}
    sandbox.door("POST", "membership", {**where, "inviter": "grace"})
    sandbox.door("POST", "membership", {**where, "join": False, "remover": "grace"})
    sandbox.post("quiet", "ada", "nobody hears this")
    joined, left, last = told(sandbox, "member_joined_channel", "member_left_channel", "channel_left")
    assert (joined["user"], joined["inviter"], joined["channel"]) == ("U0BOT", "U0GRACE", "C000QUIET")
    assert (left["user"], last["type"], last["actor_id"]) == ("U0BOT", "channel_left", "U0GRACE")
    assert [one["text"] for one in told(sandbox, "message")] == ["<@U0BOT> has joined the channel"]


def test_an_archived_channel_is_read_only(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.channel("quiet", creator="grace")
    sandbox.door("POST", "archive", {"channel": "quiet", "user": "grace"})
    assert error_of(lambda: web.chat_postMessage(channel="quiet", text="x")) == "is_archived"
    assert "is_archived" in refusal(sandbox, "POST", "messages", {"channel": "quiet", "user": "ada", "text": "x"})[1]
    assert web.conversations_info(channel=QUIET)["channel"]["is_archived"]
    listed = [one["name"] for one in web.users_conversations(exclude_archived=True)["channels"]]
    assert listed == ["general", "random", "dev"]
    sandbox.door("POST", "archive", {"channel": "quiet", "user": "grace", "archive": False})
    sandbox.post("quiet", "ada", "again")
    assert [(one["type"], one["user"]) for one in told(sandbox, "channel_archive", "channel_unarchive")] == [
        ("channel_archive", "U0GRACE"),
        ("channel_unarchive", "U0GRACE"),
    ]


def test_a_channel_can_be_shared_with_another_organisation(sandbox: SandboxClient, web: WebClient) -> None:
    partners = sandbox.channel("partners", shared=True, creator="grace")
    info = web.conversations_info(channel=partners)["channel"]
    assert (info["is_ext_shared"], info["creator"], info["is_private"]) == (True, "U0GRACE", False)
    sandbox.post("partners", "ada", "hello")
    assert sandbox.log()["envelopes"][-1]["payload"]["is_ext_shared_channel"]
    sandbox.door("POST", "sharing", {"channel": "partners", "share": False})
    sandbox.door("POST", "sharing", {"channel": "general"})
    ended, begun = told(sandbox, "channel_unshared", "channel_shared")
    assert (ended["previously_connected_team_id"], begun["connected_team_id"]) == ("T0STRANGER", "T0STRANGER")
    assert not web.conversations_info(channel=partners)["channel"]["is_ext_shared"]


@pytest.mark.skipif(not SPECS.is_dir(), reason=f"Slack's published shapes are not at {SPECS}")
def test_the_events_of_channels_fit_the_samples(sandbox: SandboxClient) -> None:
    sandbox.channel("quiet", creator="grace")
    sandbox.door("POST", "archive", {"channel": "quiet", "user": "grace"})
    sandbox.door("POST", "archive", {"channel": "quiet", "user": "grace", "archive": False})
    sandbox.door("POST", "membership", {"channel": "quiet", "user": "sentiment", "join": False})
    sent = {one["event_type"]: one["payload"] for one in sandbox.log()["envelopes"]}
    assert misfits(sent["channel_archive"], sample("events/ChannelArchivePayload")) == []
    assert misfits(sent["channel_left"], sample("events/ChannelLeftPayload")) == []
