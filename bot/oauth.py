"""The way into a workspace: `/slack/install`, Slack's question, `/slack/oauth_redirect`. Bolt's flow, with our pages.

What a browser brings back is believed if it is the browser we sent, within ten minutes: the state is a word sealed by
us that stands in a cookie too, so nothing has to be kept for visitors who never come back.
"""

from collections.abc import Sequence
from datetime import timedelta
from html import escape
from urllib.parse import urljoin

import structlog
from slack_bolt import BoltRequest, BoltResponse
from slack_bolt.oauth import OAuthFlow
from slack_bolt.oauth.callback_options import CallbackOptions, FailureArgs, SuccessArgs
from slack_bolt.oauth.oauth_settings import OAuthSettings
from slack_sdk.oauth import InstallationStore, OAuthStateStore
from slack_sdk.oauth.installation_store import Installation as Granted
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.log import silent
from bot.page import SAFE, notice
from bot.roster import NotKept, Roster
from bot.scopes import BACK_PATH, INSTALL_PATH, NEEDED_SCOPES
from bot.settings import Settings
from bot.slack_client import Slack, quiet_web_client
from bot.slack_errors import trouble
from bot.vault import Vault

STATE_LASTS = timedelta(minutes=10)
_AGAIN = f'<a href="{INSTALL_PATH}">Try again</a>'
_WHY = {
    "access_denied": "You said no to Slack, so nothing was installed.",
    "invalid_browser": "This page was opened in another browser than the one that asked, or cookies are off.",
    "invalid_state": "More than ten minutes have passed since you asked.",
    "invalid_code": "Slack did not accept the code it gave us.",
    "missing_code": "Slack sent no code along.",
}

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class _States(OAuthStateStore):
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def issue(self, *args: object, **kwargs: object) -> str:
        return self._vault.stamp().rstrip("=")  # a cookie's value and an address hold no "="

    def consume(self, state: str) -> bool:
        return self._vault.is_ours(state + "=" * (-len(state) % 4), STATE_LASTS)


class _Keeping(InstallationStore):
    """What Bolt's flow needs of a store; the roster is the one that is asked later."""

    def __init__(self, settings: Settings, roster: Roster) -> None:
        self._settings, self._roster = settings, roster

    def save(self, installation: Granted) -> None:
        """Raises NotKept."""
        slack = Slack(quiet_web_client(installation.bot_token or "", self._settings.slack_api_url))
        try:
            self._roster.install(
                slack,
                team=installation.team_id or "",
                whole_organisation=bool(installation.is_enterprise_install),
                token=installation.bot_token or "",
                renewal=installation.bot_refresh_token or "",
                ends=int(installation.bot_token_expires_at or 0),
            )
        except NotKept:
            raise
        except Exception as error:
            raise NotKept(f"Slack did not tell who we are there ({trouble(error).code}). Install it again.") from error


class Install(OAuthFlow):
    """Bolt's flow with our own words."""

    def __init__(self, settings: Settings, roster: Roster) -> None:
        super().__init__(
            client=quiet_web_client("", settings.slack_api_url),
            logger=silent(),
            settings=OAuthSettings(
                client_id=settings.slack_client_id,
                client_secret=settings.slack_client_secret.get_secret_value(),
                scopes=sorted(NEEDED_SCOPES),
                user_scopes=[],
                install_path=INSTALL_PATH,
                redirect_uri_path=BACK_PATH,
                authorization_url=urljoin(settings.slack_api_url, "/oauth/v2/authorize"),
                installation_store=_Keeping(settings, roster),
                state_store=_States(roster.vault),
                state_expiration_seconds=int(STATE_LASTS.total_seconds()),
                callback_options=CallbackOptions(success=_welcome, failure=_sorry),
                logger=silent(),
            ),
        )

    def build_install_page_html(self, url: str, request: BoltRequest) -> str:
        rights = "".join(f"<li><code>{escape(name)}</code>: {escape(why)}</li>" for name, why in NEEDED_SCOPES.items())
        return notice(
            "Add the sentiment tagger to a workspace",
            "<p>It labels messages in the channels you invite it to. All of it happens on the machines of whoever runs "
            f'this page.</p><p><a class="button" href="{escape(url)}">Add to Slack</a></p>'
            f"<h2>What it asks Slack for</h2><ul>{rights}</ul>",
        )


def _welcome(args: SuccessArgs) -> BoltResponse:
    granted = args.installation
    name, team = escape(granted.team_name or granted.team_id or ""), escape(granted.team_id or "")
    return _page(
        200,
        f"It is in {name}",
        f'<p><a class="button" href="https://app.slack.com/client/{team}">Open Slack</a></p>'
        "<p>In a channel, write <code>/invite</code> and its name. From then on it labels what is written there, and "
        "says there how to turn it off. <code>/sentiment help</code> lists what it understands.</p>",
        args.settings.state_utils.build_set_cookie_for_deletion(),
    )


def _sorry(args: FailureArgs) -> BoltResponse:
    if isinstance(args.error, NotKept):
        status, why = 403, str(args.error)
    else:
        status, why = args.suggested_status_code, _WHY.get(args.reason, "Slack did not go through with it.")
    _log.warning("an installation came to nothing", why=why)
    return _page(status, "Not installed", f"<p>{escape(why)}</p><p>{_AGAIN}</p>")


def _page(status: int, title: str, body: str, cookie: str = "") -> BoltResponse:
    headers: dict[str, str | Sequence[str]] = {"Content-Type": "text/html; charset=utf-8"}
    if cookie:
        headers["Set-Cookie"] = cookie
    return BoltResponse(status=status, body=notice(title, body), headers=headers)


def routes(settings: Settings, roster: Roster) -> list[Route]:
    """The two addresses a browser visits."""
    flow = Install(settings, roster)

    async def install(request: Request) -> Response:
        return _answer(await run_in_threadpool(flow.handle_installation, _asked(request)))

    async def back(request: Request) -> Response:
        return _answer(await run_in_threadpool(_guarded, flow, _asked(request)))

    return [Route(INSTALL_PATH, install), Route(BACK_PATH, back)]


def _guarded(flow: Install, request: BoltRequest) -> BoltResponse:
    try:
        return flow.handle_callback(request)
    except Exception as error:
        why = trouble(error)  # raises what is no failure of a call
        _log.warning("slack was not reached, an installation came to nothing", error=why.code)
        return _page(502, "Not installed", f"<p>Slack cannot be reached just now.</p><p>{_AGAIN}</p>")


def _asked(request: Request) -> BoltRequest:
    cookie = request.headers.get("cookie", "")
    return BoltRequest(body="", query=request.url.query, headers={"cookie": cookie} if cookie else {})


def _answer(answer: BoltResponse) -> Response:
    headers = {name: value[0] for name, value in answer.headers.items() if value}
    return Response(answer.body, answer.status, headers=SAFE | headers)
