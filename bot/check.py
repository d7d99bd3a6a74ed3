"""`python -m bot --check`: facts about the Slack set-up for `clfadmin doctor`. No secret in it, and no advice."""

import time
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import SecretStr

from bot.beat import count_channels
from bot.identity import Identity, from_auth_test
from bot.installation import Installation, installations
from bot.scopes import NEEDED_SCOPES
from bot.settings import Settings, SettingsError
from bot.slack_client import Slack, quiet_web_client
from bot.slack_errors import trouble
from bot.store import Store
from bot.vault import Vault
from worker.connection import QueueError
from worker.jobs import Keys

_KINDS = {"xoxb-": "bot", "xapp-": "app", "xoxp-": "user", "xoxe.": "rotating", "xoxc-": "session"}


def check(settings: Settings) -> dict[str, Any]:
    """One JSON document; what could not be found out is null. Never raises for what Slack answers."""
    return _check_several(settings) if settings.several else _check_one(settings)


def _check_several(settings: Settings) -> dict[str, Any]:
    """`workspaces`: one for each installation; null with Redis out of reach."""
    document: dict[str, Any] = {"mode": _mode(settings), "tokens": {"bot": "several", "app": "missing"}}
    try:
        vault = Vault(settings.clf_secret_key.get_secret_value())
        with closing(Store(settings.redis_url, keys=Keys(settings.clf_prefix))) as store:
            found = dict(installations(store, vault))
    except (SettingsError, QueueError) as error:
        document["mode"]["error"] = document["mode"]["error"] or str(error)
        return document | {"workspaces": None}
    return document | {"workspaces": [_workspace(settings, team, one) for team, one in found.items()]}


def _workspace(settings: Settings, team: str, installation: Installation | None) -> dict[str, Any]:
    if installation is None:
        return {"team": team, "auth": {"ok": False, "error": "CLF_SECRET_KEY does not open it", "class": "locked"}}
    slack = Slack(quiet_web_client(installation.token, settings.slack_api_url))
    auth, headers = _auth(slack)
    return {
        "team": team,
        "team_name": installation.me.team_name,
        "auth": auth,
        "scopes": scopes(headers),
        "channels": _channels(slack) if auth["ok"] else None,
        "token_ends": installation.ends or None,
    }


def _check_one(settings: Settings) -> dict[str, Any]:
    slack = Slack(quiet_web_client(settings.slack_bot_token.get_secret_value(), settings.slack_api_url))
    auth, headers = _auth(slack)
    return {
        "mode": _mode(settings),
        "tokens": {
            "bot": kind_of(settings.slack_bot_token),
            "app": kind_of(settings.slack_app_token),
            "signing_secret": bool(settings.slack_signing_secret.get_secret_value()),
        },
        "auth": auth,
        "scopes": scopes(headers),
        "app_token": _app_token(settings),
        "channels": _channels(slack) if auth["ok"] else None,
        "clock_skew_seconds": clock_skew(headers, time.time()),
    }


def _mode(settings: Settings) -> dict[str, Any]:
    try:
        return {"mode": settings.mode().value, "error": None}
    except SettingsError as error:
        return {"mode": None, "error": str(error)}


def kind_of(secret: SecretStr) -> str:
    """What kind of token this is, by how it starts."""
    token = secret.get_secret_value()
    return next((kind for start, kind in _KINDS.items() if token.startswith(start)), "other" if token else "missing")


def _auth(slack: Slack) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        answer, headers = slack.call_for_headers("auth.test")
    except Exception as error:
        why = trouble(error)
        response: Any = getattr(error, "response", None)
        return {"ok": False, "error": why.code, "class": why.failure.value}, dict(getattr(response, "headers", {}))
    try:
        me = slack.identify()
    except Exception as error:
        trouble(error)
        me = from_auth_test(answer)
    return {"ok": True, **_shown(me)}, headers


def _shown(me: Identity) -> dict[str, str]:
    return {
        "team": me.team,
        "team_name": me.team_name,
        "bot_user": me.bot_user,
        "bot_id": me.bot_id,
        "bot_name": me.name,
        "app": me.app,
        "url": me.url,
    }


def scopes(headers: dict[str, str]) -> dict[str, list[str]] | None:
    """What the token has, lacks and does not need, by Slack's header; None where Slack did not send it."""
    text = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), None)
    if text is None:
        return None
    have = {one.strip() for one in text.split(",") if one.strip()}
    needed = set(NEEDED_SCOPES)
    return {"have": sorted(have), "missing": sorted(needed - have), "unused": sorted(have - needed)}


def _app_token(settings: Settings) -> dict[str, Any] | None:
    """Whether a socket could be opened; none is."""
    token = settings.slack_app_token.get_secret_value()
    if not token:
        return None
    try:
        Slack(quiet_web_client(token, settings.slack_api_url)).call("apps.connections.open")
    except Exception as error:
        why = trouble(error)
        return {"ok": False, "error": why.code, "class": why.failure.value}
    return {"ok": True, "error": None}


def _channels(slack: Slack) -> int | None:
    try:
        return count_channels(slack)
    except Exception as error:
        trouble(error)
        return None


def clock_skew(headers: dict[str, str], now: float) -> float | None:
    """Seconds our clock is ahead of Slack's; whole seconds are all the Date header has."""
    date = next((value for name, value in headers.items() if name.lower() == "date"), "")
    try:
        return round(now - parsedate_to_datetime(date).timestamp(), 1)
    except (TypeError, ValueError):
        return None
