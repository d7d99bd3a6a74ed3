"""A team and its Slack for a day: `clfadmin up` with a tiny model, seen through the control door and the page alone."""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.conftest import REPOSITORY, wait_until
from tests.e2e.conftest import Installation, start, stop, tiny_home
from tests.sandbox.browser import ARGUMENTS, chromium

# `PICTURES=1 pytest tests/tour` renews the pictures of the docs; else they are only taken.
KEPT = REPOSITORY / "docs" / "tour"


@dataclass
class Day:
    """What has happened so far; the tests of a day come one after the other."""

    running: Installation
    page: Page
    pictures: Path
    ts: dict[str, str] = field(default_factory=dict)

    def door(self, method: str, path: str, **body: Any) -> Any:
        return self.running.door(method, path, **body)

    def user(self, name: str) -> str:
        """A person's id."""
        return next(one["id"] for one in self.door("GET", "state")["users"] if one["name"] == name)

    def write(self, channel: str, user: str, text: str, **more: str) -> str:
        return self.door("POST", "messages", channel=channel, user=user, text=text, **more)["ts"]

    def messages(self, channel: str) -> list[dict[str, Any]]:
        return self.door("GET", f"channels/{channel}/messages")

    def replies(self, channel: str, ts: str) -> list[dict[str, Any]]:
        """The bot's posts below a message."""
        return [one for one in self.messages(channel) if one.get("thread_ts") == ts and "bot_id" in one]

    def reply(self, channel: str, ts: str, *, saying: str = "") -> dict[str, Any]:
        """The one reply below a message, once it is there and says so."""
        wait_until(
            lambda: any(saying in one["text"] for one in self.replies(channel, ts)), f"a reply saying {saying!r}", 30
        )
        (only,) = self.replies(channel, ts)
        return only

    def command(self, user: str, text: str, channel: str = "support") -> dict[str, Any]:
        return self.door("POST", "commands", command="/sentiment", text=text, channel=channel, user=user)

    def sees(self, user: str) -> dict[str, Any]:
        return self.door("GET", f"users/{user}/sees")

    def told(self, user: str, words: str) -> str:
        """The text only this person sees that matches `words`, once it is there."""

        def found() -> list[str]:
            texts = [one["text"] for one in self.sees(user)["ephemeral"]]
            return [text for text in texts if re.search(words, text)]

        wait_until(found, f"{user} is told {words!r}", 30)
        return found()[-1]

    def view(self, user: str, shows: Callable[[str], bool]) -> dict[str, Any]:
        """The window on top, once it shows that."""
        wait_until(
            lambda: any(shows(json.dumps(one, ensure_ascii=False)) for one in self.sees(user)["views"][-1:]),
            "the window",
            30,
        )
        return self.sees(user)["views"][-1]

    def clfadmin(self, *arguments: str, code: int = 0) -> Any:
        """A command in a second terminal, its JSON."""
        done = self.running.clfadmin(*arguments, "--json", check=False)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def picture(self, name: str, *, user: str, place: str = "") -> None:
        """What a person sees of a channel just now, or of App Home where none is named."""
        self.page.goto(self.running.url)
        self.page.evaluate("id => localStorage.setItem('me', id)", self.user(user))
        channels = {one["name"]: one["id"] for one in self.door("GET", "state")["channels"]}
        self.page.goto(f"{self.running.url}/#{channels.get(place, '')}")
        self.page.reload()
        if not place:
            self.page.get_by_text("sentiment Home").click()
        self.page.wait_for_timeout(300)  # what slides in
        self.page.screenshot(path=self.pictures / f"{name}.png")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Versions `first`, which serves, and `wrong`, which takes good for bad."""
    folder = tmp_path_factory.mktemp("day")
    home = folder / "home"
    tiny_home(home, "first", "wrong:reversed")
    pictures = KEPT if os.environ.get("PICTURES") else folder
    pictures.mkdir(exist_ok=True)
    running = start(home)
    running.door("POST", "clock", speed=20)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1100, "height": 760})
        yield Day(running, page, pictures)
        browser.close()
    if running.process.poll() is None:
        stop(running)
