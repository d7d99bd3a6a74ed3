"""Several workspaces with one installation: the way in, and what is kept apart."""

import base64
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from bot.choices import Choice
from bot.scopes import NEEDED_SCOPES
from clfadmin.sandbox.settings import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from tests.bot.conftest import Labeller
from tests.bot.several.conftest import HOME, OTHER, House, names, new_key, running_house
from tests.clfadmin.conftest import scrubbed
from tests.conftest import REPOSITORY, Broker, wait_until
from tests.sandbox.browser import ARGUMENTS, chromium
from tests.sandbox_client import BOT_TOKEN, SIGNING_SECRET, running_sandbox
from tests.worker.servers import free_port
from worker.jobs import Keys


def test_two_workspaces_install_it_and_each_is_answered_with_its_own_token(both: House, valkey: Broker, keys: Keys):
    page = both.come("Other", "zoe")  # once more: it is there already, and stays
    assert "It is in Other" in page.text
    assert both.is_answered("Other", "zoe")
    assert both.is_answered("Sandbox", "ada")
    tokens = {one.me.team: one.slack.client.token for one in both.roster.tagger.workspaces}
    assert set(tokens) == {HOME, OTHER}
    assert BOT_TOKEN not in tokens.values()
    assert all(token and token.startswith("xoxb-") and not names(valkey, keys, token) for token in tokens.values())


def test_what_one_chooses_and_remembers_is_nothing_to_the_other(both: House, valkey: Broker, keys: Keys):
    home, other = (both.roster.tagger.serves(team) for team in (HOME, OTHER))
    assert home
    assert other
    channel = both.sandbox.door("GET", "state")["channels"][0]["id"]
    home.memory.channels.opt_out("U0ZOE", datetime.now(UTC))
    home.memory.choose(channel, {"listen": "off"}, Choice(), now=datetime.now(UTC))
    wait_until(lambda: home.listening.choice(channel).listen == "off", "the choice to hold")
    assert both.is_answered("Other", "zoe")
    silent = both.sandbox.post("general", "ada", "nobody listens here", team="Sandbox")
    assert both.is_answered("Other", "zoe")
    assert both.replies("Sandbox", silent) == []
    assert other.memory.channels.snapshot().choices == {}
    assert {len(one.memory.tags.channels()) for one in (home, other)} <= {0, 1}


def test_commands_and_clicks_are_answered_by_the_workspace_they_come_from(both: House):
    body = {"command": "/sentiment", "text": "opt out", "channel": "general", "user": "zoe", "team": "Other"}
    both.sandbox.door("POST", "commands", body)
    other, home = both.roster.tagger.serves(OTHER), both.roster.tagger.serves(HOME)
    assert other
    assert home
    wait_until(lambda: other.memory.channels.opted_out("U0ZOE"), "the opt-out")
    assert home.memory.channels.snapshot().optouts == frozenset()
    both.sandbox.door("POST", "home", {"user": "zoe", "team": "Other"})
    seen = wait_until(lambda: both.sandbox.door("GET", "users/zoe/sees?team=Other")["home"], "App Home")
    assert "home_opt_in" in str(seen), "the button that takes the opt-out back"


def test_only_named_workspaces_may_install_it(valkey: Broker, keys: Keys, monkeypatch: pytest.MonkeyPatch):
    with running_house(valkey, keys, clf_workspaces=f"{HOME}, T0FRIENDS") as house:
        refused = house.come("Other", "zoe")
        assert refused.status_code == 403
        assert "Workspace T0OTHER is not among those that may install this" in refused.text
        assert not names(valkey, keys, OTHER)
        assert len(house.sandbox.calls("auth.revoke")) == 1, "what Slack granted is given back"
        assert house.come("Sandbox", "grace").status_code == 200


def test_what_a_browser_brings_back_must_be_what_it_was_given(house: House):
    wrong = house.come("Other", "zoe", state="another")
    assert (wrong.status_code, "another browser" in wrong.text) == (400, True)
    forged = base64.urlsafe_b64encode(secrets.token_bytes(80)).decode().rstrip("=")
    back = f"{house.url}/slack/oauth_redirect?code=1.2.3&state={forged}"
    answer = httpx.get(back, headers={"cookie": f"slack-app-oauth-state={forged}"})
    assert (answer.status_code, "More than ten minutes" in answer.text) == (401, True)
    assert house.roster.tagger.workspaces == []
    denied = httpx.get(f"{house.url}/slack/oauth_redirect?error=access_denied")
    assert (denied.status_code, "You said no to Slack" in denied.text) == (200, True)
    odd = httpx.get(f"{house.url}/slack/oauth_redirect?error=<script>alert(1)</script>")
    assert "<script" not in odd.text


