"""A message's whole way through the bot, with the real queue and the real Slack SDK against the sandbox."""

from tests.bot.conftest import Bot, Labeller
from tests.conftest import wait_until
from tests.sandbox_client import SandboxClient


def test_a_message_gets_its_label_and_confidence_in_its_thread(sandbox: SandboxClient, bot: Bot, labeller: Labeller):
    ts = sandbox.post("general", "ada", "the release is great")
    (reply,) = wait_until(lambda: sandbox.replies("general", ts), "the reply")
    assert reply["text"] == ":smile: positive 93 %"
    assert reply["metadata"]["event_type"] == "sentiment_reply"
    payload = reply["metadata"]["event_payload"]
    assert payload == {"message": payload["message"], "job": payload["job"], "edit_ts": "", "version": "tiny", "gen": 1}
    assert labeller.seen[0].id == payload["job"]
