"""Commands, buttons, menus, windows, App Home and pictures on the page, answered by a real Bolt app."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from slack_sdk import WebClient

from tests.conftest import wait_until
from tests.sandbox.asking_app import FORM, MENU, Asked, buttons, make_asked, plain, typing, window, words
from tests.sandbox.conftest import connected
from tests.sandbox.test_files import png
from tests.sandbox.test_page_access import NAMELESS, PHONE, POOR_CONTRAST
from tests.sandbox_client import SandboxClient

GENERAL = "C0GENERAL"
IMAGE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def asked(sandbox: SandboxClient) -> Iterator[Asked]:
    asked = make_asked(sandbox)
    with connected(sandbox, asked.app):
        yield asked


def write(page: Page, text: str, box: str = "#composer-text") -> None:
    page.locator(box).fill(text)
    page.locator(box).press("Enter")


def choice(*names: str) -> list[dict[str, Any]]:
    return [{"text": plain(name), "value": name} for name in names]


def everything() -> list[dict[str, Any]]:
    """One of each block and element that a screen of ours may use."""
    inputs = [
        {"type": "radio_buttons", "options": choice("on", "off"), "initial_option": choice("on")[0]},
        {"type": "checkboxes", "options": choice("good", "bad"), "initial_options": choice("bad")},
        {"type": "static_select", "options": choice("thread", "reaction")},
        {"type": "multi_static_select", "options": choice("good", "bad"), "placeholder": plain("Labels")},
        {"type": "timepicker", "initial_time": "18:00"},
        {"type": "number_input", "is_decimal_allowed": False, "initial_value": "7"},
        {"type": "plain_text_input", "multiline": True, "initial_value": "so"},
        {"type": "conversations_select", "initial_conversation": "C00000DEV"},
        {"type": "users_select"},
    ]
    asking = [
        {
            "type": "input",
            "block_id": one["type"],
            "label": plain(one["type"].replace("_", " ")),
            "optional": True,
            "element": {"action_id": "it", **one},
        }
        for one in inputs
    ]
    overflow = {"type": "overflow", "action_id": "o", "options": choice("edit", "remove")}
    return [
        {"type": "header", "text": plain("A heading")},
        words(f"*text* {IMAGE}", accessory=MENU),
        {"type": "section", "fields": [plain("a"), plain("b")]},
        buttons("yes", "no"),
        {"type": "actions", "elements": [overflow]},
        {"type": "divider"},
        {"type": "context", "elements": [plain("small words")]},
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "rich", "style": {"bold": True}}]}
            ],
        },
        *asking,
    ]


def test_a_command_is_typed_and_its_answer_seen(page: Page, asked: Asked, sandbox: SandboxClient) -> None:
    write(page, "/sentiment hello there")
    answer = page.locator("#messages .message.ephemeral")
    expect(answer).to_contain_text("you said hello there")
    answer.hover()
    answer.locator("[data-act=dismiss]").click()
    expect(answer).to_have_count(0)
    write(page, "/nothing here")
    expect(page.locator("#composer .problem")).to_contain_text("/nothing is not a valid command")
    expect(page.locator("#composer-text")).to_have_value("/nothing here")
    assert sandbox.messages("general") == []


def test_slack_itself_says_that_the_app_is_away(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, "/sentiment hello")
    expect(page.locator(".message.ephemeral")).to_contain_text("Slackbot")
    expect(page.locator(".message.ephemeral")).to_contain_text("dispatch_failed")


def test_buttons_and_menus_of_messages_reach_the_app(page: Page, asked: Asked, web: WebClient) -> None:
    sure = {"title": plain("Sure?"), "text": plain("It is gone then."), "confirm": plain("Go"), "deny": plain("Stay")}
    risky = buttons("replace")
    risky["elements"][0]["confirm"] = sure
    web.chat_postMessage(channel=GENERAL, text="x", blocks=[words("Wrong?", accessory=MENU), risky])
    row = page.locator("#messages .message", has_text="Wrong?")
    row.locator("select").select_option("negative")
    wait_until(lambda: asked.got, "the choice")
    assert asked.got[0]["actions"][0]["selected_option"]["value"] == "negative"
    row.get_by_role("button", name="replace").click()
    page.locator("#confirm-no").click()
    row.get_by_role("button", name="replace").click()
    page.locator("#confirm-yes").click()
    expect(page.locator("#messages .message")).to_contain_text("replaced")
    assert len(asked.got) == 2, "the question was answered with no the first time"


def test_a_shortcut_opens_a_window_from_the_menu_of_a_message(page: Page, asked: Asked, sandbox: SandboxClient) -> None:
    sandbox.post("general", "grace", "what a day")
    row = page.locator("#messages .message", has_text="what a day")
    row.hover()
    row.locator("[data-act=more]").click()
    page.get_by_role("menuitem", name="Sentiment of this message").click()
    dialog = page.get_by_role("dialog", name="Reading…")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert sandbox.sees("ada")["views"] == []


def test_a_window_is_filled_in_refused_and_submitted(
    page: Page, asked: Asked, sandbox: SandboxClient, web: WebClient
) -> None:
    write(page, "/sentiment open")
    dialog = page.get_by_role("dialog", name="Settings")
    expect(dialog.get_by_role("textbox", name="why")).to_be_focused()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".problem").first).to_have_text("Please complete this required field.")
    dialog.get_by_role("textbox", name="why").fill("half a sent")
    (view,) = sandbox.sees("ada")["views"]
    web.views_update(view_id=view["id"], view={**FORM, "blocks": [words("New!"), typing("why")]})
    expect(dialog).to_contain_text("New!")
    expect(dialog.get_by_role("textbox", name="why")).to_have_value("half a sent")
    asked.answers.append({"response_action": "errors", "errors": {"why": "Not like this."}})
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".problem").first).to_have_text("Not like this.")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    assert asked.last("view_submission")["view"]["state"]["values"]["why"]["typed"]["value"] == "half a sent"


def test_every_element_is_shown_with_what_it_holds_and_sends_it(
    page: Page, asked: Asked, sandbox: SandboxClient, web: WebClient
) -> None:
    sandbox.command("open")
    (view,) = sandbox.sees("ada")["views"]
    full = window("Everything", *everything(), submit=plain("Save"), callback_id="form")
    web.views_update(view_id=view["id"], view=full)
    dialog = page.get_by_role("dialog", name="Everything")
    dialog.get_by_role("radio", name="off").check()
    dialog.locator(".el-multi_static_select summary").click()
    dialog.locator(".el-multi_static_select").get_by_role("checkbox", name="good").check()
    dialog.get_by_role("combobox", name="users select").select_option(label="mary")
    assert dialog.locator("img").count() == 0, "text is never read as HTML"
    assert page.evaluate(NAMELESS) == []
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    state = asked.last("view_submission")["view"]["state"]["values"]
    told = {
        block: next(value for key, value in entry["it"].items() if key != "type")
        for block, entry in state.items()
        if "it" in entry
    }
    assert told["radio_buttons"]["value"] == "off"
    assert [one["value"] for one in told["checkboxes"]] == ["bad"]
    assert told["static_select"] is None
    assert [one["value"] for one in told["multi_static_select"]] == ["good"]
    assert told["timepicker"] == "18:00"
    assert (told["number_input"], told["plain_text_input"]) == ("7", "so")
    assert (told["conversations_select"], told["users_select"]) == ("C00000DEV", "U0MARY")


def test_app_home_is_a_place_of_its_own(page: Page, asked: Asked, web: WebClient) -> None:
    page.locator("#apps .place").click()
    expect(page.locator("#channel-title")).to_have_text("sentiment")
    page.locator("#home").get_by_role("button", name="refresh").click()
    wait_until(lambda: any(one.get("type") == "block_actions" for one in asked.got), "the click")
    web.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [words("You opted out")]})
    expect(page.locator("#home")).to_contain_text("You opted out")
    expect(page.locator("#composer")).to_be_hidden()
    page.locator("#channels .place", has_text="general").click()
    expect(page.locator("#home")).to_be_hidden()
    expect(page.locator("#composer")).to_be_visible()


def test_a_picture_is_shown_with_words_for_those_who_do_not_see_it(page: Page, web: WebClient) -> None:
    web.files_upload_v2(
        content=png(300), filename="week.png", title="The week", alt_txt="A line that rises", channel=GENERAL
    )
    image = page.get_by_role("img", name="A line that rises")
    expect(image).to_be_visible()
    wait_until(lambda: image.evaluate("one => one.naturalWidth") == 300, "the picture")


def test_a_second_workspace_has_a_page_too(open_page: Callable[..., Page], sandbox: SandboxClient) -> None:
    sandbox.door("POST", "users", {"name": "zoe", "team": "Other"})
    sandbox.post("general", "ada", "not for Other")
    page = open_page("/?team=Other")
    expect(page.get_by_role("heading", level=1)).to_have_text("Other")
    page.locator("#me").select_option(label="zoe")
    write(page, "hello from Other")
    expect(page.locator("#messages .message")).to_have_text(re.compile("hello from Other"))
    texts = [one["text"] for one in sandbox.door("GET", "channels/general/messages?team=Other")]
    assert texts == ["hello from Other"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shape", [{}, PHONE], ids=["desktop", "phone"])
def test_blocks_stand_out_and_fit(
    open_page: Callable[..., Page], sandbox: SandboxClient, web: WebClient, scheme: str, shape: dict[str, Any]
) -> None:
    web.chat_postMessage(channel=GENERAL, text="x", blocks=everything())
    web.views_publish(user_id="U0ADA", view={"type": "home", "blocks": everything()})
    page = open_page(color_scheme=scheme, **shape)
    expect(page.locator("#messages .message .block.header")).to_be_visible()
    assert page.evaluate(POOR_CONTRAST) == []
    if shape:
        page.locator("#open-sidebar").click()
    page.locator("#apps .place").click()
    expect(page.locator("#home .block.header")).to_be_visible()
    assert page.evaluate(POOR_CONTRAST) == []
    width = page.evaluate("document.getElementById('home').scrollWidth <= document.getElementById('home').clientWidth")
    assert width, "nothing scrolls sideways"