def test_with_slack_out_of_reach_the_page_says_so(house: House):
    house.sandbox.fault("server_error", method="oauth.v2.access", count=1)
    page = house.come("Other", "zoe")
    assert (page.status_code, "Not installed" in page.text) == (401, True)
    house.sandbox.fault("reset_before", method="oauth.v2.access", count=1)
    page = house.come("Other", "zoe")
    assert (page.status_code, "Slack cannot be reached" in page.text) == (502, True)
    assert house.come("Other", "zoe").status_code == 200


def test_the_way_in_asks_for_exactly_our_rights(house: House):
    page = httpx.get(f"{house.url}/slack/install")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["referrer-policy"] == "no-referrer"
    link = page.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
    asked = parse_qs(urlsplit(link).query, keep_blank_values=True)
    assert link.startswith(f"{house.sandbox.url}/oauth/v2/authorize?")
    assert asked["client_id"] == [DEFAULT_CLIENT_ID]
    assert "chat:write" in asked["scope"][0].split(",")
    assert asked["user_scope"] == [""]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        yield browser.new_page(viewport={"width": 760, "height": 900}, color_scheme="light")
        browser.close()


def test_somebody_installs_it_with_a_browser_and_the_pages_say_what_happens(house: House, page: Page, tmp_path: Path):
    pictures = REPOSITORY / "docs" if os.environ.get("PICTURES") else tmp_path
    page.goto(f"{house.url}/slack/install")
    expect(page.get_by_role("heading", level=1)).to_have_text("Add the sentiment tagger to a workspace")
    expect(page.locator("li")).to_have_count(len(NEEDED_SCOPES))
    page.screenshot(path=pictures / "install.png")
    page.get_by_role("link", name="Add to Slack").click()
    page.get_by_label("Workspace").select_option(label="Other")
    page.get_by_label("You are").select_option(label="zoe")
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It is in Other")
    page.screenshot(path=tmp_path / "installed.png")
    workspace = house.roster.tagger.serves(OTHER)
    assert workspace
    page.goto(f"{house.url}/slack/install")
    page.get_by_role("link", name="Add to Slack").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("You said no to Slack")).to_be_visible()
    page.screenshot(path=tmp_path / "refused.png")
    page.goto(house.url)
    expect(page.locator("dl")).to_contain_text("Other")


def test_the_process_serves_several_workspaces_and_says_so_in_status(
    valkey: Broker, keys: Keys, labeller: Labeller, tmp_path: Path
):
    """`python -m bot`, set by the environment alone."""
    port = free_port()
    with running_sandbox(events_url=f"http://127.0.0.1:{port}/slack/events") as sandbox:
        sandbox.clock(100)
        environment = {
            "CLF_REDIS_URL": valkey.bot,
            "CLF_PREFIX": keys.prefix,
            "CLF_HTTP_PORT": str(port),
            "CLF_SECRET_KEY": new_key(),
            "CLF_HOME": str(tmp_path),
            "SLACK_API_URL": sandbox.api_url,
            "SLACK_CLIENT_ID": DEFAULT_CLIENT_ID,
            "SLACK_CLIENT_SECRET": DEFAULT_CLIENT_SECRET,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
        }
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bot"], env=scrubbed(**environment), stdout=log, stderr=log, cwd=REPOSITORY
            )
        try:
            house = House(sandbox, None, None, f"http://127.0.0.1:{port}")  # pyright: ignore[reportArgumentType]
            wait_until(lambda: _ready(house.url), "the bot", 30)
            assert house.come("Sandbox", "grace").status_code == 200
            house.invite("Sandbox", "grace")
            assert house.is_answered("Sandbox", "ada")
            told = subprocess.run(
                [sys.executable, "-m", "bot", "--check"],
                env=scrubbed(**environment),
                capture_output=True,
                cwd=REPOSITORY,
            )
            (workspace,) = json.loads(told.stdout)["workspaces"]
            assert (workspace["team"], workspace["auth"]["ok"], workspace["scopes"]["missing"]) == (HOME, True, [])
            assert workspace["channels"] >= 1
        finally:
            process.terminate()
            assert process.wait(20) == 0
        printed = (tmp_path / "log").read_text()
        assert "xoxb-" not in printed
        assert "/slack/install" in printed


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False
