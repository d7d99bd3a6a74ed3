"""What a real Bolt app in Socket Mode hears of."""

from typing import Any

from slack_sdk import WebClient

from tests.conftest import wait_until
from tests.sandbox_client import SandboxClient

Seen = list[dict[str, Any]]


def heard(seen: Seen, count: int) -> Seen:
    """The first `count` events, once they are there."""
    wait_until(lambda: len(seen) >= count, f"{count} events")
    return seen[:count]


def test_a_message_is_heard_and_answered_in_its_thread(sandbox: SandboxClient, bolt: Seen) -> None:
    ts = sandbox.post("general", "ada", "good morning")
    (event,) = heard(bolt, 1)
    assert (event["text"], event["user"], event["ts"]) == ("good morning", "U0ADA", ts)
    assert (event["channel"], event["channel_type"]) == ("C0GENERAL", "channel")
    wait_until(lambda: sandbox.replies("general", ts), "the reply")
    assert [reply["text"] for reply in sandbox.replies("general", ts)] == ["heard"]
    assert sandbox.duplicates() == 0


def test_a_mention_arrives_twice_in_either_order(sandbox: SandboxClient, bolt: Seen) -> None:
    for _ in range(2):
        sandbox.post("general", "ada", "@sentiment how is this?")
    heard(bolt, 4)
    types = [event["type"] for event in sandbox.events("message") if event["user"] == "U0ADA"]
    assert len(types) == len(sandbox.events("app_mention")) == 2
    mention = sandbox.events("app_mention")[0]
    assert mention["text"] == "<@U0BOT> how is this?"
    assert "channel_type" not in mention
    envelopes = [one["event_type"] for one in sandbox.log()["envelopes"] if one["payload"]["event"]["user"] == "U0ADA"]
    assert set(envelopes[:2]) == {"message", "app_mention"}
    assert envelopes[:2] == envelopes[:1:-1]


def test_channel_types_tell_the_kinds_apart(sandbox: SandboxClient, bolt: Seen) -> None:
    private = sandbox.channel("secret", kind="private", members=["ada"])
    direct = sandbox.channel("", kind="im", members=["ada"])
    group = sandbox.channel("", kind="mpim", members=["ada", "mary"])
    for channel in (private, direct, group):
        sandbox.post(channel, "ada", "hello")
    messages = [event for event in sandbox.events() if event["user"] == "U0ADA"]
    assert [event["channel_type"] for event in messages] == ["group", "im", "mpim"]


def test_the_bots_own_posts_are_echoed_with_its_bot_id(sandbox: SandboxClient, web: WebClient) -> None:
    ts = web.chat_postMessage(channel="general", text="hello")["ts"]
    (event,) = sandbox.events()
    assert (event["ts"], event["user"], event["bot_id"], event["app_id"]) == (ts, "U0BOT", "B0SANDBOX", "A0SANDBOX")


def test_an_edit_tells_both_texts(sandbox: SandboxClient) -> None:
    ts = sandbox.post("general", "ada", "old")
    sandbox.edit("general", ts, "new")
    event = sandbox.events()[-1]
    assert (event["subtype"], event["hidden"]) == ("message_changed", True)
    assert (event["message"]["text"], event["previous_message"]["text"]) == ("new", "old")
    assert event["message"]["ts"] == event["previous_message"]["ts"] == ts
    assert event["ts"] > ts
    assert event["message"]["edited"]["user"] == "U0ADA"
    assert "edited" not in event["previous_message"]


def test_a_deletion_tells_what_is_gone(sandbox: SandboxClient) -> None:
    ts = sandbox.post("general", "ada", "regret")
    sandbox.delete("general", ts)
    event = sandbox.events()[-1]
    assert (event["subtype"], event["deleted_ts"]) == ("message_deleted", ts)
    assert event["previous_message"]["text"] == "regret"


