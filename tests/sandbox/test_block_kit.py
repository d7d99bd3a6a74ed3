"""What Slack refuses in blocks, and where; what it fills in by itself."""

from typing import Any

import pytest
from slack_sdk.models import blocks as sdk

from clfadmin.sandbox.kit.blocks import completed, problems_of
from clfadmin.sandbox.kit.values import complaint, kept_state
from tests.sandbox.asking_app import MENU, buttons, plain, typing, words


def choice(name: str = "x", **more: Any) -> dict[str, Any]:
    return {"text": plain(name), "value": name, **more}


def menu(**more: Any) -> dict[str, Any]:
    return words("x", accessory={**MENU, **more})


def acting(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


PRESS = {"type": "button", "action_id": "b", "text": plain("x")}

GOOD = [
    words("x" * 3000),
    {"type": "section", "fields": [plain("x" * 2000)] * 10},
    {"type": "header", "text": plain("x" * 150)},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10},
    {"type": "image", "image_url": "https://x.example/a.png", "alt_text": "x", "title": plain("x")},
    acting(*[{**PRESS, "action_id": f"b{number}"} for number in range(25)]),
    acting({**PRESS, "value": "x" * 2000, "style": "danger", "action_id": "x" * 255}),
    acting({"type": "overflow", "action_id": "o", "options": [choice()] * 5}),
    menu(options=[choice(f"{number}") for number in range(100)], initial_option=choice("7")),
    words("x", accessory={"type": "image", "image_url": "https://x.example/a.png", "alt_text": "x"}),
    typing("why", multiline=True, max_length=3000, placeholder=plain("x" * 150)),
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]},
    {"type": "divider"},
]


def test_what_slack_takes_is_taken() -> None:
    assert problems_of([{**block, "block_id": f"b{at}"} for at, block in enumerate(GOOD)], "message") == []


@pytest.mark.parametrize(
    ("block", "where", "what"),
    [
        (words(""), "/text/text", "must be more than 0 characters"),
        (words("x" * 3001), "/text/text", "no more than 3000 characters"),
        ({"type": "section"}, "", "missing required field: text or fields"),
        ({"type": "section", "fields": [plain("x" * 2001)]}, "/fields/0/text", "no more than 2000"),
        ({"type": "section", "fields": [plain("x")] * 11}, "/fields", "no more than 10 items"),
        ({"type": "header", "text": plain("x" * 151)}, "/text/text", "no more than 150"),
        ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "/text/type", "must be plain_text"),
        ({"type": "context", "elements": []}, "/elements", "no fewer than 1"),
        ({"type": "context", "elements": [plain("x")] * 11}, "/elements", "no more than 10"),
        ({"type": "image", "image_url": "x"}, "", "missing required field: alt_text"),
        ({"type": "image", "alt_text": "x"}, "", "must have image_url or slack_file"),
        ({"type": "marquee"}, "/type", "unsupported type: marquee"),
        ({"type": "divider", "colour": "red"}, "", "invalid additional property: colour"),
        ({"type": "divider", "block_id": "x" * 256}, "/block_id", "no more than 255"),
        (acting({**PRESS, "action_id": "x" * 256}), "/elements/0/action_id", "no more than 255"),
        (acting({**PRESS, "value": "x" * 2001}), "/elements/0/value", "no more than 2000"),
        (acting({**PRESS, "text": plain("x" * 76)}), "/elements/0/text/text", "no more than 75"),
        (acting({**PRESS, "style": "loud"}), "/elements/0/style", "must be one of primary, danger"),
        (acting({**PRESS, "confirm": {"title": plain("x")}}), "/elements/0/confirm", "missing required field: text"),
        (acting(PRESS, PRESS), "", "action_id already exists"),
        (acting({"type": "plain_text_input", "action_id": "x"}), "/elements/0/type", "unsupported type"),
        (acting({"type": "overflow", "options": [choice()] * 6}), "/elements/0/options", "no more than 5"),
        (acting({"type": "checkboxes", "options": [choice()] * 11}), "/elements/0/options", "no more than 10"),
        (menu(options=[choice()] * 101), "/accessory/options", "no more than 100"),
        (menu(options=[]), "/accessory/options", "no fewer than 1"),
        (menu(options=[choice("x" * 76)]), "/accessory/options/0/text/text", "no more than 75"),
        (menu(options=[choice(value="x" * 151)]), "/accessory/options/0/value", "no more than 150"),
        (menu(initial_option=choice()), "/accessory/initial_option", "must be one of the provided options"),
        (menu(placeholder=plain("x" * 151)), "/accessory/placeholder/text", "no more than 150"),
        (typing("why", max_length=3001), "/element/max_length", "an integer from 1 to 3000"),
        ({"type": "input", "label": plain("x")}, "", "missing required field: element"),
        ({"type": "input", "label": plain("x"), "element": PRESS}, "/element/type", "unsupported type: button"),
        ("not a block", "", "must be a JSON object"),
    ],
)
def test_what_slack_refuses_is_refused_with_its_place(block: Any, where: str, what: str) -> None:
    problems = problems_of([block], "message")
    assert any(what in one and one.endswith(f"[json-pointer:/blocks/0{where}]") for one in problems), problems


