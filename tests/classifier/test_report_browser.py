"""The HTML report in a real browser: its style applies, nothing is loaded or run, and a phone shows all of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from classifier.report.page import html_report
from tests.classifier.report_examples import HOSTILE, example
from tests.sandbox.browser import ARGUMENTS, chromium

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1180, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path):
    """show(document, ...) opens its report and fails when the page complains, asks or loads anything."""
    noticed: list[str] = []

    def show(document, **context) -> Page:
        path = tmp_path / "report.html"
        path.write_bytes(html_report(document).encode())
        page = browser.new_context(**context).new_page()
        page.on("console", lambda message: noticed.append(message.text))
        page.on("dialog", lambda dialog: noticed.append(dialog.message))
        page.on("request", lambda request: noticed.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        return page

    yield show
    for context in browser.contexts:
        context.close()
    assert noticed == []


def ground(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_its_one_style_sheet_applies_and_follows_the_readers_scheme(show):
    """The page's policy names the sheet by its hash: a wrong one would leave the page bare."""
    assert ground(show(example(against=1.0), color_scheme="light")) == "rgb(245, 246, 248)"
    assert ground(show(example(against=1.0), color_scheme="dark")) == "rgb(18, 20, 24)"


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_sticks_out_at_the_side(show, viewport):
    labels = tuple(f"a_rather_long_name_of_a_label_{number}" for number in range(30))
    page = show(example(600, text="w" * 300, version="v" * 60, labels=labels, against=1.0), viewport=viewport)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_hostile_texts_run_nothing(show):
    page = show(example(text=HOSTILE, version=HOSTILE, against=1.0))
    assert page.locator("script, img").count() == 0
    assert "<script>alert(1)</script>" in page.inner_text("main")


def test_all_texts_can_be_unfolded_without_a_script(show):
    page = show(example(against=1.0), java_script_enabled=False)
    folded = page.locator("details", has_text="Right before, wrong now").locator("ol")
    assert not folded.is_visible()
    page.get_by_text("Right before, wrong now").click()
    assert folded.is_visible()


def test_every_picture_has_a_name_and_a_description(show):
    page = show(example(against=1.0))
    assert page.get_by_role("img").count() == 3
    assert page.get_by_role("img", name="Reliability diagram. Accuracy against confidence").count() == 1
    assert page.get_by_role("region", name="Confusion matrix").count() == 1
