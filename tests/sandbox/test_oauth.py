"""Installing into workspaces by OAuth: codes, renewal, revocation; with the real SDK and with Bolt's own flow."""

import logging
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from slack_bolt import App
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_bolt.oauth.oauth_settings import OAuthSettings
from slack_sdk import WebClient
from slack_sdk.oauth.installation_store import FileInstallationStore
from slack_sdk.oauth.state_store import FileOAuthStateStore
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clfadmin.sandbox.clock import Clock
from clfadmin.sandbox.installs import CODE_LIFE, ROTATED_LIFE, Installs
from clfadmin.sandbox.settings import DEFAULT_CLIENT_ID, DEFAULT_CLIENT_SECRET
from tests.conftest import wait_until
from tests.sandbox.conftest import error_of
from tests.sandbox.test_http_events import serving
from tests.sandbox_client import BOT_TOKEN, SIGNING_SECRET, SandboxClient, running_sandbox

BACK = "http://127.0.0.1:9/slack/oauth_redirect"
CLIENT = {"client_id": DEFAULT_CLIENT_ID, "client_secret": DEFAULT_CLIENT_SECRET}


@pytest.fixture
def other(sandbox: SandboxClient) -> SandboxClient:
    """The sandbox, with a second workspace in which the app is not installed."""
    sandbox.door("POST", "users", {"name": "zoe", "team": "Other", "installed": False})
    return sandbox


def client(sandbox: SandboxClient, token: str | None = None) -> WebClient:
    return WebClient(token, base_url=sandbox.api_url, retry_handlers=[])


def allowed(sandbox: SandboxClient, team: str = "Other", user: str = "zoe") -> str:
    """The code after somebody pressed Allow."""
    return sandbox.door("POST", "install", {"team": team, "user": user, "redirect_uri": BACK})["code"]


def access(sandbox: SandboxClient, **more: str) -> dict[str, Any]:
    return client(sandbox).oauth_v2_access(**CLIENT, **({"redirect_uri": BACK} | more)).data  # type: ignore[arg-type]


def kinds(sandbox: SandboxClient) -> list[tuple[str, str]]:
    """Team and type of every event so far."""
    return [(one["payload"]["team_id"], one["event_type"]) for one in sandbox.log()["envelopes"]]


def test_a_code_becomes_a_token_of_its_workspace(other: SandboxClient) -> None:
    told = access(other, code=allowed(other))
    assert (told["team"], told["authed_user"]) == ({"id": "T0OTHER", "name": "Other"}, {"id": "U0ZOE"})
    assert (told["token_type"], told["bot_user_id"], "refresh_token" in told) == ("bot", "U0BOT", False)
    assert client(other, told["access_token"]).auth_test()["team_id"] == "T0OTHER"
    assert client(other, BOT_TOKEN).auth_test()["team_id"] == "T0SANDBOX"


def test_a_workspace_is_silent_until_the_app_is_in_it(other: SandboxClient) -> None:
    other.post("general", "zoe", "nobody listens", team="Other")
    assert kinds(other) == []
    access(other, code=allowed(other))
    other.door("POST", "membership", {"team": "Other", "channel": "general", "user": "sentiment", "inviter": "zoe"})
    other.post("general", "zoe", "now", team="Other")
    assert kinds(other)[-1] == ("T0OTHER", "message")
    assert ("T0OTHER", "member_joined_channel") in kinds(other)


def test_codes_and_secrets_are_checked(other: SandboxClient) -> None:
    code = allowed(other)
    wrong: list[tuple[Callable[[], Any], str]] = [
        (lambda: access(other, code="x"), "invalid_code"),
        (lambda: access(other, code=code, redirect_uri="http://127.0.0.1:9/"), "bad_redirect_uri"),
        (lambda: client(other).oauth_v2_access(client_id="x", client_secret="x", code=code), "invalid_client_id"),
        (
            lambda: client(other).oauth_v2_access(client_id=DEFAULT_CLIENT_ID, client_secret="x", code=code),
            "bad_client_secret",
        ),
    ]
    assert [error_of(call) for call, _ in wrong] == [error for _, error in wrong]
    access(other, code=code)
    assert error_of(lambda: access(other, code=code)) == "code_already_used"


def test_no_secret_stays_in_the_log(other: SandboxClient) -> None:
    told = access(other, code=(code := allowed(other)))
    log = str(other.log())
    assert [one for one in (DEFAULT_CLIENT_SECRET, code, told["access_token"]) if one in log] == []


def test_renewed_tokens_end_and_a_refresh_token_works_once(other: SandboxClient) -> None:
    other.door("POST", "app", {"token_rotation": True})
    first = access(other, code=allowed(other))
    assert (first["expires_in"], first["access_token"][:12]) == (43_200, "xoxe.xoxb-1-")
    renewal = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = access(other, **renewal)
    assert client(other, second["access_token"]).auth_test()["team_id"] == "T0OTHER"
    assert error_of(lambda: access(other, **renewal)) == "invalid_refresh_token"
    other.clock(10_000)
    wait_until(lambda: _error(other, second["access_token"]) == "token_expired", "twelve hours on the clock", 20)


def _error(sandbox: SandboxClient, token: str) -> str:
    headers = {"Authorization": f"Bearer {token}"}
    return sandbox.http.post(f"{sandbox.api_url}auth.test", headers=headers).json().get("error", "")


