"""Everything the sandbox sends has a shape that Slack is known to send.

The samples are key skeletons: every key we send must occur there with the same JSON type; null may stand anywhere.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slack_sdk import WebClient

from tests.conftest import REPOSITORY
from tests.sandbox_client import SandboxClient

SPECS = Path(os.environ.get("CLF_SLACK_SPECS", REPOSITORY.parent / "shared" / "slack-specs"))
pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason=f"Slack's published shapes are not at {SPECS}")

# The samples of events lack the author app of a bot's post; that of chat.postMessage has it.
# Where payloads are maps of the app's own, the skeletons leave them out.
POSTED_ALSO = {"app_id": "", "metadata": {"event_type": "", "event_payload": {}}}
# The published API description has these in history's messages (objs_message), the samples of events have not.
HISTORY_ALSO = {
    "inviter": "",
    "topic": "",
    "reply_users": [""],
    "reactions": [{"name": "", "users": [""], "count": 1}],
    "files": [{"id": "", "name": "", "title": "", "mimetype": ""}],
    "username": "",
    "metadata": {"event_type": "", "event_payload": {}},
}

TEXT_FLAGS = {"plain_text": "emoji", "mrkdwn": "verbatim"}
METADATA = {"event_type": "tagged", "event_payload": {"label": "positive"}}
GENERAL = "C0GENERAL"


def sample(name: str) -> Any:
    return json.loads((SPECS / "samples" / f"{name}.json").read_text())


def kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    return {int: "number", float: "number", str: "text", list: "list", dict: "object"}[type(value)]


def misfits(value: Any, known: Any, where: str = "") -> list[str]:
    """Where `value` has a key or a type that the skeleton `known` lacks."""
    if value is None or known == {}:  # an empty object in a skeleton: any map
        return []
    if isinstance(value, dict) and value.get("type") in TEXT_FLAGS:  # the skeletons show one kind in each place
        known = {"type": "", "text": "", TEXT_FLAGS[value["type"]]: False}
    if kind(value) != kind(known):
        return [f"{where}: {kind(value)}, known as {kind(known)}"]
    if isinstance(value, dict):
        unknown = [f"{where}.{key}: unknown" for key in value.keys() - known.keys()]
        return unknown + [
            one for key in value.keys() & known.keys() for one in misfits(value[key], known[key], f"{where}.{key}")
        ]
    if isinstance(value, list):
        return [one for item in value for one in misfits_of_item(item, known, where)]
    return []


def misfits_of_item(item: Any, known: list[Any], where: str) -> list[str]:
    """List items are matched by their type; rich_text is not looked into, its nesting is missing in the samples."""
    if isinstance(item, dict) and "type" in item:
        if item["type"] == "rich_text":
            return []
        known = [one for one in known if one.get("type") == item["type"]] or known
    return misfits(item, known[0], f"{where}[]") if known else []


def event_payloads(sandbox: SandboxClient, subtype: str | None = None) -> list[dict[str, Any]]:
    payloads = [one["payload"] for one in sandbox.log()["envelopes"]]
    return [one for one in payloads if one["event"].get("subtype") == subtype]


def live_through_a_day(sandbox: SandboxClient, web: WebClient) -> None:
    """Everything that makes an event."""
    sandbox.scopes(*sandbox.state()["team"]["scopes"], "reactions:read")
    sandbox.door("POST", "users", {"name": "deploybot", "bot": True})
    parent = sandbox.post("general", "ada", "@sentiment see https://x.example/ #dev")
    sandbox.post("general", "mary", "in the thread", parent)
    sandbox.post("general", "mary", "for all", parent, broadcast=True)
    sandbox.post("general", "ada", "look", files=["a.png"])
    sandbox.post("general", "ada", "waves", subtype="me_message")
    sandbox.post("general", "deploybot", "modern")
    sandbox.post("general", "deploybot", "legacy", subtype="bot_message")
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "heard"}}]
    web.chat_postMessage(channel=GENERAL, thread_ts=parent, text="heard", metadata=METADATA, blocks=blocks)
    sandbox.react("general", parent, "mary", "tada")
    sandbox.react("general", parent, "mary", "tada")
    sandbox.door(
        "POST", "reactions", {"channel": GENERAL, "ts": parent, "user": "mary", "name": "tada", "remove": True}
    )
    sandbox.react("general", parent, "ada", "eyes")
    sandbox.fault("unfurl")
    linked = sandbox.post("general", "ada", "https://x.example/a")
    sandbox.edit("general", parent, "edited")
    sandbox.delete("general", linked)
    sandbox.delete("general", parent)


@pytest.mark.parametrize(
    ("subtype", "name"),
    [
        (None, "MessagePayload"),
        ("message_changed", "MessageChangedPayload"),
        ("message_deleted", "MessageDeletedPayload"),
        ("file_share", "MessageFileSharePayload"),
        ("me_message", "MessageMePayload"),
        ("bot_message", "MessageBotPayload"),
        ("thread_broadcast", "MessageThreadBroadcastPayload"),
    ],
)
def test_message_events_fit_the_samples(sandbox: SandboxClient, web: WebClient, subtype: str | None, name: str) -> None:
    live_through_a_day(sandbox, web)
    payloads = [one for one in event_payloads(sandbox, subtype) if one["event"]["type"] == "message"]
    known = sample(f"events/{name}")
    known["event"] |= POSTED_ALSO if subtype is None else {}
    for inner in ("message", "previous_message"):
        known["event"][inner] = known["event"].get(inner, {}) | POSTED_ALSO
    assert payloads
    assert [misfits(payload, known) for payload in payloads] == [[]] * len(payloads)


@pytest.mark.parametrize(
    ("event_type", "name"),
    [
        ("app_mention", "AppMentionPayload"),
        ("reaction_added", "ReactionAddedPayload"),
        ("reaction_removed", "ReactionRemovedPayload"),
        ("member_joined_channel", "MemberJoinedChannelPayload"),
    ],
)
def test_other_events_fit_the_samples(sandbox: SandboxClient, web: WebClient, event_type: str, name: str) -> None:
    live_through_a_day(sandbox, web)
    sandbox.channel("room", creator="ada")
    payloads = [one for one in event_payloads(sandbox) if one["event"]["type"] == event_type]
    assert payloads
    assert [misfits(payload, sample(f"events/{name}")) for payload in payloads] == [[]] * len(payloads)


def test_events_have_the_keys_slack_requires(sandbox: SandboxClient, web: WebClient) -> None:
    live_through_a_day(sandbox, web)
    wrapper = json.loads((SPECS / "slack_common_event_wrapper_schema.json").read_text())
    required = set(wrapper["required"]) - {"authed_users"}  # outdated: authorizations took its place
    payloads = [one["payload"] for one in sandbox.log()["envelopes"]]
    assert [required - payload.keys() for payload in payloads] == [set()] * len(payloads)


def calls(web: WebClient) -> dict[str, Callable[[], Any]]:
    """One good call of every method that has a sample."""
    posted = web.chat_postMessage(channel=GENERAL, text="one", metadata=METADATA)["ts"]
    replied = web.chat_postMessage(channel=GENERAL, text="two", thread_ts=posted)["ts"]
    here = {"channel": GENERAL, "timestamp": posted, "name": "tada"}
    return {
        "api.test": web.api_test,
        "auth.test": web.auth_test,
        "apps.connections.open": lambda: web.apps_connections_open(app_token="xapp-sandbox"),
        "bots.info": lambda: web.bots_info(bot="B0SANDBOX"),
        "chat.postMessage": lambda: web.chat_postMessage(channel=GENERAL, text="x", thread_ts=posted, blocks=[]),
        "chat.postEphemeral": lambda: web.chat_postEphemeral(channel=GENERAL, user="U0ADA", text="x"),
        "chat.update": lambda: web.chat_update(channel=GENERAL, ts=replied, text="x"),
        "chat.getPermalink": lambda: web.chat_getPermalink(channel=GENERAL, message_ts=posted),
        "chat.delete": lambda: web.chat_delete(channel=GENERAL, ts=replied),
        "reactions.add": lambda: web.reactions_add(**here),
        "reactions.remove": lambda: web.reactions_remove(**here),
        "conversations.info": lambda: web.conversations_info(channel=GENERAL),
        "conversations.join": lambda: web.conversations_join(channel=GENERAL),
        "conversations.list": lambda: web.conversations_list(types="public_channel,private_channel,im,mpim"),
        "conversations.members": lambda: web.conversations_members(channel=GENERAL),
        "team.info": web.team_info,
        "users.conversations": lambda: web.users_conversations(types="public_channel,private_channel,im,mpim"),
        "users.info": lambda: web.users_info(user="U0BOT"),
        "users.list": web.users_list,
    }


def test_answers_fit_the_samples(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.scopes(*sandbox.state()["team"]["scopes"], "channels:join", "team:read")
    sandbox.channel("", kind="im", members=["ada"])
    sandbox.channel("", kind="mpim", members=["ada", "mary"])
    sandbox.channel("secret", kind="private")
    found = {name: misfits(call().data, sample(f"api/{name}")) for name, call in calls(web).items()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_history_fits_the_message_of_events(sandbox: SandboxClient, web: WebClient) -> None:
    """There is no sample of history and replies: their messages are those of message_changed, with metadata."""
    live_through_a_day(sandbox, web)
    known = sample("events/MessageChangedPayload")["event"]["message"]
    known |= POSTED_ALSO | HISTORY_ALSO
    parent = web.chat_postMessage(channel=GENERAL, text="parent", metadata=METADATA)["ts"]
    sandbox.post("general", "ada", "reply", parent)
    history = web.conversations_history(channel=GENERAL, include_all_metadata=True)["messages"]
    replies = web.conversations_replies(channel=GENERAL, ts=parent, include_all_metadata=True)["messages"]
    assert [misfits(message, known) for message in history + replies] == [[]] * len(history + replies)


def test_ids_have_the_forms_slack_publishes(sandbox: SandboxClient, web: WebClient) -> None:
    published = json.loads((SPECS / "slack_web_openapi_v2_without_examples.json").read_text())["definitions"]
    forms = {name: published[f"defs_{name}"]["pattern"] for name in ("ts", "channel", "user_id", "bot_id")}
    for name in ("zoe", "a.very-long_name-indeed.with.dots", "🎉"):
        sandbox.door("POST", "users", {"name": name, "bot": True})
        sandbox.channel(f"{name}-room", kind="private")
        sandbox.channel("", kind="im", members=[name])
    state = sandbox.state()
    posted = web.chat_postMessage(channel=GENERAL, text="x")
    found = {
        "ts": [posted["ts"], sandbox.post("general", "ada", "x")],
        "channel": [channel["id"] for channel in state["channels"]],
        "user_id": [user["id"] for user in state["users"]],
        "bot_id": [web.users_info(user=one["id"])["user"]["profile"]["bot_id"] for one in state["users"] if one["bot"]],
    }
    strangers = {kind: [one for one in ids if not re.search(forms[kind], one)] for kind, ids in found.items()}
    assert strangers == {"ts": [], "channel": [], "user_id": [], "bot_id": []}
    assert len(set(found["channel"])) == len(found["channel"])
