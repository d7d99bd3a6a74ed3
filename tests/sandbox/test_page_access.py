"""The page without a mouse, on a phone, in light and dark, and for those who listen to it."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.sandbox_client import SandboxClient

PHONE: dict[str, Any] = {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True}

# The contrast of each piece of text with what lies behind it, by the formula of WCAG 2; the poor ones are returned.
POOR_CONTRAST = """() => {
  const numbers = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const holder = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !holder.checkVisibility({ opacityProperty: true })) continue;
    const style = getComputedStyle(holder);
    const [above, below] = [light(numbers(style.color)), light(behind(holder))].sort((a, b) => b - a);
    const ratio = (above + 0.05) / (below + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${holder.tagName}.${holder.className}: ${walker.currentNode.data}`);
  }
  return poor;
}"""

# Whatever can be used and shows a name to nobody.
NAMELESS = """() => [...document.querySelectorAll("button, select, textarea, input, a[href]")]
  .filter((one) => one.checkVisibility())
  .filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length))
  .map((one) => one.outerHTML)"""


@pytest.fixture
def lively(sandbox: SandboxClient) -> str:
    """A channel with a bit of everything; the ts of a message with a thread."""
    sandbox.post("general", "grace", "see https://x.example/" + "long" * 60 + " @ada #dev :tada:")
    parent = sandbox.post("general", "ada", "```" + "code " * 60 + "```\n" + "w" * 200)
    sandbox.post("general", "linus", "a rather long answer that has to be cut somewhere " * 4, parent)
    sandbox.react("general", parent, "mary", "eyes")
    sandbox.react("general", parent, "ada", "fire")
    sandbox.post("random", "mary", "unread")
    sandbox.post("general", "mary", "", files=["a rather long name of a file.pdf"])
    return parent


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.className")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("shape", [{}, PHONE], ids=["desktop", "phone"])
def test_all_text_stands_out(open_page: Callable[..., Page], lively: str, scheme: str, shape: dict[str, Any]) -> None:
    page = open_page(color_scheme=scheme, **shape)
    expect(page.locator("#messages .message")).to_have_count(3)
    assert page.evaluate(POOR_CONTRAST) == []
    page.locator(f".message[data-ts='{lively}'] .preview").click()
    expect(page.locator("#thread .message")).to_have_count(2)
    assert page.evaluate(POOR_CONTRAST) == []


def test_everything_usable_has_a_name(open_page: Callable[..., Page], lively: str) -> None:
    page = open_page()
    page.locator(f".message[data-ts='{lively}'] .preview").click()
    expect(page.locator("#thread .message")).to_have_count(2)
    page.locator("#thread .message").first.hover()
    page.locator("#thread [data-act=pick]").first.click()
    assert page.evaluate(NAMELESS) == []


def test_a_phone_never_scrolls_sideways(open_page: Callable[..., Page], lively: str) -> None:
    page = open_page(**PHONE)
    expect(page.locator("#messages .message")).to_have_count(3)
    widths = "() => [document.documentElement.scrollWidth, document.getElementById('scroller').scrollWidth]"
    assert page.evaluate(widths) == [375, 375]
    page.locator(f".message[data-ts='{lively}'] .preview").click()
    expect(page.locator("#thread .message")).to_have_count(2)
    assert page.evaluate("document.getElementById('thread-scroller').scrollWidth") <= 375
    assert page.evaluate(widths) == [375, 375]


def test_on_a_phone_the_sidebar_is_a_drawer(open_page: Callable[..., Page]) -> None:
    page = open_page(**PHONE)
    expect(page.locator("#sidebar")).to_be_hidden()
    page.locator("#open-sidebar").click()
    expect(page.locator("#sidebar")).to_be_visible()
    expect(page.locator("#open-sidebar")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#sidebar")).to_be_hidden()
    page.locator("#open-sidebar").click()
    page.locator("#channels .place", has_text="dev").click()
    expect(page.locator("#sidebar")).to_be_hidden()
    expect(page.locator("#channel-title")).to_have_text("#dev")


def test_one_can_write_with_the_keyboard_alone(open_page: Callable[..., Page], sandbox: SandboxClient) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert focused(page) == "skip"
    page.keyboard.press("Enter")
    assert focused(page) == "composer-text"
    page.keyboard.type("no mouse")
    page.keyboard.press("Enter")
    expect(page.locator("#messages .message")).to_contain_text("no mouse")
    assert [one["text"] for one in sandbox.messages("general")] == ["no mouse"]


def test_messages_are_walked_and_worked_with_keys(
    open_page: Callable[..., Page], lively: str, sandbox: SandboxClient
) -> None:
    page = open_page()
    expect(page.locator("#messages .message")).to_have_count(3)
    page.locator("#messages .message").last.focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.dataset.ts") == lively
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.act") == "pick":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#picker")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    reactions = page.locator(f".message[data-ts='{lively}'] .reaction")
    expect(reactions).to_have_count(3)
    assert sandbox.messages("general")[1]["reactions"][2]["name"] == "-1"
    assert page.evaluate("document.activeElement.dataset.act") == "pick", "focus comes back"


def test_the_last_own_message_is_edited_from_the_empty_box(open_page: Callable[..., Page]) -> None:
    page = open_page()
    box = page.locator("#composer-text")
    box.fill("frist")
    box.press("Enter")
    expect(page.locator("#messages .message")).to_contain_text("frist")
    box.press("ArrowUp")
    expect(page.locator(".editor textarea")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".editor")).to_have_count(0)


def test_focus_is_always_visible(open_page: Callable[..., Page], lively: str) -> None:
    page = open_page()
    expect(page.locator("#messages .message")).to_have_count(3)
    seen = []
    for _ in range(16):
        page.keyboard.press("Tab")
        style = page.evaluate(
            """() => { const at = document.activeElement; const box = at.closest(".composer") || at;
            const style = getComputedStyle(at.tagName === "TEXTAREA" ? box : at);
            return [at.tagName + "." + at.className + "#" + at.id, style.outlineStyle, style.boxShadow]; }"""
        )
        seen.append(style)
    invisible = [one for one in seen if one[0] != "BODY.#" and one[1] == "none" and one[2] == "none"]
    assert invisible == []


def test_new_messages_are_told_to_screen_readers(open_page: Callable[..., Page], sandbox: SandboxClient) -> None:
    page = open_page()
    log = page.locator("#announcer")
    expect(log).to_have_attribute("aria-live", "polite")
    parent = sandbox.post("general", "grace", "*hello* :tada:")
    expect(log).to_have_text("grace wrote: hello tada")
    sandbox.post("general", "mary", "hi", parent)
    expect(log).to_have_text("mary replied: hi")


def test_landmarks_and_headings_give_the_page_its_shape(open_page: Callable[..., Page], lively: str) -> None:
    page = open_page()
    page.locator(f".message[data-ts='{lively}'] .preview").click()
    for role, name in (
        ("navigation", "Channels and direct messages"),
        ("main", "#general"),
        ("complementary", "Thread"),
    ):
        expect(page.get_by_role(role, name=name)).to_be_visible()  # type: ignore[arg-type]
    expect(page.get_by_role("heading", level=1)).to_have_text("Sandbox")
    expect(page.get_by_role("textbox", name="Message to #general")).to_be_visible()
    expect(page.get_by_role("combobox", name="You write as")).to_be_visible()
