"""The control door: people, places and messages."""

import pytest

from tests.sandbox.conftest import refusal
from tests.sandbox_client import SandboxClient


def test_a_posted_message_can_be_read_back(sandbox: SandboxClient) -> None:
    ts = sandbox.post("general", "ada", "good morning")
    (message,) = sandbox.messages("general")
    assert message == {"ts": ts, "user": "U0ADA", "name": "ada", "text": "good morning"}


def test_names_ids_and_signs_name_the_same(sandbox: SandboxClient) -> None:
    for channel, user in (("general", "ada"), ("#general", "@ada"), ("C0GENERAL", "U0ADA")):
        sandbox.post(channel, user, "same place, same person")
    assert {message["user"] for message in sandbox.messages("C0GENERAL")} == {"U0ADA"}
    assert len(sandbox.messages("general")) == 3


def test_the_sandbox_starts_with_three_channels_and_four_people(sandbox: SandboxClient) -> None:
    state = sandbox.state()
    assert [channel["name"] for channel in state["channels"]] == ["general", "random", "dev"]
    people = {user["name"]: user["admin"] for user in state["users"] if not user["bot"]}
    assert people == {"ada": False, "grace": True, "linus": False, "mary": False}


def test_a_thread_reply_names_its_parent_and_the_parent_stays_plain(sandbox: SandboxClient) -> None:
    parent = sandbox.post("general", "ada", "parent")
    reply = sandbox.post("general", "grace", "reply", parent)
    nested = sandbox.post("general", "mary", "reply to the reply", reply)
    assert [message["ts"] for message in sandbox.replies("general", parent)] == [reply, nested]
    assert "thread_ts" not in sandbox.messages("general")[0]


def test_edits_deletions_and_reactions_show(sandbox: SandboxClient) -> None:
    first, second = sandbox.post("dev", "ada", "frist"), sandbox.post("dev", "ada", "second")
    sandbox.edit("dev", first, "first & best")
    sandbox.delete("dev", second)
    sandbox.react("dev", first, "grace", "tada")
    sandbox.react("dev", first, "mary", "tada")
    (message,) = sandbox.messages("dev")
    assert message["text"] == "first &amp; best"
    assert message["edited"] > first
    assert message["reactions"] == [{"name": "tada", "users": ["U0GRACE", "U0MARY"], "count": 2}]


def test_a_reaction_can_be_taken_back(sandbox: SandboxClient) -> None:
    ts = sandbox.post("dev", "ada", "hello")
    sandbox.react("dev", ts, "grace", "tada")
    back = {"channel": "dev", "ts": ts, "user": "grace", "name": "tada", "remove": True}
    assert sandbox.door("POST", "reactions", back) == {"ok": True, "changed": True}
    assert "reactions" not in sandbox.messages("dev")[0]


def test_conversations_of_all_kinds_can_be_made(sandbox: SandboxClient) -> None:
    public = sandbox.channel("launch")
    private = sandbox.channel("secret", kind="private", members=["ada", "grace"])
    direct = sandbox.channel("", kind="im", members=["ada"])
    group = sandbox.channel("", kind="mpim", members=["ada", "mary"])
    assert (public[0], private[0], direct[0], group[0]) == ("C", "C", "D", "G")
    channels = {channel["id"]: channel for channel in sandbox.state()["channels"]}
    assert set(channels[private]["members"]) == {"U0ADA", "U0GRACE", "U0BOT"}
    assert channels[group]["name"] == "mpdm-ada--mary-1"
    assert "U0LINUS" in channels[public]["members"]


def test_a_direct_conversation_of_the_same_people_is_the_same(sandbox: SandboxClient) -> None:
    assert sandbox.channel("", kind="im", members=["ada"]) == sandbox.channel("", kind="im", members=["ada"])
    assert sandbox.channel("", kind="im", members=["mary"]) != sandbox.channel("", kind="im", members=["ada"])