def test_a_deleted_parent_with_replies_turns_into_a_tombstone(sandbox: SandboxClient, web: WebClient) -> None:
    """Slack then sends message_changed, not message_deleted."""
    ts = sandbox.post("general", "ada", "regret")
    reply = web.chat_postMessage(channel="general", thread_ts=ts, text="heard")["ts"]
    sandbox.delete("general", ts)
    event = sandbox.events()[-1]
    assert (event["subtype"], event["message"]["subtype"]) == ("message_changed", "tombstone")
    assert (event["message"]["user"], event["message"]["ts"]) == ("USLACKBOT", ts)
    assert event["previous_message"]["text"] == "regret"
    (told,) = web.conversations_history(channel="C0GENERAL")["messages"]
    assert told["text"] == "This message was deleted."
    web.chat_delete(channel="C0GENERAL", ts=reply)
    assert sandbox.messages("general") == []


def test_joins_leaves_and_topics_come_as_subtypes(sandbox: SandboxClient, bolt: Seen) -> None:
    room = sandbox.channel("room", members=["ada"], creator="ada")
    sandbox.door("POST", "membership", {"channel": room, "user": "mary", "join": True})
    sandbox.door("POST", "membership", {"channel": room, "user": "mary", "join": False})
    sandbox.door("POST", "topic", {"channel": room, "user": "ada", "topic": "lunch"})
    assert [event["subtype"] for event in sandbox.events()] == ["channel_join", "channel_leave", "channel_topic"]
    invited, joined = sandbox.events("member_joined_channel")
    assert (invited["user"], invited["inviter"], joined["user"]) == ("U0BOT", "U0ADA", "U0MARY")
    wait_until(lambda: [e["type"] for e in bolt].count("member_joined_channel") == 2, "both joins")


def test_the_bot_hears_nothing_from_where_it_is_not(sandbox: SandboxClient) -> None:
    sandbox.channel("elsewhere", bot=False)
    sandbox.post("elsewhere", "ada", "@sentiment are you there?")
    assert sandbox.log()["envelopes"] == []


def test_the_bot_hears_nothing_its_scopes_do_not_allow(sandbox: SandboxClient) -> None:
    sandbox.scopes("app_mentions:read", "groups:history")
    sandbox.post("general", "ada", "@sentiment hello")
    assert [one["event_type"] for one in sandbox.log()["envelopes"]] == ["app_mention"]


def test_reactions_are_told_with_the_scope_for_them(sandbox: SandboxClient) -> None:
    ts = sandbox.post("general", "ada", "hello")
    sandbox.react("general", ts, "mary", "tada")
    assert sandbox.events("reaction_added") == []
    sandbox.scopes("reactions:read")
    sandbox.react("general", ts, "grace", "tada")
    (event,) = sandbox.events("reaction_added")
    assert (event["item"]["ts"], event["item_user"], event["reaction"]) == (ts, "U0ADA", "tada")


def test_other_bots_post_with_their_own_bot_id(sandbox: SandboxClient) -> None:
    sandbox.door("POST", "users", {"name": "deploybot", "bot": True})
    sandbox.post("general", "deploybot", "build 17 is green")
    sandbox.post("general", "deploybot", "an old webhook", subtype="bot_message")
    modern, legacy = sandbox.events()
    assert modern["bot_id"] == legacy["bot_id"] != "B0SANDBOX"
    assert "subtype" not in modern
    assert (legacy["subtype"], legacy["username"]) == ("bot_message", "Deploybot")
    assert "user" not in legacy


def test_files_broadcasts_and_me_messages_have_their_subtypes(sandbox: SandboxClient) -> None:
    parent = sandbox.post("general", "ada", "parent")
    sandbox.post("general", "ada", "look", files=["a.png"])
    sandbox.post("general", "ada", "waves", subtype="me_message")
    sandbox.post("general", "ada", "everybody", parent, broadcast=True)
    _, file_share, me, broadcast = sandbox.events()
    assert [event["subtype"] for event in (file_share, me, broadcast)] == [
        "file_share",
        "me_message",
        "thread_broadcast",
    ]
    assert file_share["files"][0]["name"] == "a.png"
    assert broadcast["root"]["text"] == "parent"


def test_no_two_messages_share_a_ts(sandbox: SandboxClient) -> None:
    stamps = [sandbox.post("general", "ada", "x") for _ in range(100)]
    assert stamps == sorted(set(stamps))
