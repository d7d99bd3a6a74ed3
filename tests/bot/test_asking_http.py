"""Commands, clicks, shortcuts, windows and App Home in HTTP mode: each a signed request, and what people then see."""

from collections.abc import Iterator

import pytest

from bot.settings import Settings
from bot.shortcut import RIGHT_LABEL
from bot.tag_blocks import CORRECT
from tests.bot.conftest import Bot, labelling, running_http_bot
from tests.bot.test_asking import home_of, told, view_of
from tests.bot.test_corrections import replied, vote_on
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Keys


@pytest.fixture
def http(valkey: Broker, keys: Keys, settings: Settings) -> Iterator[tuple[Bot, SandboxClient]]:
    """The bot behind its address, and the sandbox that posts there once it has proved to be the app's."""
    with labelling(valkey.worker, keys), running_http_bot(settings) as (bot, sandbox):
        sandbox.clock(100)
        wait_until(lambda: sandbox.state()["bot"]["connected"], "the address to be known good")
        sandbox.channel("team", creator="ada", members=["ada", "grace", "linus", "mary"])
        yield bot, sandbox
        assert sandbox.state()["mode"] == "http"
        assert {one["via"] for envelope in sandbox.log()["envelopes"] for one in envelope["attempts"]} == {"http"}
        assert [one for one in sandbox.log()["envelopes"] if len(one["attempts"]) > 1] == [], "each was taken at once"


def test_a_slash_command_is_answered_to_the_one_who_typed_it(http: tuple[Bot, SandboxClient]):
    _, sandbox = http
    assert "/sentiment settings" in sandbox.command("help", "team", "linus")["ephemeral"][0]["text"]
    assert sandbox.command("great work", "team", "linus")["ok"]
    assert told(sandbox, "linus", "positive 93 %")
    assert sandbox.sees("ada")["ephemeral"] == []


def test_a_label_set_in_the_menu_shows_in_the_reply(http: tuple[Bot, SandboxClient]):
    bot, sandbox = http
    ts = sandbox.post("team", "ada", "great, it broke again")
    sandbox.click("team", replied(sandbox, "team", ts)["ts"], "linus", CORRECT, "=negative")
    replied(sandbox, "team", ts, "set to negative")
    assert "No text is kept" in told(sandbox, "linus", "Thank you: negative.")
    vote = vote_on(bot, sandbox, "team", ts)
    assert vote
    assert vote.by == {"U0LINUS": "negative"}


def test_a_message_shortcut_opens_a_window_and_fills_it(http: tuple[Bot, SandboxClient]):
    _, sandbox = http
    ts = sandbox.post("team", "ada", "great work")
    sandbox.shortcut("team", ts, "linus")
    view = view_of(sandbox, "linus", "positive 93 %")
    assert "Set label" in str(view)
    assert "Version tiny" in str(view)


def test_a_window_that_is_submitted_says_what_is_wrong_and_takes_what_is_right(http: tuple[Bot, SandboxClient]):
    _, sandbox = http
    ts = sandbox.post("team", "ada", "great work")
    replied(sandbox, "team", ts)
    sandbox.shortcut("team", ts, "linus")
    view = view_of(sandbox, "linus", "positive 93 %")
    assert sandbox.submit(view["id"], "linus", {RIGHT_LABEL: "negative"})["ok"]
    view_of(sandbox, "linus", "Thank you: negative.")
    replied(sandbox, "team", ts, "set to negative")
    sandbox.command("settings", "team", "ada")
    settings = view_of(sandbox, "ada", "Which messages do I answer?")
    wrong = sandbox.submit(settings["id"], "ada", {"extras": ["quiet"], "zone": "Mars/Olympus"})
    assert "Europe/Berlin" in wrong["errors"]["zone"]
    assert wrong["views"], "it stays open"
    assert sandbox.submit(settings["id"], "ada", {"extras": [], "listen": "mentions"})["views"] == []
    assert "only messages that name me" in told(sandbox, "ada", "Saved.")


def test_app_home_is_published_when_it_is_opened_and_its_buttons_work(http: tuple[Bot, SandboxClient]):
    bot, sandbox = http
    sandbox.home("linus")
    home = home_of(sandbox, "linus", "every message, reply in the thread")
    sandbox.click_in(home["id"], "linus", "home_opt_out", "home")
    home_of(sandbox, "linus", "I leave your messages alone")
    assert bot.tagger.workspace.memory.channels.opted_out("U0LINUS")
