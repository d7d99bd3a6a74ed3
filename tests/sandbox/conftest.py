"""Real clients against the sandbox: the SDK's WebClient, Bolt over sockets, a bare socket for the finer points."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk import WebClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.conftest import wait_until
from tests.sandbox.browser import ARGUMENTS, chromium
from tests.sandbox_client import APP_TOKEN, BOT_TOKEN, SandboxClient


@pytest.fixture(autouse=True)
def quiet_slack_libraries() -> None:
    """They log each refused call and each lost socket; here both are wanted."""
    for name in ("slack_bolt", "slack_sdk", "websocket"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@pytest.fixture
def web(sandbox: SandboxClient) -> WebClient:
    """The SDK's client, without its own retries."""
    return WebClient(BOT_TOKEN, base_url=sandbox.api_url, retry_handlers=[])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; starting it takes longer than most page tests."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, sandbox: SandboxClient) -> Iterator[Callable[..., Page]]:
    """Opens pages that fail the test on any error in their console."""
    errors: list[str] = []
    contexts: list[BrowserContext] = []

    def open_one(path: str = "/", **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: (errors.append("a dialog opened"), dialog.dismiss()))
        page.goto(sandbox.url + path)
        expect(page.locator("#channel-title")).not_to_be_empty()
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()


def error_of(call: Callable[[], Any]) -> str:
    """The error word of a Web API call that must be refused."""
    from slack_sdk.errors import SlackApiError

    with pytest.raises(SlackApiError) as caught:
        call()
    return caught.value.response["error"]


def refusal(sandbox: SandboxClient, method: str, path: str, body: object = None) -> tuple[int, str]:
    """Status and line of a call at the control door that must be refused."""
    response = sandbox.http.request(method, f"{sandbox.url}/_sandbox/{path}", json=body)
    return response.status_code, response.json()["error"]


def make_bolt(sandbox: SandboxClient, seen: list[dict[str, Any]]) -> App:
    """A Bolt app that answers each message of a person once, in its thread, and keeps every event it got.

    It posts before it acknowledges, so on a busy machine the sandbox rightly sends some events again.
    """
    taken: set[tuple[str, str]] = set()
    client = WebClient(BOT_TOKEN, base_url=sandbox.api_url)
    app = App(client=client, process_before_response=True, logger=logging.getLogger("slack_bolt"))

    @app.event("message")
    def on_message(event: dict[str, Any], client: WebClient) -> None:
        seen.append(event)
        place = (event["channel"], event["ts"])
        if "bot_id" not in event and "subtype" not in event and "thread_ts" not in event and place not in taken:
            taken.add(place)
            client.chat_postMessage(channel=place[0], thread_ts=place[1], text="heard")

    @app.event("app_mention")
    def on_mention(event: dict[str, Any]) -> None:
        seen.append(event)

    @app.event("member_joined_channel")
    def on_join(event: dict[str, Any]) -> None:
        seen.append(event)

    return app


@contextmanager
def connected(sandbox: SandboxClient, app: App) -> Iterator[None]:
    handler = SocketModeHandler(app, APP_TOKEN)
    handler.connect()
    wait_until(lambda: sandbox.state()["bot"]["connected"], "the bot's socket")
    try:
        yield
    finally:
        # Closed from our side its reader sometimes sleeps on for ten seconds; reset from there it wakes at once.
        handler.client.auto_reconnect_enabled = False
        handler.client.current_session_runner.event.set()
        sandbox.fault("drop_socket")
        handler.client.current_session_runner.thread.join(15)
        handler.close()


@pytest.fixture
def bolt(sandbox: SandboxClient) -> Iterator[list[dict[str, Any]]]:
    """Events as a real Bolt app in Socket Mode got them, its own posts left out by Bolt."""
    seen: list[dict[str, Any]] = []
    with connected(sandbox, make_bolt(sandbox, seen)):
        yield seen


@dataclass
class Wire:
    """One bare socket of the app."""

    connection: ClientConnection

    def frame(self, seconds: float = 5) -> dict[str, Any]:
        return json.loads(self.connection.recv(timeout=seconds))

    def nothing(self, seconds: float = 0.3) -> bool:
        try:
            self.connection.recv(timeout=seconds)
        except TimeoutError:
            return True
        return False

    def ack(self, envelope: dict[str, Any]) -> None:
        self.connection.send(json.dumps({"envelope_id": envelope["envelope_id"]}))

    def closed(self, seconds: float = 5) -> str:
        """How the server ended it: the exception's name."""
        while True:
            try:
                self.connection.recv(timeout=seconds)
            except ConnectionClosed as end:
                return type(end).__name__


def open_url(sandbox: SandboxClient) -> str:
    return WebClient(APP_TOKEN, base_url=sandbox.api_url).apps_connections_open(app_token=APP_TOKEN)["url"]


@contextmanager
def opened(sandbox: SandboxClient, *, hello: bool = True) -> Iterator[Wire]:
    with connect(open_url(sandbox), ping_interval=None, close_timeout=0.2) as connection:
        wire = Wire(connection)
        if hello:
            assert wire.frame()["type"] == "hello"
        yield wire


@pytest.fixture
def open_wire(sandbox: SandboxClient) -> Iterator[Callable[..., Wire]]:
    """Opens bare sockets that live until the end of the test."""
    with ExitStack() as stack:
        yield lambda **more: stack.enter_context(opened(sandbox, **more))
