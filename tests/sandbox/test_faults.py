"""Every fault of the control door does to a real client what its name says."""

import time
from collections.abc import Callable
from http.client import RemoteDisconnected
from typing import Any
from urllib.error import URLError

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from tests.conftest import wait_until
from tests.sandbox.conftest import Wire, error_of
from tests.sandbox_client import SandboxClient

OpenWire = Callable[..., Wire]


def say(web: WebClient) -> Callable[[], Any]:
    return lambda: web.chat_postMessage(channel="general", text="x")


def refused(call: Callable[[], Any]) -> SlackApiError:
    with pytest.raises(SlackApiError) as caught:
        call()
    return caught.value


def test_rate_limited_refuses_as_often_as_asked(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.fault("rate_limited", method="chat.postMessage", count=2)
    for _ in range(2):
        response = refused(say(web)).response
        assert (response.status_code, response["error"], response.headers["retry-after"]) == (429, "ratelimited", "1")
    web.auth_test()
    web.chat_postMessage(channel="general", text="through")
    assert [message["text"] for message in sandbox.messages("general")] == ["through"]


def test_rate_limited_for_some_seconds_says_how_long(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.fault("rate_limited", seconds=30)
    assert refused(say(web)).response.headers["retry-after"] == "30"
    sandbox.clear_faults()
    web.chat_postMessage(channel="general", text="through")


def test_server_error_and_html_error_post_nothing(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.fault("server_error")
    sandbox.fault("html_error")
    first, second = refused(say(web)).response, refused(say(web)).response
    assert (first.status_code, first["error"]) == (500, "internal_error")
    assert second.status_code == 503
    assert "<html" in str(second.data) or "non-JSON" in str(second.data)
    assert sandbox.messages("general") == []


def test_bad_json_posts_and_answers_with_half_of_it(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.fault("bad_json")
    assert "non-JSON" in str(refused(say(web)).response.data)
    assert len(sandbox.messages("general")) == 1


def test_reset_before_breaks_the_connection_and_posts_nothing(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.fault("reset_before")
    # urllib wraps the reset when it comes while the request is still being sent.
    with pytest.raises((ConnectionResetError, RemoteDisconnected, URLError), match=r"reset|closed"):
        say(web)()
    assert sandbox.messages("general") == []
    assert sandbox.calls("chat.postMessage")[0]["fault"] == "reset_before"


def test_accept_then_drop_posts_and_loses_the_answer(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.fault("accept_then_drop")
    web.auth_test()
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        say(web)()
    (call,) = sandbox.calls("chat.postMessage")
    assert (call["fault"], call["answer"]["ok"]) == ("accept_then_drop", True)
    assert len(sandbox.messages("general")) == 1


def test_stall_delays_the_answer(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.fault("stall", method="auth.test", seconds=0.6)
    began = time.monotonic()
    web.auth_test()
    assert 0.6 <= time.monotonic() - began < 3


def test_token_revoked_holds_until_it_is_cleared(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.fault("token_revoked")
    assert [error_of(say(web)), error_of(web.auth_test)] == ["token_revoked"] * 2
    sandbox.clear_faults()
    web.auth_test()


def test_history_denied_names_the_scope(sandbox: SandboxClient, web: WebClient) -> None:
    ts = sandbox.post("general", "ada", "hello")
    sandbox.fault("history_denied")
    denied = refused(lambda: web.conversations_history(channel="C0GENERAL")).response
    assert (denied["error"], denied["needed"]) == ("missing_scope", "channels:history")
    assert error_of(lambda: web.conversations_replies(channel="C0GENERAL", ts=ts)) == "missing_scope"


def test_history_lags_hides_what_is_fresh(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.post("general", "ada", "hello")
    sandbox.fault("history_lags", seconds=0.5)
    assert web.conversations_history(channel="C0GENERAL")["messages"] == []
    wait_until(lambda: web.conversations_history(channel="C0GENERAL")["messages"], "the message in history", 3)


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled"])
def test_disconnect_announces_and_then_closes(sandbox: SandboxClient, open_wire: OpenWire, reason: str) -> None:
    wire = open_wire()
    sandbox.clock(20)
    assert sandbox.fault("disconnect", reason=reason) == {"ok": True, "sockets": 1}
    frame = wire.frame()
    assert (frame["type"], frame["reason"]) == ("disconnect", reason)
    assert wire.closed() == "ConnectionClosedOK"


def test_a_socket_about_to_close_gets_no_new_envelope(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    leaving, staying = open_wire(), open_wire()
    sandbox.fault("disconnect", count=1)
    sandbox.post("general", "ada", "hello")
    assert leaving.frame()["type"] == "disconnect"
    assert staying.frame()["type"] == "events_api"


def test_an_envelope_may_be_acknowledged_on_a_leaving_socket(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    sandbox.post("general", "ada", "hello")
    sandbox.fault("disconnect")
    wire.ack(wire.frame())
    wait_until(lambda: sandbox.log()["counts"].get("acked") == 1, "the acknowledgement")


def test_drop_socket_resets_and_close_frame_says_goodbye(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    first = open_wire()
    sandbox.fault("drop_socket")
    assert first.closed() == "ConnectionClosedError"
    second = open_wire()
    sandbox.fault("close_frame")
    assert second.closed() == "ConnectionClosedOK"
    wait_until(lambda: not sandbox.state()["bot"]["connected"], "the end of both sockets")


def test_a_silent_socket_swallows_envelopes_and_pings(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    assert wire.connection.ping().wait(2), "a pong before"
    sandbox.fault("silent_socket")
    sandbox.clock(3)
    sandbox.post("general", "ada", "hello")
    assert wire.nothing(1.5)
    assert not wire.connection.ping().wait(0.5), "no pong now"
    other = open_wire()
    assert sandbox.log()["envelopes"][0]["attempts"][0]["via"] == "s1"
    sandbox.clock(1000)
    frames = {wire.frame(10)["payload"]["event"]["text"] for wire in [other]}
    assert frames == {"hello"}


def test_no_hello_leaves_it_out_once(open_wire: OpenWire, sandbox: SandboxClient) -> None:
    sandbox.fault("no_hello")
    mute = open_wire(hello=False)
    assert mute.nothing()
    assert open_wire(hello=False).frame()["type"] == "hello"


def test_duplicate_events_come_twice_with_one_event_id(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    sandbox.fault("duplicate_events", count=1)
    sandbox.post("general", "ada", "once or twice")
    sandbox.post("general", "ada", "once")
    frames = [wire.frame() for _ in range(3)]
    ids = [frame["payload"]["event_id"] for frame in frames]
    assert ids[0] == ids[1] != ids[2]
    assert len({frame["envelope_id"] for frame in frames}) == 3


def test_reorder_events_turns_them_round(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    sandbox.fault("reorder_events", count=3)
    for text in ("a", "b", "c", "d"):
        sandbox.post("general", "ada", text)
    assert [wire.frame()["payload"]["event"]["text"] for _ in range(4)] == ["c", "b", "a", "d"]


def test_a_reordered_event_without_company_comes_late(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    sandbox.fault("reorder_events")
    sandbox.post("general", "ada", "alone")
    assert wire.nothing(0.5)
    assert wire.frame(2)["payload"]["event"]["text"] == "alone"


def test_unfurl_changes_a_message_without_changing_its_text(sandbox: SandboxClient) -> None:
    sandbox.fault("unfurl")
    sandbox.post("general", "ada", "no link here")
    sandbox.post("general", "ada", "see https://x.example/a")
    *_, posted, unfurled = sandbox.events()
    assert posted["text"] == unfurled["message"]["text"] == unfurled["previous_message"]["text"]
    assert unfurled["subtype"] == "message_changed"
    assert unfurled["message"]["attachments"][0]["from_url"] == "https://x.example/a"
    assert "edited" not in unfurled["message"]
    assert len(sandbox.events()) == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"fault": "gremlins"}, "No fault 'gremlins'"),
        ({"fault": "disconnect", "reason": "boredom"}, "'reason' can be"),
        ({"fault": "stall", "seconds": -1}, "'seconds' must be a number"),
        ({}, "'fault' is missing"),
    ],
)
def test_an_unknown_fault_is_refused(sandbox: SandboxClient, body: dict[str, Any], words: str) -> None:
    response = sandbox.http.post(f"{sandbox.url}/_sandbox/faults", json=body)
    assert response.status_code == 400
    assert words in response.json()["error"]


def test_bolt_reconnects_after_a_dropped_socket(sandbox: SandboxClient, bolt: list[dict[str, Any]]) -> None:
    sandbox.fault("drop_socket")
    wait_until(lambda: not sandbox.state()["bot"]["connected"], "the end of the socket")
    wait_until(lambda: sandbox.state()["bot"]["connected"], "a new socket")
    ts = sandbox.post("general", "ada", "still there?")
    wait_until(lambda: sandbox.replies("general", ts), "the reply")
    assert [event["text"] for event in bolt] == ["still there?"]