def test_new_people_are_in_the_starting_channels(sandbox: SandboxClient) -> None:
    sandbox.door("POST", "users", {"name": "zoe"})
    sandbox.post("general", "zoe", "hello everybody")
    assert refusal(sandbox, "POST", "users", {"name": "zoe"})[0] == 409


def test_who_is_not_in_a_channel_cannot_post_there(sandbox: SandboxClient) -> None:
    sandbox.channel("secret", kind="private", members=["ada"])
    body = {"channel": "secret", "user": "grace", "text": "hello"}
    assert refusal(sandbox, "POST", "messages", body)[0] == 403
    sandbox.door("POST", "membership", {"channel": "secret", "user": "grace", "join": True})
    sandbox.post("secret", "grace", "now I am")
    texts = [message["text"] for message in sandbox.messages("secret")]
    assert texts == ["<@U0GRACE> has joined the channel", "now I am"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"channel": "nowhere", "user": "ada", "text": "x"}, "No channel 'nowhere'"),
        ({"channel": "general", "user": "nobody", "text": "x"}, "No user 'nobody'"),
        ({"channel": "general", "text": "x"}, "'user' is missing"),
        ({"channel": "general", "user": "ada", "text": " \n"}, "no_text"),
        ({"channel": "general", "user": "ada", "text": 7}, "'text' must be text"),
        ({"channel": "general", "user": "ada", "text": "x", "thread_ts": "1"}, "No message '1'"),
        ({"channel": "general", "user": "ada", "text": "x", "team": "other"}, "No team 'other'"),
        (["not", "an", "object"], "must be a JSON object"),
    ],
)
def test_a_wrong_call_is_refused_with_one_line(sandbox: SandboxClient, body: object, words: str) -> None:
    status, error = refusal(sandbox, "POST", "messages", body)
    assert status in (400, 404)
    assert words in error
    assert "\n" not in error


def test_a_message_with_files_may_be_empty(sandbox: SandboxClient) -> None:
    sandbox.post("general", "ada", "", files=["plan.pdf"])
    (message,) = sandbox.messages("general")
    assert (message["subtype"], message["files"], message["text"]) == ("file_share", ["plan.pdf"], "")


def test_text_no_file_could_hold_survives(sandbox: SandboxClient) -> None:
    """NULs, lone surrogates and stacked accents are stored and told as they came."""
    nasty = "\x00 \ud800 z" + "\u0301" * 50
    sandbox.http.post(
        f"{sandbox.url}/_sandbox/messages",
        content='{"channel":"general","user":"ada","text":"\\u0000 \\ud800 z' + "\\u0301" * 50 + '"}',
    ).raise_for_status()
    assert sandbox.messages("general")[0]["text"] == nasty
    assert sandbox.events()[0]["text"] == nasty


def test_reset_empties_the_workspace(sandbox: SandboxClient) -> None:
    sandbox.channel("launch")
    ts = sandbox.post("general", "ada", "before")
    sandbox.fault("server_error")
    sandbox.clock(10)
    sandbox.reset()
    state = sandbox.state()
    assert [channel["name"] for channel in state["channels"]] == ["general", "random", "dev"]
    assert state["speed"] == 1
    assert sandbox.messages("general") == []
    assert sandbox.log()["envelopes"] == []
    assert sandbox.post("general", "ada", "after") > ts


def test_a_second_workspace_is_a_world_of_its_own(sandbox: SandboxClient) -> None:
    made = sandbox.door("POST", "users", {"name": "zoe", "team": "Other"})
    ts = sandbox.post("general", "zoe", "over here", team="Other")
    assert sandbox.messages("general") == []
    (message,) = sandbox.door("GET", "channels/general/messages?team=Other")
    assert message["ts"] == ts
    answer = sandbox.http.post(
        f"{sandbox.api_url}auth.test", headers={"Authorization": f"Bearer {made['bot_token']}"}
    ).json()
    assert (answer["team"], answer["team_id"]) == ("Other", made["team"])