def test_a_token_without_an_end_is_exchanged_for_one_that_is_renewed(sandbox: SandboxClient) -> None:
    def exchanged() -> Any:
        return client(sandbox, BOT_TOKEN).oauth_v2_exchange(token=BOT_TOKEN, **CLIENT)

    assert error_of(exchanged) == "token_rotation_not_enabled"
    sandbox.door("POST", "app", {"token_rotation": True})
    assert client(sandbox, exchanged()["access_token"]).auth_test()["team_id"] == "T0SANDBOX"


@pytest.mark.parametrize("way", ["person", "app", "last token"])
def test_an_app_that_is_taken_out_hears_so_and_its_tokens_are_dead(other: SandboxClient, way: str) -> None:
    token = access(other, code=allowed(other))["access_token"]
    if way == "person":
        other.door("POST", "uninstall", {"team": "Other"})
    elif way == "app":
        client(other, token).apps_uninstall(**CLIENT)
    else:
        client(other, token).auth_revoke()
    assert kinds(other) == [("T0OTHER", "tokens_revoked"), ("T0OTHER", "app_uninstalled")]
    assert _error(other, token) == ("token_revoked" if way == "last token" else "account_inactive")
    other.post("general", "ada", "still here")
    assert kinds(other)[-1] == ("T0SANDBOX", "message"), "the other workspace goes on"
    assert client(other, access(other, code=allowed(other))["access_token"]).auth_test()["ok"], "it can come back"


def test_a_revoked_token_leaves_the_others(sandbox: SandboxClient) -> None:
    told = access(sandbox, code=allowed(sandbox, "Sandbox", "grace"))
    assert client(sandbox, told["access_token"]).auth_revoke(test=True)["revoked"] is False
    client(sandbox, told["access_token"]).auth_revoke()
    assert kinds(sandbox) == [("T0SANDBOX", "tokens_revoked")]
    assert _error(sandbox, told["access_token"]) == "token_revoked"
    assert _error(sandbox, BOT_TOKEN) == ""


def test_codes_and_tokens_grow_old() -> None:
    clock = Clock()
    installs = Installs(clock)
    code, (token, _) = installs.code("T", "U", BACK), installs.issue("T", rotated=True)
    clock._scaled += CODE_LIFE + 1
    assert installs.redeem(code, BACK)[1] == "invalid_code"
    assert installs.find(token) == ("T", "")
    clock._scaled += ROTATED_LIFE
    assert installs.find(token) == ("", "token_expired")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"client_id": "x"}, "invalid_client_id"),
        ({"scope": ""}, "invalid_scope"),
        ({"redirect_uri": "https://evil.example/"}, "bad_redirect_uri"),
    ],
)
def test_a_wrong_question_is_not_asked(sandbox: SandboxClient, change: dict[str, str], word: str) -> None:
    asked = {"client_id": DEFAULT_CLIENT_ID, "scope": "chat:write", "redirect_uri": BACK} | change
    answer = httpx.get(f"{sandbox.url}/oauth/v2/authorize", params=asked)
    assert (answer.status_code, word in answer.text) == (400, True)


def test_bolts_own_flow_installs_through_the_page(browser: Browser, tmp_path: Path) -> None:
    """In a browser: the app's install page, Slack's question, the way back; then events with that installation."""
    heard: list[tuple[str, str]] = []
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    home = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with running_sandbox(events_url=f"{home}/slack/events") as sandbox:
        sandbox.door("POST", "users", {"name": "zoe", "team": "Other", "installed": False})
        store = FileInstallationStore(base_dir=str(tmp_path), client_id=DEFAULT_CLIENT_ID)
        settings = OAuthSettings(
            **CLIENT,
            scopes=["chat:write", "channels:history", "channels:read"],
            installation_store=store,
            state_store=FileOAuthStateStore(expiration_seconds=60, base_dir=str(tmp_path)),
            redirect_uri=f"{home}/slack/oauth_redirect",
            authorization_url=f"{sandbox.url}/oauth/v2/authorize",
        )
        app = App(
            client=client(sandbox), signing_secret=SIGNING_SECRET, oauth_settings=settings, process_before_response=True
        )

        @app.event(re.compile("message|member_joined_channel"))
        def on_event(context: dict[str, Any], event: dict[str, Any]) -> None:
            heard.append((context["team_id"], event["type"]))

        handler = SlackRequestHandler(app)

        async def endpoint(request: Request) -> Response:
            return await handler.handle(request)

        paths = {"/slack/events": "POST", "/slack/install": "GET", "/slack/oauth_redirect": "GET"}
        site = Starlette(routes=[Route(path, endpoint, methods=[method]) for path, method in paths.items()])
        logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
        with serving(site, listener), browser.new_context() as context:
            page = context.new_page()
            page.goto(f"{home}/slack/install")
            page.locator("a").first.click()
            expect(page.get_by_role("heading")).to_have_text("sentiment asks for access to a workspace")
            expect(page.locator("li")).to_have_count(3)
            page.get_by_label("Workspace").select_option(label="Other")
            page.get_by_label("You are").select_option(label="zoe")
            page.get_by_role("button", name="Allow").click()
            expect(page.locator("h2")).to_contain_text("Thank you")
            found = store.find_installation(enterprise_id=None, team_id="T0OTHER")
            assert found is not None
            assert (found.team_name, found.user_id) == ("Other", "U0ZOE")
            wait_until(lambda: sandbox.state()["bot"]["connected"], "the address to be verified")
            where = {"team": "Other", "channel": "general", "user": "sentiment", "inviter": "zoe"}
            sandbox.door("POST", "membership", where)
            sandbox.post("general", "zoe", "hello", team="Other")
            wait_until(lambda: ("T0OTHER", "message") in heard, "an event of the new workspace")
