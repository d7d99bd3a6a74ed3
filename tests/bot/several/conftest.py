"""An installation for several workspaces: one bot, a local Slack with two workspaces, and what a browser does."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr

from bot import roster as roster_module
from bot.oauth import routes
from bot.roster import Roster
from bot.settings import Settings
from bot.web import Server, make_site
from clfadmin.sandbox.settings import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from tests.bot.conftest import QUICK, Labeller
from tests.clfadmin.conftest import contents
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SIGNING_SECRET, SandboxClient, running_sandbox
from worker.jobs import Keys

HOME, OTHER = "T0SANDBOX", "T0OTHER"


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class House:
    """One bot of an installation for several workspaces, and its local Slack."""

    sandbox: SandboxClient
    roster: Roster
    settings: Settings
    url: str

    def come(self, team: str, user: str, **cookies: str) -> httpx.Response:
        """As a browser does, but for the page on which somebody says yes: what comes of it at last."""
        with httpx.Client() as browser:
            asked = browser.get(f"{self.url}/slack/install")
            state = asked.cookies["slack-app-oauth-state"]
            allowed = self.sandbox.door("POST", "install", {"team": team, "user": user, "state": state})
            back = f"{self.url}/slack/oauth_redirect?{urlsplit(allowed['url']).query}"
            # The cookie is for https; so is Slack's way back, outside this test.
            return browser.get(back, headers={"cookie": f"slack-app-oauth-state={cookies.get('state', state)}"})

    def invite(self, team: str, user: str) -> None:
        where = {"team": team, "channel": "general", "user": "sentiment", "inviter": user}
        self.sandbox.door("POST", "membership", where)

    def replies(self, team: str, ts: str) -> list[str]:
        found = self.sandbox.door("GET", f"channels/general/messages?team={team}")
        return [one["text"] for one in found if one.get("thread_ts") == ts]

    def is_answered(self, team: str, user: str) -> bool:
        """Whether a new message gets its one reply."""
        ts = self.sandbox.post("general", user, "the release is great", team=team)
        wait_until(lambda: self.replies(team, ts), f"the reply in {team}")
        return self.replies(team, ts) == [":smile: positive 93 %"]


def settings_for(broker: Broker, keys: Keys, sandbox: SandboxClient, port: int, key: str, **more: object) -> Settings:
    return Settings(
        clf_redis_url=SecretStr(broker.bot),
        clf_prefix=keys.prefix,
        slack_api_url=sandbox.api_url,
        slack_client_id=DEFAULT_CLIENT_ID,
        slack_client_secret=SecretStr(DEFAULT_CLIENT_SECRET),
        slack_signing_secret=SecretStr(SIGNING_SECRET),
        clf_secret_key=SecretStr(key),
        clf_http_port=port,
    ).model_copy(update=more)


@contextmanager
def running_house(broker: Broker, keys: Keys, **more: object) -> Iterator[House]:
    """With two workspaces: one in which the app is known to be, by a token of the sandbox's, and one without it."""
    server = Server("127.0.0.1", 0)
    with running_sandbox(events_url=f"http://127.0.0.1:{server.port}/slack/events") as sandbox:
        sandbox.clock(100)
        sandbox.door("POST", "users", {"name": "zoe", "team": "Other", "installed": False})
        settings = settings_for(broker, keys, sandbox, server.port, new_key(), **more)
        with running_roster(settings, server) as roster:
            yield House(sandbox, roster, settings, f"http://127.0.0.1:{server.port}")


@contextmanager
def running_roster(settings: Settings, server: Server | None = None) -> Iterator[Roster]:
    roster = Roster(settings, posting=QUICK)
    try:
        roster.start()
        if server:
            server.start(make_site(roster.tagger, roster.app, settings, routes(settings, roster)))
            roster.tagger.link.connected = True
        yield roster
    finally:
        if server:
            server.stop()
        roster.stop()
        roster.app.listener_runner.listener_executor.shutdown(wait=True)


@pytest.fixture
def house(valkey: Broker, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(roster_module, "LOOKS_EVERY", timedelta(seconds=0.2))
    with running_house(valkey, keys) as house:
        yield house


@pytest.fixture
def both(house: House, labeller: Labeller) -> House:
    """Both workspaces have installed it and invited it."""
    for team, user in (("Sandbox", "grace"), ("Other", "zoe")):
        assert house.come(team, user).status_code == 200
        house.invite(team, user)
    return house


def names(broker: Broker, keys: Keys, mark: str) -> set[str]:
    """The keys that hold or name this."""
    with broker.client() as client:
        found = {key.decode(): contents(client, key) for key in client.scan_iter(f"{{{keys.prefix}}}:*")}
    return {key for key, held in found.items() if mark in key + held}
