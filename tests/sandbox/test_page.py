"""The page in headless Chromium, and what it does to the sandbox behind it."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect
from slack_sdk import WebClient

from tests.conftest import wait_until
from tests.sandbox.conftest import Wire
from tests.sandbox_client import SandboxClient, running_sandbox

PHONE = {"width": 375, "height": 740}
IMAGE = "<img src=x onerror=alert(1)>"


def message(page: Page, text: str) -> Locator:
    return page.locator("#messages .message", has_text=text)


def write(page: Page, text: str) -> None:
    page.locator("#composer-text").fill(text)
    page.locator("#composer-text").press("Enter")


def test_a_newcomer_is_told_what_to_do(page: Page, sandbox: SandboxClient) -> None:
    expect(page.locator("#empty")).to_contain_text("Write something, the bot answers in the thread")
    page.locator("#empty .tries button").first.click()
    page.locator("#composer-text").press("Enter")
    expect(page.locator("#empty")).to_be_hidden()
    expect(message(page, "The new release is great")).to_be_visible()
    assert len(sandbox.messages("general")) == 1


def test_a_message_written_here_is_in_the_sandbox(page: Page, sandbox: SandboxClient) -> None:
    write(page, "hello @sentiment & all")
    expect(message(page, "hello @sentiment & all")).to_be_visible()
    assert sandbox.messages("general")[0]["text"] == "hello <@U0BOT> &amp; all"
    expect(page.locator("#composer-text")).to_have_value("")


def test_shift_enter_starts_a_line_and_an_empty_message_is_not_sent(page: Page, sandbox: SandboxClient) -> None:
    box = page.locator("#composer-text")
    box.press("Enter")
    box.type("one")
    box.press("Shift+Enter")
    box.type("two")
    box.press("Enter")
    expect(message(page, "one")).to_be_visible()
    assert [one["text"] for one in sandbox.messages("general")] == ["one\ntwo"]


def test_other_pages_see_it_at_once(open_page: Callable[..., Page]) -> None:
    first, second = open_page(), open_page()
    first.locator("#me").select_option(label="mary")
    write(first, "can you see this?")
    expect(message(second, "can you see this?")).to_be_visible(timeout=2000)
    expect(second.locator("#announcer")).to_contain_text("mary wrote: can you see this?", timeout=2000)


def test_the_bots_answer_is_readable_without_a_click(page: Page, bolt: list[dict[str, Any]]) -> None:
    expect(page.locator("#bot-state")).to_have_text("bot connected")
    write(page, "good morning")
    preview = message(page, "good morning").locator(".preview")
    expect(preview).to_have_text("sentiment heard1 reply", timeout=3000)
    preview.click()
    expect(page.locator("#thread .message")).to_have_count(2)
    expect(page.locator("#thread")).to_contain_text("heard")


def test_a_thread_opens_takes_replies_and_closes(page: Page, sandbox: SandboxClient) -> None:
    parent = sandbox.post("general", "grace", "what do you think?")
    sandbox.post("general", "linus", "not sure", parent)
    message(page, "what do you think?").locator(".preview").click()
    page.locator("#thread-text").fill("very good")
    page.locator("#thread-text").press("Enter")
    expect(page.locator("#thread .message")).to_have_count(3)
    assert [one["text"] for one in sandbox.replies("general", parent)] == ["not sure", "very good"]
    expect(message(page, "what do you think?").locator(".preview")).to_contain_text("2 replies")
    page.keyboard.press("Escape")
    expect(page.locator("#thread")).to_be_hidden()


def test_reactions_are_counted_and_taken_back(page: Page, sandbox: SandboxClient) -> None:
    ts = sandbox.post("general", "grace", "shipped")
    sandbox.react("general", ts, "mary", "tada")
    chip = message(page, "shipped").locator(".reaction")
    expect(chip).to_have_text("1")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(chip).to_contain_text("2")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")
    message(page, "shipped").hover()
    message(page, "shipped").locator("[data-act=pick]").click()
    page.locator("#picker [data-act=eyes]").click()
    expect(message(page, "shipped").locator(".reaction")).to_have_count(2)
    assert sandbox.messages("general")[0]["reactions"][1] == {"name": "eyes", "users": ["U0ADA"], "count": 1}


def test_text_is_never_html(page: Page, sandbox: SandboxClient) -> None:
    for text in (
        IMAGE,
        f"*{IMAGE}*",
        f"`{IMAGE}`",
        f"```{IMAGE}```",
        "<script>alert(1)</script>",
        "javascript:alert(1)",
    ):
        sandbox.post("general", "ada", text)
    sandbox.door("POST", "topic", {"channel": "general", "user": "ada", "topic": IMAGE})
    expect(message(page, IMAGE)).to_have_count(5)
    expect(page.locator("#channel-topic")).to_have_text(IMAGE)
    assert page.locator("#messages img, #messages script, #messages a[href^='javascript']").count() == 0


def test_what_the_bot_posts_is_never_html_either(page: Page, web: WebClient) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": IMAGE}}]
    web.chat_postMessage(channel="general", text=f"<javascript:alert(1)|x> {IMAGE}")
    web.chat_postMessage(channel="general", text="x", blocks=blocks)
    expect(page.locator("#messages .message")).to_have_count(2)
    assert page.locator("#messages img, #messages a").count() == 0


def test_slacks_marks_are_drawn(page: Page, sandbox: SandboxClient) -> None:
    sandbox.post(
        "general", "grace", "*bold* _slanted_ ~gone~ `code` @ada #dev https://x.example/a :+1: :no_such_emoji:"
    )
    row = message(page, "bold")
    for selector, text in (("b", "bold"), ("i", "slanted"), ("s", "gone"), ("code", "code"), (".mention.me", "@ada")):
        expect(row.locator(f".text {selector}")).to_have_text(text)
    expect(row.locator(".text a")).to_have_attribute("href", "https://x.example/a")
    expect(row.locator(".text .emoji")).to_have_attribute("aria-label", "+1")
    expect(row).to_contain_text(":no_such_emoji:")
    row.locator(".place-link").click()
    expect(page.locator("#channel-title")).to_have_text("#dev")


def test_own_messages_can_be_edited_and_deleted(page: Page, sandbox: SandboxClient) -> None:
    write(page, "frist & @sentiment")
    message(page, "frist").hover()
    message(page, "frist").locator("[data-act=edit]").click()
    box = page.locator(".editor textarea")
    expect(box).to_have_value("frist & @sentiment")
    box.fill("first & @sentiment")
    box.press("Enter")
    expect(message(page, "first & @sentiment (edited)")).to_be_visible()
    assert sandbox.messages("general")[0]["text"] == "first &amp; <@U0BOT>"
    sandbox.post("general", "grace", "not yours")
    message(page, "not yours").hover()
    expect(message(page, "not yours").locator("[data-act=edit], [data-act=delete]")).to_have_count(0)
    message(page, "first").hover()
    message(page, "first").locator("[data-act=delete]").click()
    expect(message(page, "first")).to_have_count(0)
    assert [one["text"] for one in sandbox.messages("general")] == ["not yours"]


def test_one_can_write_as_somebody_else(page: Page, sandbox: SandboxClient) -> None:
    page.locator("#me").select_option(label="grace (admin)")
    write(page, "from grace")
    expect(message(page, "from grace")).to_be_visible()
    assert sandbox.messages("general")[0]["user"] == "U0GRACE"


def test_unread_messages_are_counted_until_they_are_read(page: Page, sandbox: SandboxClient) -> None:
    for text in ("one", "two"):
        sandbox.post("random", "grace", text)
    place = page.locator("#channels .place", has_text="random")
    expect(place.locator(".count")).to_have_text("2")
    place.click()
    expect(message(page, "two")).to_be_visible()
    expect(place.locator(".count")).to_have_count(0)


def test_private_channels_show_to_their_members_only(page: Page, sandbox: SandboxClient) -> None:
    sandbox.channel("leads", kind="private", members=["grace"])
    expect(page.locator("#channels")).not_to_contain_text("leads")
    page.locator("#me").select_option(label="grace (admin)")
    expect(page.locator("#channels")).to_contain_text("leads")


def test_the_bot_can_be_written_to_directly(page: Page, sandbox: SandboxClient) -> None:
    page.locator("#directs .place", has_text="sentiment").click()
    expect(page.locator("#channel-title")).to_have_text("sentiment")
    write(page, "just us")
    expect(message(page, "just us")).to_be_visible()
    assert sandbox.events()[-1]["channel_type"] == "im"


def test_a_channel_is_added_and_the_bot_invited(page: Page, sandbox: SandboxClient) -> None:
    sandbox.channel("without", bot=False)
    page.locator("#channels .place", has_text="without").click()
    page.locator("#invite-button").click()
    expect(page.locator("#invite")).to_be_hidden()
    page.locator("#add-channel").click()
    page.locator("#channel-input").fill("launch")
    page.locator("#channel-input").press("Enter")
    expect(page.locator("#channel-title")).to_have_text("#launch")
    names = {one["name"]: one["members"] for one in sandbox.state()["channels"]}
    assert "U0BOT" in names["without"]
    assert "U0BOT" in names["launch"]


def test_whispers_are_seen_by_one_person(page: Page, web: WebClient) -> None:
    web.chat_postEphemeral(channel="C0GENERAL", user="U0ADA", text="between us")
    expect(message(page, "between us")).to_contain_text("Only visible to you")
    page.locator("#me").select_option(label="mary")
    expect(message(page, "between us")).to_have_count(0)


def test_the_page_says_whether_the_bot_is_there(page: Page, open_wire: Callable[..., Wire]) -> None:
    expect(page.locator("#bot-state")).to_have_text("waiting for the bot")
    wire = open_wire()
    expect(page.locator("#bot-state")).to_have_text("bot connected")
    wire.connection.close()
    expect(page.locator("#bot-state")).to_have_text("waiting for the bot")


def test_a_permalink_leads_to_its_message(
    open_page: Callable[..., Page], sandbox: SandboxClient, web: WebClient
) -> None:
    parent = sandbox.post("dev", "ada", "parent")
    reply = sandbox.post("dev", "grace", "the reply", parent)
    link = web.chat_getPermalink(channel="C00000DEV", message_ts=reply)["permalink"]
    page = open_page(link.removeprefix(sandbox.url))
    expect(page.locator("#channel-title")).to_have_text("#dev")
    expect(page.locator("#thread .message.target")).to_contain_text("the reply")


def test_a_reset_empties_the_page(page: Page, sandbox: SandboxClient) -> None:
    write(page, "soon gone")
    expect(message(page, "soon gone")).to_be_visible()
    sandbox.reset()
    expect(page.locator("#empty")).to_be_visible()


def test_the_page_says_when_the_sandbox_is_gone(browser: Browser) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        with running_sandbox() as sandbox:
            page.goto(sandbox.url)
            expect(page.locator("#bot-state")).to_have_text("waiting for the bot")
        expect(page.locator("#lost")).to_be_visible()


def test_a_flood_leaves_the_page_quick(page: Page, sandbox: SandboxClient) -> None:
    for number in range(150):
        sandbox.post("general", "grace", f"message {number:03}")
    expect(message(page, "message 149")).to_be_visible()
    assert page.locator("#messages .message").count() == 100
    page.locator("#earlier").click()
    expect(page.locator("#messages .message")).to_have_count(150)
    wait_until(lambda: page.locator("#earlier").is_hidden(), "everything to be shown")
