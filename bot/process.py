"""The bot as a process: start in order, wait for a signal, stop in order."""

import random
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from http.client import HTTPException
from types import FrameType
from typing import TypeVar

import structlog
from slack_bolt.error import BoltError
from slack_sdk.errors import SlackApiError

from bot.app import make_app, make_client
from bot.listeners import register
from bot.scopes import INSTALL_PATH
from bot.settings import Mode, Settings
from bot.slack_errors import Failure, trouble
from bot.socket_mode import Socket
from bot.tagger import Tagger
from bot.web import Server, make_site
from worker.log import Seldom

# `python -m bot` must be gone 20 s after SIGTERM: this for replies under way, the rest for the sockets.
REPLIES_MAY_TAKE = timedelta(seconds=14)
T = TypeVar("T")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Refused(Exception):
    """Slack will not have us; waiting does not mend it. One line that says what to do."""


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingsError, Misconfigured, Refused, OSError (port in use)."""
    mode, _ = settings.mode(), settings.redis_url  # everything that is missing is said before anybody is called
    stop = _stop_on_signals()
    server = Server(settings.clf_bind, settings.clf_http_port) if settings.clf_http_port is not None else None
    if settings.several and server:
        _run_several(settings, server, stop)
        return
    client = make_client(settings)
    app = _patiently(lambda: make_app(settings, client), stop, "SLACK_BOT_TOKEN")
    tagger = _patiently(lambda: register(app, settings, mode=mode), stop, "SLACK_BOT_TOKEN") if app else None
    if not app or not tagger:
        return
    try:
        socket = _open_socket(app, settings, tagger, stop) if mode is Mode.SOCKET else None
        if server:
            server.start(make_site(tagger, app if mode is Mode.HTTP else None, settings))
            tagger.link.connected = tagger.link.connected or mode is Mode.HTTP
            _log.info("listening", address=settings.clf_bind, port=server.port)
        _log.info("ready", mode=mode.value, invite=[f"/invite @{one.me.name}" for one in tagger.workspaces])
        stop.wait()
        _log.info("stopping")
        if socket:
            socket.close()
    finally:
        if server:
            server.stop()
        tagger.stop(REPLIES_MAY_TAKE)


def _run_several(settings: Settings, server: Server, stop: threading.Event) -> None:
    from bot import oauth  # noqa: PLC0415 (loads cryptography, which a bot of one workspace needs not)
    from bot.roster import Roster  # noqa: PLC0415

    roster = Roster(settings)
    try:
        roster.start()
        server.start(make_site(roster.tagger, roster.app, settings, oauth.routes(settings, roster)))
        roster.tagger.link.connected = True
        _log.info("listening", address=settings.clf_bind, port=server.port, install=INSTALL_PATH)
        _log.info("ready", mode=Mode.HTTP.value, workspaces=len(roster.tagger.workspaces))
        stop.wait()
        _log.info("stopping")
    finally:
        server.stop()
        roster.stop(REPLIES_MAY_TAKE)


def _open_socket(app: object, settings: Settings, tagger: Tagger, stop: threading.Event) -> Socket | None:
    token = settings.slack_app_token.get_secret_value()
    socket = Socket(app, token, tagger.link, tagger.metrics)  # pyright: ignore[reportArgumentType]
    _patiently(socket.connect, stop, "SLACK_APP_TOKEN")
    return socket


def _stop_on_signals() -> threading.Event:
    """The first signal asks, the second one insists."""
    stop = threading.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def _patiently(call: Callable[[], T], stop: threading.Event, token: str) -> T | None:
    """Repeat while Slack cannot be reached; None when stopped meanwhile. Raises Refused."""
    seldom, tries = Seldom(), 0
    while not stop.is_set():
        try:
            return call()
        except (BoltError, SlackApiError, OSError, HTTPException) as error:
            # Bolt wraps what auth.test said and keeps it as the context.
            why = trouble(error.__context__ if isinstance(error.__context__, SlackApiError) else error)
            if why.failure not in (Failure.NOT_SENT, Failure.AMBIGUOUS):
                raise Refused(_advice(token, why.code)) from error
            if seldom.due("slack"):
                _log.warning("slack cannot be reached, trying on", error=why.code)
            tries += 1
            stop.wait(min(0.5 * 2 ** min(tries, 7), 30.0) * random.uniform(0.5, 1.0))  # noqa: S311
    return None


def _advice(token: str, code: str) -> str:
    """A refusal of Slack's in words."""
    what = {
        "invalid_auth": "It is wrong or of another workspace; copy it again from Slack's app settings.",
        "not_authed": "It is empty.",
        "token_revoked": "It was revoked; install the app again.",
        "token_expired": "It has expired; install the app again, with token rotation off.",
        "account_inactive": "The app was removed from the workspace; install it again.",
        "missing_scope": "A scope is missing; compare with `clfadmin slack manifest` and install the app again.",
        "not_allowed_token_type": "It is the wrong kind of token.",
    }.get(code, "See https://docs.slack.dev for the code.")
    return f"Slack refuses {token} ({code}). {what}"
