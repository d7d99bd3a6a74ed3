"""Events by signed HTTP, received by a real Bolt app and by a bare server."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import uvicorn
from slack_bolt import App
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.conftest import wait_until
from tests.sandbox_client import BOT_TOKEN, SIGNING_SECRET, SandboxClient, running_sandbox


@dataclass
class Receiver:
    """Keeps every request; answers events with the next of `answers`, or 200."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    verified: bool = False

    def events(self) -> list[tuple[dict[str, str], dict[str, Any]]]:
        decoded = [(headers, json.loads(body)) for headers, body in self.requests]
        return [(headers, body) for headers, body in decoded if body["type"] == "event_callback"]

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.requests.append((headers, body))
        value = json.loads(body)
        if value["type"] == "url_verification":
            self.verified = True
            return 200, {}, value["challenge"].encode()
        status, more = self.answers.pop(0) if self.answers else (200, {})
        return status, more, b""


@contextmanager
def receiving(receiver: Receiver) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers, answer = receiver.answer({k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/slack/events"
        server.shutdown()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def http_sandbox(receiver: Receiver) -> Iterator[SandboxClient]:
    with receiving(receiver) as url, running_sandbox(events_url=url) as sandbox:
        wait_until(lambda: receiver.verified, "url_verification")
        wait_until(lambda: sandbox.state()["bot"]["connected"], "the address to be known good")
        yield sandbox


def test_every_request_is_signed_as_slack_signs(http_sandbox: SandboxClient, receiver: Receiver) -> None:
    http_sandbox.post("general", "ada", "naïve \x00 text")
    wait_until(receiver.events, "the event")
    verifier = SignatureVerifier(SIGNING_SECRET)
    assert len(receiver.requests) >= 2
    for headers, body in receiver.requests:
        assert verifier.is_valid_request(body, headers)
    assert not SignatureVerifier("another").is_valid_request(*receiver.requests[0][::-1])


def test_an_acknowledged_event_comes_once(http_sandbox: SandboxClient, receiver: Receiver) -> None:
    http_sandbox.post("general", "ada", "hello")
    wait_until(lambda: http_sandbox.log()["counts"].get("acked") == 1, "the acknowledgement")
    ((headers, body),) = receiver.events()
    assert body["event"]["text"] == "hello"
    assert "x-slack-retry-num" not in headers
    assert headers["content-type"] == "application/json"


def test_a_refused_event_comes_again_with_retry_headers(http_sandbox: SandboxClient, receiver: Receiver) -> None:
    receiver.answers += [(500, {}), (404, {}), (401, {}), (500, {})]
    http_sandbox.clock(1000)
    http_sandbox.post("general", "ada", "hello")
    wait_until(lambda: http_sandbox.log()["counts"].get("given_up") == 1, "the end of the attempts")
    retries = [
        (headers.get("x-slack-retry-num"), headers.get("x-slack-retry-reason")) for headers, _ in receiver.events()
    ]
    assert retries == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert len({body["event_id"] for _, body in receiver.events()}) == 1


def test_no_retry_is_heeded(http_sandbox: SandboxClient, receiver: Receiver) -> None:
    receiver.answers += [(500, {"X-Slack-No-Retry": "1"})]
    http_sandbox.clock(1000)
    http_sandbox.post("general", "ada", "hello")
    wait_until(lambda: http_sandbox.log()["counts"].get("given_up") == 1, "the end of the attempts")
    assert len(receiver.events()) == 1


def test_socket_mode_is_off_when_events_go_by_http(http_sandbox: SandboxClient) -> None:
    headers = {"Authorization": "Bearer xapp-sandbox"}
    answer = http_sandbox.http.post(f"{http_sandbox.api_url}apps.connections.open", headers=headers).json()
    assert answer["ok"] is False
    assert http_sandbox.state()["mode"] == "http"


def test_nothing_is_sent_to_an_address_that_does_not_answer_the_challenge() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/slack/events"
    with running_sandbox(events_url=url) as sandbox:
        sandbox.post("general", "ada", "hello")
        wait_until(lambda: sandbox.log()["counts"].get("verifications", 0) >= 2, "two tries")
        assert sandbox.state()["bot"] == sandbox.state()["bot"] | {"connected": False}
        assert sandbox.log()["envelopes"][0]["attempts"][0]["failure"] == "connection_failed"


@contextmanager
def bolt_over_http(app: App, port_socket: socket.socket) -> Iterator[None]:
    handler = SlackRequestHandler(app)

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    with serving(Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])]), port_socket):
        yield


@contextmanager
def serving(site: Starlette, port_socket: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(site, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [port_socket]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


def test_bolt_answers_over_http() -> None:
    """The bot starts after the sandbox, as with `clfadmin up`: verification waits for it."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/slack/events"
    with running_sandbox(events_url=url) as sandbox:
        client = WebClient(BOT_TOKEN, base_url=sandbox.api_url)
        app = App(client=client, signing_secret=SIGNING_SECRET, process_before_response=True)

        @app.event("message")
        def on_message(event: dict[str, Any], client: WebClient) -> None:
            client.chat_postMessage(channel=event["channel"], thread_ts=event["ts"], text="heard")

        @app.event("app_mention")
        def on_mention() -> None: ...

        with bolt_over_http(app, listener):
            wait_until(lambda: sandbox.state()["bot"]["connected"], "verification by Bolt")
            ts = sandbox.post("general", "ada", "@sentiment hello")
            wait_until(lambda: sandbox.replies("general", ts), "the reply")
            wait_until(lambda: sandbox.log()["counts"]["unacknowledged"] == 0, "all acknowledgements")
        assert sandbox.duplicates() == 0
