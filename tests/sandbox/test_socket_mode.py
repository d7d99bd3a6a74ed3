"""Socket Mode seen from a bare socket: tickets, turns, acknowledgements, retries."""

from collections.abc import Callable

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.conftest import wait_until
from tests.sandbox.conftest import Wire, open_url
from tests.sandbox_client import SandboxClient

OpenWire = Callable[..., Wire]


def test_hello_comes_first(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    open_wire()
    hello = open_wire(hello=False).frame()
    assert (hello["type"], hello["num_connections"]) == ("hello", 2)
    assert hello["connection_info"] == {"app_id": "A0SANDBOX"}
    assert sandbox.state()["bot"] | {} == sandbox.state()["bot"] | {"connected": True, "sockets": 2}


def test_a_ticket_is_good_for_one_connection(sandbox: SandboxClient) -> None:
    url = open_url(sandbox)
    with connect(url) as first:
        assert "hello" in first.recv(timeout=5)
        with pytest.raises(InvalidStatus):
            connect(url)
    with pytest.raises(InvalidStatus):
        connect(url.replace("ticket=", "ticket=x"))


def test_an_envelope_has_slacks_fields(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    sandbox.post("general", "ada", "hello")
    frame = wire.frame()
    assert set(frame) == {
        "envelope_id",
        "type",
        "payload",
        "accepts_response_payload",
        "retry_attempt",
        "retry_reason",
    }
    assert (frame["type"], frame["retry_attempt"], frame["retry_reason"]) == ("events_api", 0, "")
    assert frame["payload"]["event"]["text"] == "hello"


def test_each_envelope_goes_to_one_socket_in_turn(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wires = [open_wire() for _ in range(3)]
    for number in range(6):
        sandbox.post("general", "ada", f"message {number}")
    shares = []
    for wire in wires:
        frames = [wire.frame(), wire.frame()]
        shares.append([frame["payload"]["event"]["text"] for frame in frames])
        for frame in frames:
            wire.ack(frame)
    assert all(wire.nothing() for wire in wires)
    assert shares == [["message 0", "message 3"], ["message 1", "message 4"], ["message 2", "message 5"]]


def test_an_acknowledgement_counts_on_any_socket(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    first, second = open_wire(), open_wire()
    sandbox.post("general", "ada", "hello")
    second.ack(first.frame())
    wait_until(lambda: sandbox.log()["counts"].get("acked") == 1, "the acknowledgement")
    (envelope,) = sandbox.log()["envelopes"]
    (attempt,) = envelope["attempts"]
    assert envelope["state"] == "acked"
    assert (attempt["via"], attempt["acked_by"]) == ("s1", "s2")
    assert sandbox.log()["counts"]["unacknowledged"] == 0


def test_what_nobody_acknowledges_is_sent_four_times(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    """At once, after a minute, after five; the same event, a new envelope each time."""
    sandbox.clock(600)
    wire = open_wire()
    sandbox.post("general", "ada", "hello")
    frames = [wire.frame() for _ in range(4)]
    assert [frame["retry_attempt"] for frame in frames] == [0, 1, 2, 3]
    assert [frame["retry_reason"] for frame in frames] == ["", "timeout", "timeout", "timeout"]
    assert len({frame["payload"]["event_id"] for frame in frames}) == 1
    assert len({frame["envelope_id"] for frame in frames}) == 4
    wait_until(lambda: sandbox.log()["counts"].get("given_up") == 1, "the end of the attempts")
    assert wire.nothing()
    assert sandbox.log()["envelopes"][0]["state"] == "given_up"
    assert sandbox.log()["counts"]["unacknowledged"] == 1


def test_the_first_retry_comes_after_three_seconds(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    sandbox.post("general", "ada", "hello")
    wire.frame()
    assert wire.nothing(2.7)
    assert wire.frame(1.0)["retry_attempt"] == 1


def test_a_hurried_clock_reaches_retries_already_waiting(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    sandbox.clock(3)
    sandbox.post("general", "ada", "hello")
    assert [wire.frame()["retry_attempt"] for _ in range(2)] == [0, 1]
    assert wire.nothing(1.5), "the third attempt is 20 s away"
    sandbox.clock(1000)
    assert wire.frame(2)["retry_attempt"] == 2


def test_a_late_acknowledgement_does_not_count(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    sandbox.clock(3)
    wire = open_wire()
    sandbox.post("general", "ada", "hello")
    first, second = wire.frame(), wire.frame()
    wire.ack(first)
    wire.ack(second)
    wait_until(lambda: sandbox.log()["counts"].get("acked") == 1, "the acknowledgement")
    assert sandbox.log()["counts"]["late_acks"] == 1


def test_without_a_socket_an_event_waits_for_its_retry(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    sandbox.post("general", "ada", "is anybody there?")
    assert sandbox.log()["envelopes"][0]["attempts"][0]["failure"] == "no_socket"
    wire = open_wire()
    sandbox.clock(1000)
    assert wire.frame()["retry_attempt"] == 2


def test_ten_sockets_are_the_most(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    for _ in range(10):
        open_wire()
    eleventh = open_wire(hello=False)
    refusal = eleventh.frame()
    assert (refusal["type"], refusal["reason"]) == ("disconnect", "too_many_websockets")
    assert eleventh.closed() == "ConnectionClosedOK"
    assert sandbox.state()["bot"]["sockets"] == 10


def test_nonsense_on_a_socket_harms_nobody(sandbox: SandboxClient, open_wire: OpenWire) -> None:
    wire = open_wire()
    sandbox.post("general", "ada", "hello")
    envelope = wire.frame()
    for text in ("", "not json", "[]", "null", '{"envelope_id": 5}', '{"envelope_id": ["x"]}', "{}"):
        wire.connection.send(text)
    wire.connection.send(b"binary")
    wire.ack(envelope)
    wait_until(lambda: sandbox.log()["counts"].get("acked") == 1, "the acknowledgement")


def test_socket_mode_can_be_switched_off(sandbox: SandboxClient) -> None:
    sandbox.door("POST", "socket-mode", {"enabled": False})
    headers = {"Authorization": "Bearer xapp-sandbox"}
    answer = sandbox.http.post(f"{sandbox.api_url}apps.connections.open", headers=headers).json()
    assert answer["ok"] is False
