"""The control door: people, places and messages."""

from tests.sandbox_client import SandboxClient


def test_a_posted_message_can_be_read_back(sandbox: SandboxClient) -> None:
    ts = sandbox.post("general", "ada", "good morning")
    (message,) = sandbox.messages("general")
    assert message == {"ts": ts, "user": "U0ADA", "name": "ada", "text": "good morning"}
