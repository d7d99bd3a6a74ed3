"""Buttons and menus in messages and whispers, message shortcuts, as a real Bolt app gets them."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient

from tests.conftest import wait_until
from tests.sandbox.asking_app import MENU, Asked, buttons, make_asked, plain, words
from tests.sandbox.conftest import connected, refusal
from tests.sandbox_client import SandboxClient

GENERAL = "C0GENERAL"


@pytest.fixture
def asked(sandbox: SandboxClient) -> Iterator[Asked]:
    asked = make_asked(sandbox)
    with connected(sandbox, asked.app):
        yield asked


def post(web: WebClient, *blocks: dict[str, Any], **more: Any) -> str:
    return web.chat_postMessage(channel=GENERAL, text="fallback", blocks=list(blocks), **more)["ts"]


def options(*values: str) -> list[dict[str, Any]]:
    return [{"text": plain(value.title()), "value": value} for value in values]


def test_a_button_says_who_pressed_it_and_where(sandbox: SandboxClient, web: WebClient, asked: Asked) -> None:
    parent = sandbox.post("general", "ada", "hello")
    ts = post(web, buttons("yes", "no"), thread_ts=parent)
    assert sandbox.click("general", ts, "mary", "no")["ok"]
    (click,) = asked.got
    (action,) = click["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("no", "buttons", "no!")
    assert (click["user"]["id"], click["channel"]) == ("U0MARY", {"id": GENERAL, "name": "general"})
    assert click["container"] == {
        "type": "message",
        "message_ts": ts,
        "channel_id": GENERAL,
        "is_ephemeral": False,
        "thread_ts": parent,
    }
    assert click["message"]["blocks"][0]["elements"][1]["text"] == {"type": "plain_text", "text": "no", "emoji": True}


def test_a_menu_remembers_for_each_person_what_they_chose(sandbox: SandboxClient, web: WebClient, asked: Asked) -> None:
    boxes = {"type": "checkboxes", "action_id": "boxes", "options": options("a", "b")}
    ts = post(web, words("x", block_id="first", accessory=MENU), {"type": "actions", "elements": [boxes]})
    sandbox.click("general", ts, "ada", "label", "negative")
    sandbox.click("general", ts, "ada", "boxes", ["b", "a"])
    sandbox.click("general", ts, "mary", "boxes", [])
    first, second, other = (click["state"]["values"] for click in asked.got)
    assert first["first"]["label"]["selected_option"]["value"] == "negative"
    assert second["first"]["label"]["selected_option"]["value"] == "negative"
    assert other["first"]["label"] == {"type": "static_select", "selected_option": None}
    assert [one["value"] for one in asked.got[1]["actions"][0]["selected_options"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("element", "value", "told"),
    [
        ({"type": "overflow", "options": options("a", "b")}, "b", {"selected_option": options("b")[0]}),
        ({"type": "radio_buttons", "options": options("a", "b")}, "a", {"selected_option": options("a")[0]}),
        ({"type": "multi_static_select", "options": options("a", "b")}, ["a"], {"selected_options": options("a")}),
        ({"type": "datepicker"}, "2026-01-31", {"selected_date": "2026-01-31"}),
        ({"type": "timepicker", "initial_time": "08:00"}, "17:30", {"selected_time": "17:30"}),
        ({"type": "users_select"}, "mary", {"selected_user": "U0MARY"}),
        ({"type": "multi_users_select"}, ["ada", "U0MARY"], {"selected_users": ["U0ADA", "U0MARY"]}),
        ({"type": "conversations_select"}, "dev", {"selected_conversation": "C00000DEV"}),
        ({"type": "channels_select"}, "#dev", {"selected_channel": "C00000DEV"}),
    ],
)
def test_each_element_tells_its_choice_in_its_own_way(
    sandbox: SandboxClient, web: WebClient, element: dict[str, Any], value: Any, told: dict[str, Any]
) -> None:
    ts = post(web, {"type": "actions", "elements": [{"action_id": "it", **element}]})
    assert sandbox.click("general", ts, "ada", "it", value)["error"] == "dispatch_failed", "there is no app"
    (envelope,) = [one for one in sandbox.log()["envelopes"] if one["kind"] == "interactive"]
    (action,) = envelope["payload"]["actions"]
    for option in [action.get("selected_option"), *(action.get("selected_options") or [])]:
        (option or {}).get("text", {}).pop("emoji", None)
    assert action == action | told
    assert len(envelope["attempts"]) == 1, "clicks are sent once"


def test_a_whisper_is_clicked_replaced_and_taken_back(sandbox: SandboxClient, web: WebClient, asked: Asked) -> None:
    both = [words("psst"), buttons("replace", "delete")]
    for user in ("U0ADA", "U0MARY"):
        web.chat_postEphemeral(channel=GENERAL, user=user, text="psst", blocks=both)
    first, second = sandbox.sees("ada")["ephemeral"][0]["ts"], sandbox.sees("mary")["ephemeral"][0]["ts"]
    sandbox.click("general", first, "ada", "replace")
    sandbox.click("general", second, "mary", "delete")
    assert [(one["ts"], one["text"]) for one in sandbox.sees("ada")["ephemeral"]] == [(first, "replaced")]
    assert sandbox.sees("mary")["ephemeral"] == []
    assert asked.got[0]["container"]["is_ephemeral"]
    assert "message" not in asked.got[0]
    there = {"channel": "general", "ts": first, "user": "mary", "action_id": "replace"}
    assert refusal(sandbox, "POST", "actions", there)[0] == 404
    sandbox.door("DELETE", f"users/ada/sees/{first}")
    assert sandbox.sees("ada")["ephemeral"] == []


def test_a_message_is_replaced_and_deleted_through_its_response_url(
    sandbox: SandboxClient, web: WebClient, asked: Asked
) -> None:
    replaced, deleted = post(web, buttons("replace")), post(web, buttons("delete"))
    sandbox.click("general", replaced, "ada", "replace")
    sandbox.click("general", deleted, "ada", "delete")
    assert [(one["ts"], one["text"], one.get("blocks")) for one in sandbox.messages("general")] == [
        (replaced, "replaced", None)
    ]


@pytest.mark.parametrize(
    ("action_id", "value", "line"),
    [
        ("maybe", None, "No element 'maybe' to click here. There is: label, yes."),
        ("label", "angry", "label has no option 'angry'. It has: positive, negative."),
    ],
)
def test_nobody_clicks_on_what_is_not_there(
    sandbox: SandboxClient, web: WebClient, action_id: str, value: object, line: str
) -> None:
    ts = post(web, words("x", accessory=MENU), buttons("yes"))
    body = {"channel": GENERAL, "ts": ts, "user": "ada", "action_id": action_id, "value": value}
    assert refusal(sandbox, "POST", "actions", body)[1] == line
    theirs = sandbox.post("general", "ada", "x")
    assert "not our bot's" in refusal(sandbox, "POST", "actions", body | {"ts": theirs})[1]


def test_a_shortcut_hands_over_the_message_and_opens_a_window(
    sandbox: SandboxClient, web: WebClient, asked: Asked
) -> None:
    ts = sandbox.post("general", "ada", "what a day")
    shown = sandbox.shortcut("general", ts, "mary")
    wait_until(lambda: sandbox.sees("mary")["views"], "the window")
    (shortcut,) = asked.got
    assert (shortcut["message"]["text"], shortcut["message_ts"], shortcut["user"]["id"]) == ("what a day", ts, "U0MARY")
    assert shown["ok"]
    assert sandbox.sees("mary")["views"][0]["title"] == "Reading…"
    assert sandbox.sees("ada")["views"] == []
    body = {"callback_id": "other", "channel": "general", "ts": ts, "user": "ada"}
    assert "No shortcut 'other'. Known: sentiment" in refusal(sandbox, "POST", "shortcuts", body)[1]