def test_a_message_has_fifty_blocks_and_a_window_a_hundred() -> None:
    many = [{"type": "divider"}] * 51
    assert problems_of(many, "modal") == []
    assert problems_of(many, "message") == ["[ERROR] no more than 50 items allowed [json-pointer:/blocks]"]
    assert problems_of([buttons("a"), buttons("b")], "message") == [
        "[ERROR] block_id already exists: buttons [json-pointer:/blocks/1/block_id]"
    ]


def test_what_the_sdk_builds_is_taken() -> None:
    """Block Kit's own models, with all that our screens need."""
    option = sdk.Option(value="a", label="A", description="more")
    built = [
        sdk.HeaderBlock(text="x"),
        sdk.SectionBlock(text="x", accessory=sdk.StaticSelectElement(options=[option], action_id="s")),
        sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="x")]),
        sdk.ActionsBlock(elements=[sdk.ButtonElement(text="x", action_id="b", style="primary")]),
        sdk.InputBlock(label="x", element=sdk.CheckboxesElement(options=[option], initial_options=[option])),
        sdk.InputBlock(label="x", element=sdk.TimePickerElement(initial_time="08:00", placeholder="x"), optional=True),
        sdk.InputBlock(label="x", element=sdk.NumberInputElement(is_decimal_allowed=False, max_value="100")),
        sdk.InputBlock(label="x", element=sdk.PlainTextInputElement(multiline=True, max_length=10)),
        sdk.ImageBlock(image_url="https://x.example/a.png", alt_text="x", title="x"),
        sdk.DividerBlock(),
    ]
    assert problems_of([block.to_dict() for block in built], "modal") == []


def test_slack_fills_in_ids_and_flags() -> None:
    shown = completed([acting({"type": "button", "text": plain("x")}), words("x")])
    assert len(shown[0]["block_id"]) == len(shown[0]["elements"][0]["action_id"]) == 5
    assert shown[0]["elements"][0]["text"]["emoji"] is True
    assert shown[1]["text"]["verbatim"] is False
    assert completed([buttons("a")])[0]["block_id"] == "buttons"


def test_an_update_keeps_what_was_typed_where_ids_and_kind_stay() -> None:
    before = {"why": {"typed": {"type": "plain_text_input", "value": "so"}}}
    assert kept_state([typing("why")], before) == before
    assert kept_state([typing("other")], before)["other"]["typed"]["value"] is None
    assert kept_state([typing("why", type="url_text_input")], before)["why"]["typed"]["value"] is None


@pytest.mark.parametrize(
    ("element", "value", "words"),
    [
        ({}, None, "Please complete this required field."),
        ({"min_length": 3}, "ab", "Please enter at least 3 characters."),
        ({"max_length": 3}, "abcd", "Please enter no more than 3 characters."),
        ({"type": "number_input", "is_decimal_allowed": False}, "1.5", "Please enter a valid number."),
        (
            {"type": "number_input", "is_decimal_allowed": False, "max_value": "100"},
            "101",
            "Please enter a number that is at most 100.",
        ),
        ({"min_length": 3}, "abc", ""),
    ],
)
def test_slacks_own_client_looks_at_what_is_typed(element: dict[str, Any], value: str | None, words: str) -> None:
    block = typing("why", **element)
    assert complaint(block, {"type": block["element"]["type"], "value": value}) == words
    assert complaint({**block, "optional": True}, {"type": "plain_text_input", "value": None}) == ""
