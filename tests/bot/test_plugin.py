"""docs/plugin.md: its example, run as it stands there."""

import re
import threading
from collections.abc import Iterator
from types import CodeType
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode import websocket_client
from slack_sdk import WebClient

from bot.settings import Settings
from tests.bot.conftest import Labeller
from tests.bot.test_main_path import one_reply
from tests.conftest import REPOSITORY, wait_until
from tests.sandbox_client import APP_TOKEN, BOT_TOKEN, SandboxClient


@pytest.fixture
def example() -> CodeType:
    (code,) = re.findall(r"```python\n(.*?)```", (REPOSITORY / "docs" / "plugin.md").read_text(), re.DOTALL)
    assert len([line for line in code.splitlines() if line]) <= 10
    return compile(code, "docs/plugin.md", "exec")


@pytest.fixture
def running(
    example: CodeType, sandbox: SandboxClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """The example's names while it runs; only the address of Slack and the endless wait at its end are ours."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", BOT_TOKEN)
    monkeypatch.setenv("SLACK_APP_TOKEN", APP_TOKEN)
    monkeypatch.setenv("CLF_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("CLF_PREFIX", settings.clf_prefix)
    monkeypatch.setattr(WebClient, "BASE_URL", sandbox.api_url)
    build = WebClient.__init__
    monkeypatch.setattr(
        WebClient, "__init__", lambda self, **more: build(self, **({"base_url": sandbox.api_url} | more))
    )
    handlers: list[Any] = []
    monkeypatch.setattr(
        websocket_client.SocketModeHandler, "start", lambda self: (handlers.append(self), self.connect())
    )
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own documentation
    yield names
    for handler in handlers:
        # As bot.socket_mode does: the SDK's close alone takes ten seconds.
        handler.client.auto_reconnect_enabled = handler.client.default_auto_reconnect_enabled = False
        handler.client.current_session_runner.event.set()
        websocket = handler.client.current_session.sock
        websocket.send_close()
        handler.client.current_session_runner.thread.join(5)
        handler.close()
        websocket.shutdown()
    names["tagger"].stop()


def test_the_example_labels_messages_and_leaves_the_apps_own_listeners_alone(
    sandbox: SandboxClient, running: dict[str, Any], labeller: Labeller
):
    wait_until(lambda: sandbox.state()["bot"]["connected"], "the socket")
    ts = sandbox.post("general", "ada", "hello, great work")
    assert one_reply(sandbox, "general", ts)["text"] == ":smile: positive 93 %"
    wait_until(lambda: any(one["text"] == "Hi!" for one in sandbox.messages("general")), "the listener's own answer")
    assert [job.text for job in labeller.seen] == ["hello, great work"]
    assert running["tagger"].health().ready
    assert any(thread.name.startswith("poster") for thread in threading.enumerate())
