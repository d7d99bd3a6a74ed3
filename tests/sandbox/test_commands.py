"""Slash commands and response URLs, by a real Bolt app over a socket and by signed HTTP."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from clfadmin.sandbox.hooks import LIFE, TRIGGER_LIFE, USES, Hooks, Triggers
from tests.conftest import wait_until
from tests.sandbox.asking_app import Asked, make_asked, words
from tests.sandbox.conftest import connected, refusal
from tests.sandbox.test_http_events import bolt_over_http
from tests.sandbox_client import SandboxClient, running_sandbox


@pytest.fixture
def asked(sandbox: SandboxClient) -> Iterator[Asked]:
    asked = make_asked(sandbox)
    with connected(sandbox, asked.app):
        yield asked


def texts(sandbox: SandboxClient, user: str = "ada") -> list[str]:
    return [one["text"] for one in sandbox.sees(user)["ephemeral"]]


def test_what_the_app_acknowledges_a_command_with_is_shown_to_the_asker_alone(
    sandbox: SandboxClient, asked: Asked
) -> None:
    seen = sandbox.command("  it is <b> & @mary in #dev ")
    (command,) = asked.got
    assert command["text"] == "it is &lt;b&gt; &amp; <@U0MARY|mary> in <#C00000DEV|dev>"
    assert (command["user_name"], command["channel_name"], command["team_id"]) == ("ada", "general", "T0SANDBOX")
    assert seen["ok"]
    assert [one["text"] for one in seen["ephemeral"]] == [f"you said {command['text']}"]
    assert texts(sandbox, "mary") == []
    assert sandbox.messages("general") == []


def test_a_response_url_answers_one_person_or_all(sandbox: SandboxClient, asked: Asked) -> None:
    sandbox.command("respond softly", user="mary")
    sandbox.command("respond aloud")
    assert texts(sandbox, "mary") == ["softly"]
    assert texts(sandbox) == []
    assert [(one["text"], one["bot_id"]) for one in sandbox.messages("general")] == [("aloud", "B0SANDBOX")]


def test_a_command_works_where_the_bot_is_not(sandbox: SandboxClient, asked: Asked) -> None:
    sandbox.channel("quiet", bot=False)
    sandbox.command("respond here too", "quiet")
    assert [one["text"] for one in sandbox.sees("ada")["ephemeral"]] == ["here too"]


def test_a_response_url_is_good_for_five_answers(sandbox: SandboxClient, asked: Asked) -> None:
    sandbox.command("x")
    url = asked.got[0]["response_url"]
    assert httpx.post(url, json={"text": " "}).json() == {"ok": False, "error": "no_text"}
    answers = [httpx.post(url, json={"text": str(number)}) for number in range(6)]
    assert [answer.status_code for answer in answers] == [200] * USES + [404]
    assert answers[-1].json() == {"ok": False, "error": "used_url"}
    assert texts(sandbox)[1:] == ["0", "1", "2", "3", "4"]
    assert httpx.post(url + "x", json={"text": "x"}).json()["error"] == "expired_url"


def test_response_urls_and_triggers_grow_old() -> None:
    now = [0.0]
    hooks, triggers = Hooks(lambda: now[0]), Triggers(lambda: now[0])
    path = hooks.make("", "commands", "T", "C", "U").removeprefix("/hooks/")
    quick, slow = triggers.make("T", "U"), triggers.make("T", "U")
    assert triggers.take(quick, "T")[1] == ""
    assert triggers.take(quick, "T")[1] == "exchanged_trigger_id"
    assert triggers.take(slow, "another team")[1] == "invalid_trigger_id"
    now[0] = TRIGGER_LIFE + 0.1
    assert triggers.take(slow, "T")[1] == "expired_trigger_id"
    now[0] = LIFE - 1
    assert hooks.use(path)[1] == ""
    now[0] = LIFE + 1
    assert hooks.use(path) == (None, "expired_url")


def test_bad_blocks_in_a_response_are_refused(sandbox: SandboxClient, asked: Asked) -> None:
    sandbox.command("x")
    answer = httpx.post(asked.got[0]["response_url"], json={"blocks": [words("x" * 3001)]})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_blocks")


def test_without_an_app_the_asker_is_told_so(sandbox: SandboxClient) -> None:
    seen = sandbox.command("hello")
    assert (seen["ok"], seen["error"]) == (False, "dispatch_failed")
    assert seen["ephemeral"][0]["text"] == '/sentiment failed with the error "dispatch_failed"'
    assert seen["ephemeral"][0]["by"] == "slack"


def test_an_app_that_does_not_answer_in_time_is_not_asked_again(sandbox: SandboxClient, asked: Asked) -> None:
    seen = sandbox.command("silence")
    assert seen["error"] in ("operation_timeout", "dispatch_failed")
    assert "failed" in seen["ephemeral"][0]["text"]
    (envelope,) = [one for one in sandbox.log()["envelopes"] if one["kind"] == "slash_commands"]
    assert (envelope["state"], len(envelope["attempts"])) == ("given_up", 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"command": "/nothing"}, "/nothing is not a valid command"),
        ({"user": "sentiment"}, "is a bot"),
        ({"user": "nobody"}, "No user"),
        ({"channel": "secret"}, "ada is not in secret"),
    ],
)
def test_an_impossible_command_is_refused(sandbox: SandboxClient, body: dict[str, str], words: str) -> None:
    sandbox.channel("secret", kind="private", members=["mary"])
    full = {"command": "/sentiment", "text": "", "channel": "general", "user": "ada", **body}
    assert words in refusal(sandbox, "POST", "commands", full)[1]


def test_commands_and_shortcuts_need_their_scope(sandbox: SandboxClient) -> None:
    sandbox.scopes("chat:write")
    ts = sandbox.post("general", "ada", "x")
    command = {"command": "/sentiment", "channel": "general", "user": "ada"}
    shortcut = {"callback_id": "sentiment", "channel": "general", "ts": ts, "user": "ada"}
    assert "missing_scope" in refusal(sandbox, "POST", "commands", command)[1]
    assert "missing_scope" in refusal(sandbox, "POST", "shortcuts", shortcut)[1]


def test_other_commands_can_be_named(sandbox: SandboxClient) -> None:
    sandbox.door("POST", "app", {"commands": ["/mood"], "shortcuts": {"mood": "Mood of this message"}})
    assert sandbox.command("x", name="/mood")["error"] == "dispatch_failed"
    state = sandbox.state()
    assert (state["commands"], state["shortcuts"]) == (
        ["/mood"],
        [{"callback_id": "mood", "name": "Mood of this message"}],
    )


def test_commands_clicks_and_windows_by_signed_http() -> None:
    """One address takes events, commands and clicks, as ours does."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events"
    with running_sandbox(events_url=url) as sandbox:
        asked = make_asked(sandbox)
        with bolt_over_http(asked.app, listener):
            wait_until(lambda: sandbox.state()["bot"]["connected"], "the app's address to be verified")
            assert [one["text"] for one in sandbox.command("naïve & ☕")["ephemeral"]] == ["you said naïve &amp; ☕"]
            assert asked.got[0]["is_enterprise_install"] == "false"
            shown = sandbox.command("blocks pick")["ephemeral"][-1]
            assert sandbox.click("general", shown["ts"], "ada", "label", "negative")["ok"]
            assert asked.last("block_actions")["actions"][0]["selected_option"]["value"] == "negative"
            (view,) = sandbox.command("open")["views"]
            asked.answers.append({"response_action": "errors", "errors": {"why": "not like this"}})
            assert sandbox.submit(view["id"], "ada", {"why": "so"})["errors"] == {"why": "not like this"}
            assert sandbox.submit(view["id"], "ada", {"why": "so"})["views"] == []
