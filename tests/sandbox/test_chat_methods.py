"""chat.* and reactions.*, called by the real WebClient."""

import pytest
from slack_sdk import WebClient

from tests.sandbox.conftest import error_of
from tests.sandbox_client import SandboxClient

METADATA = {"event_type": "tagged", "event_payload": {"label": "positive"}}


def test_the_bot_answers_in_a_thread(sandbox: SandboxClient, web: WebClient) -> None:
    parent = sandbox.post("general", "ada", "hello")
    answer = web.chat_postMessage(channel="C0GENERAL", thread_ts=parent, text="heard", metadata=METADATA)
    (reply,) = sandbox.replies("general", parent)
    assert (reply["ts"], reply["bot_id"], reply["metadata"]) == (answer["ts"], "B0SANDBOX", METADATA)
    assert "user" not in reply


def test_text_of_the_bot_stays_as_it_was_sent(sandbox: SandboxClient, web: WebClient) -> None:
    web.chat_postMessage(channel="general", text="<@U0ADA> &lt;b&gt; @ada")
    assert sandbox.messages("general")[0]["text"] == "<@U0ADA> &lt;b&gt; @ada"


def test_a_post_to_a_person_opens_the_direct_conversation(sandbox: SandboxClient, web: WebClient) -> None:
    channel = web.chat_postMessage(channel="U0ADA", text="just you")["channel"]
    assert channel[0] == "D"
    assert channel == sandbox.channel("", kind="im", members=["ada"])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0QUIET0", "text": "x"}, "channel_not_found"),
        ({"channel": "general", "text": " "}, "no_text"),
        ({"channel": "general", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "general", "text": "x", "thread_ts": "17"}, "invalid_thread_ts"),
        ({"channel": "general", "text": "x", "thread_ts": "1700000000.000100"}, "thread_not_found"),
        ({"channel": "general", "text": "x", "blocks": [{}]}, "invalid_blocks"),
        ({"channel": "general", "text": "x", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"channel": "general", "text": "x", "metadata": {"event_type": "t"}}, "invalid_metadata_schema"),
    ],
)
def test_a_bad_post_is_refused_with_slacks_word(web: WebClient, arguments: dict, error: str) -> None:
    assert error_of(lambda: web.api_call("chat.postMessage", json=arguments)) == error


def test_metadata_has_a_limit(web: WebClient) -> None:
    big = {"event_type": "t", "event_payload": {"x": "y" * 20_000}}
    assert error_of(lambda: web.chat_postMessage(channel="general", text="x", metadata=big)) == "metadata_too_large"


def test_the_bot_posts_only_where_it_is(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.channel("public", bot=False)
    sandbox.channel("secret", kind="private", bot=False)
    assert error_of(lambda: web.chat_postMessage(channel="public", text="x")) == "not_in_channel"
    assert error_of(lambda: web.chat_postMessage(channel="secret", text="x")) == "channel_not_found"


def test_threads_are_flat(sandbox: SandboxClient, web: WebClient) -> None:
    parent = sandbox.post("general", "ada", "hello")
    reply = sandbox.post("general", "mary", "me too", parent)
    refused = error_of(lambda: web.chat_postMessage(channel="general", thread_ts=reply, text="x"))
    assert refused == "cannot_reply_to_message"


def test_a_broadcast_reply_shows_in_the_channel_too(sandbox: SandboxClient, web: WebClient) -> None:
    parent = sandbox.post("general", "ada", "hello")
    web.chat_postMessage(channel="general", thread_ts=parent, text="all hear", reply_broadcast=True)
    shown = [message["text"] for message in web.conversations_history(channel="C0GENERAL")["messages"]]
    assert shown == ["all hear", "hello"]


def test_the_bot_edits_and_deletes_its_own_posts_only(sandbox: SandboxClient, web: WebClient) -> None:
    theirs = sandbox.post("general", "ada", "mine")
    ours = web.chat_postMessage(channel="general", text="first", metadata=METADATA)["ts"]
    web.chat_update(channel="C0GENERAL", ts=ours, text="second")
    assert [message["text"] for message in sandbox.messages("general")] == ["mine", "second"]
    assert sandbox.messages("general")[1]["metadata"] == METADATA
    assert error_of(lambda: web.chat_update(channel="C0GENERAL", ts=theirs, text="x")) == "cant_update_message"
    assert error_of(lambda: web.chat_delete(channel="C0GENERAL", ts=theirs)) == "cant_delete_message"
    web.chat_delete(channel="C0GENERAL", ts=ours)
    assert [message["text"] for message in sandbox.messages("general")] == ["mine"]
    assert error_of(lambda: web.chat_delete(channel="C0GENERAL", ts=ours)) == "message_not_found"


def test_an_update_leaves_what_it_does_not_name_and_a_text_replaces_blocks(
    sandbox: SandboxClient, web: WebClient
) -> None:
    blocks = [{"type": "section", "block_id": "b", "text": {"type": "plain_text", "text": "x", "emoji": True}}]
    attachments = [{"text": "more"}]
    ts = web.chat_postMessage(channel="general", text="first", blocks=blocks, attachments=attachments)["ts"]
    other = {"channel": "C0GENERAL", "ts": ts, "attachments": [{"text": "other"}]}
    web.api_call("chat.update", json=other)
    assert (sandbox.messages("general")[0]["text"], sandbox.messages("general")[0]["blocks"]) == ("first", blocks)
    web.chat_update(channel="C0GENERAL", ts=ts, text="second")
    (message,) = sandbox.messages("general")
    assert (message["text"], message.get("blocks"), message["attachments"]) == ("second", None, [{"text": "other"}])


def test_an_ephemeral_message_is_seen_by_one_person(sandbox: SandboxClient, web: WebClient) -> None:
    web.chat_postEphemeral(channel="C0GENERAL", user="U0ADA", text="between us")
    seen = sandbox.door("GET", "users/ada/sees")
    assert [one["text"] for one in seen["ephemeral"]] == ["between us"]
    assert sandbox.door("GET", "users/grace/sees") == {"ephemeral": [], "views": [], "home": None}
    assert sandbox.messages("general") == []
    refused = error_of(lambda: web.chat_postEphemeral(channel="C0GENERAL", user="U0NOBODY", text="x"))
    assert refused == "user_not_in_channel"


def test_reactions_are_added_once_and_removed_once(sandbox: SandboxClient, web: WebClient) -> None:
    ts = sandbox.post("general", "ada", "hello")
    where = {"channel": "C0GENERAL", "timestamp": ts, "name": "tada"}
    web.reactions_add(**where)
    assert error_of(lambda: web.reactions_add(**where)) == "already_reacted"
    assert sandbox.messages("general")[0]["reactions"] == [{"name": "tada", "users": ["U0BOT"], "count": 1}]
    web.reactions_remove(**where)
    assert error_of(lambda: web.reactions_remove(**where)) == "no_reaction"
    assert error_of(lambda: web.reactions_add(**where | {"timestamp": "1700000000.000100"})) == "message_not_found"
    assert error_of(lambda: web.reactions_add(**where | {"name": "Not An Emoji"})) == "invalid_name"


def test_a_permalink_leads_to_the_message_on_the_page(sandbox: SandboxClient, web: WebClient) -> None:
    ts = sandbox.post("general", "ada", "hello")
    link = web.chat_getPermalink(channel="C0GENERAL", message_ts=ts)["permalink"]
    assert link == f"{sandbox.url}/archives/C0GENERAL/p{ts.replace('.', '')}"
    answer = sandbox.http.get(link)
    assert answer.headers["location"] == f"/#C0GENERAL/p{ts.replace('.', '')}"
