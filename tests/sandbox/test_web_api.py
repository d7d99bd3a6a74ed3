"""The Web API's outer shell: tokens, scopes, encodings, unknown methods."""

import json

import pytest
from slack_sdk import WebClient

from tests.sandbox.conftest import error_of
from tests.sandbox_client import APP_TOKEN, BOT_TOKEN, SandboxClient

BEARER = {"Authorization": f"Bearer {BOT_TOKEN}"}


def test_the_bot_learns_who_it_is(web: WebClient) -> None:
    answer = web.auth_test()
    assert (answer["team_id"], answer["user_id"], answer["bot_id"]) == ("T0SANDBOX", "U0BOT", "B0SANDBOX")
    assert answer["user"] == "sentiment"


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("", "not_authed"),
        ("xoxb-wrong", "invalid_auth"),
        (APP_TOKEN, "not_allowed_token_type"),
    ],
)
def test_only_the_bot_token_opens_bot_methods(sandbox: SandboxClient, token: str, error: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = sandbox.http.post(f"{sandbox.api_url}auth.test", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": error})


@pytest.mark.parametrize(("token", "error"), [(BOT_TOKEN, "not_allowed_token_type"), ("xapp-no", "invalid_auth")])
def test_only_the_app_token_opens_connections(sandbox: SandboxClient, token: str, error: str) -> None:
    client = WebClient(token, base_url=sandbox.api_url)
    assert error_of(lambda: client.apps_connections_open(app_token=token)) == error


def test_a_missing_scope_is_named(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.scopes("channels:history", "channels:read")
    sandbox.post("general", "ada", "hello")
    assert error_of(lambda: web.chat_postMessage(channel="general", text="x")) == "missing_scope"
    call = sandbox.calls("chat.postMessage")[0]
    assert call["answer"]["needed"] == "chat:write"
    assert call["answer"]["provided"] == "channels:history,channels:read"


def test_the_default_scopes_do_not_let_the_bot_join(web: WebClient) -> None:
    assert error_of(lambda: web.conversations_join(channel="C0GENERAL")) == "missing_scope"


def test_unknown_methods_say_so(web: WebClient) -> None:
    assert error_of(lambda: web.api_call("chat.shout")) == "unknown_method"
    assert error_of(lambda: web.api_call("chat.scheduleMessage")) == "unknown_method"


def test_arguments_come_as_form_query_or_json(sandbox: SandboxClient) -> None:
    url = f"{sandbox.api_url}chat.postMessage"
    values = {"channel": "general", "text": "naïve & <b>"}
    answers = [
        sandbox.http.post(url, headers=BEARER, data=values),
        sandbox.http.post(url, headers=BEARER, json=values),
        sandbox.http.get(url, headers=BEARER, params=values),
    ]
    assert [answer.json()["message"]["text"] for answer in answers] == ["naïve & <b>"] * 3


def test_structures_come_as_json_text_in_a_form_too(sandbox: SandboxClient) -> None:
    metadata = {"event_type": "made", "event_payload": {"a": 1}}
    data = {"token": BOT_TOKEN, "channel": "general", "text": "x", "metadata": json.dumps(metadata)}
    answer = sandbox.http.post(f"{sandbox.api_url}chat.postMessage", data=data).json()
    assert answer["message"]["metadata"] == metadata


def test_a_token_among_the_arguments_never_reaches_the_log(sandbox: SandboxClient) -> None:
    sandbox.http.post(f"{sandbox.api_url}auth.test", data={"token": BOT_TOKEN})
    assert BOT_TOKEN not in json.dumps(sandbox.log())


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"{", "application/json", "invalid_json"),
        (b"[1]", "application/json", "json_not_object"),
        (b"x", "multipart/form-data; boundary=x", "invalid_form_data"),
    ],
)
def test_unreadable_bodies_are_refused(sandbox: SandboxClient, body: bytes, content_type: str, error: str) -> None:
    headers = BEARER | {"Content-Type": content_type}
    answer = sandbox.http.post(f"{sandbox.api_url}chat.postMessage", headers=headers, content=body)
    assert answer.json()["error"] == error


def test_every_call_is_logged_with_its_answer(sandbox: SandboxClient, web: WebClient) -> None:
    ts = web.chat_postMessage(channel="general", text="hello")["ts"]
    (call,) = sandbox.calls("chat.postMessage")
    assert (call["status"], call["answer"]["ts"], call["arguments"]["text"]) == (200, ts, "hello")
    assert sandbox.log()["counts"]["calls"] == 1
