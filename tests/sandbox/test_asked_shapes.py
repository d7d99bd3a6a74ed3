"""Commands, clicks, shortcuts and submissions have the shapes that Slack is known to send."""

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk import WebClient

from tests.sandbox.asking_app import FORM, MENU, buttons, typing, window, words
from tests.sandbox.test_shapes import GENERAL, METADATA, POSTED_ALSO, SPECS, misfits, sample
from tests.sandbox_client import SandboxClient

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason=f"Slack's published shapes are not at {SPECS}")

# Keys that Slack's documentation shows and the skeletons, made from a Java library's classes, lack.
ACTION_ALSO = {"selected_options": [{}], "selected_users": [""]}
BOXES = {
    "type": "checkboxes",
    "action_id": "boxes",
    "options": [{"text": {"type": "mrkdwn", "text": "*a*"}, "value": "a"}],
}


def without_blocks(told: dict[str, Any]) -> dict[str, Any]:
    """Blocks are the app's own, and the skeletons show few of their elements."""
    inner = {key: without_blocks(told[key]) for key in ("view", "message", "event") if key in told}
    return {key: value for key, value in told.items() if key != "blocks"} | inner


def payloads(sandbox: SandboxClient, kind: str) -> list[dict[str, Any]]:
    sent = [one["payload"] for one in sandbox.log()["envelopes"] if one["kind"] != "events_api"]
    return [one for one in sent if one.get("type", "slash_command") == kind]


def ask_everything(sandbox: SandboxClient, web: WebClient) -> None:
    """With no app connected: what is sent is in the log."""
    ts = sandbox.post("general", "ada", "hello @sentiment")
    sandbox.command("open")
    sandbox.shortcut("general", ts, "ada")
    blocks = [words("x", accessory=MENU), buttons("yes"), {"type": "actions", "elements": [BOXES]}]
    posted = web.chat_postMessage(channel=GENERAL, text="x", blocks=blocks, metadata=METADATA, thread_ts=ts)["ts"]
    web.chat_postEphemeral(channel=GENERAL, user="U0ADA", text="x", blocks=blocks)
    for where in (posted, sandbox.sees("ada")["ephemeral"][-1]["ts"]):
        sandbox.click("general", where, "ada", "label", "negative")
        sandbox.click("general", where, "ada", "yes")
        sandbox.click("general", where, "ada", "boxes", ["a"])
    view = {**FORM, "blocks": [*FORM["blocks"], buttons("yes")]}
    trigger = payloads(sandbox, "slash_command")[-1]["trigger_id"]
    opened = web.views_open(trigger_id=trigger, view=view)["view"]["id"]
    sandbox.click_in(opened, "ada", "yes")
    sandbox.submit(opened, "ada", {"why": "x"})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("slash_command", "SlashCommandPayload"),
        ("message_action", "MessageShortcutPayload"),
        ("block_actions", "BlockActionPayload"),
        ("view_submission", "ViewSubmissionPayload"),
    ],
)
def test_what_is_asked_fits_the_samples(sandbox: SandboxClient, web: WebClient, kind: str, name: str) -> None:
    ask_everything(sandbox, web)
    sent, known = payloads(sandbox, kind), sample(f"interactive/{name}")
    assert sent
    for payload in sent:
        for one in payload.get("actions", []):
            assert (
                misfits({key: value for key, value in one.items() if key not in ACTION_ALSO}, known["actions"][0]) == []
            )
        told = {key: value for key, value in payload.items() if key not in ("actions", "message", "response_urls")}
        assert misfits(without_blocks(told), known) == []


def test_a_clicked_message_fits_the_message_of_events(sandbox: SandboxClient, web: WebClient) -> None:
    ask_everything(sandbox, web)
    known = sample("events/MessageChangedPayload")["event"]["message"] | POSTED_ALSO
    told = [
        one["message"]
        for kind in ("block_actions", "message_action")
        for one in payloads(sandbox, kind)
        if "message" in one
    ]
    assert told
    assert [misfits(without_blocks(message), known) for message in told] == [[]] * len(told)


def test_views_are_answered_as_the_samples_say(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.command("open")
    trigger = payloads(sandbox, "slash_command")[-1]["trigger_id"]
    view = window(
        "x", typing("why"), submit={"type": "plain_text", "text": "Save"}, close={"type": "plain_text", "text": "No"}
    )
    opened = web.views_open(trigger_id=trigger, view=view)
    calls: dict[str, Callable[[], Any]] = {
        "views.open": lambda: opened,
        "views.update": lambda: web.views_update(view_id=opened["view"]["id"], view=view),
        "views.publish": lambda: web.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [words("x")]}),
    }
    found = {name: misfits(without_blocks(call().data), sample(f"api/{name}")) for name, call in calls.items()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    sandbox.home("ada")
    event = [one["payload"] for one in sandbox.log()["envelopes"] if one["event_type"] == "app_home_opened"][-1]
    assert misfits(without_blocks(event), sample("events/AppHomeOpenedPayload")) == []
