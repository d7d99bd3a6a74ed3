"""What Slack says of our app, asked through `python -m bot`: nothing in clfadmin speaks to Slack itself."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from classifier.errors import ClassifierError

# A handful of calls to Slack, each of which may take its time or be told to wait.
PATIENCE = timedelta(seconds=60)
# How the bot calls failures that pass by themselves.
_PASSING = ("not sent", "ambiguous")


class BotFailed(ClassifierError):
    """`python -m bot` did not do what it was asked."""


@dataclass(frozen=True, kw_only=True)
class WorkspaceFacts:
    """One of several workspaces. `error`: why Slack or our key refuses; `passing` as in SlackFacts."""

    name: str
    error: str | None
    passing: bool
    missing_scopes: tuple[str, ...] | None
    channels: int | None


@dataclass(frozen=True, kw_only=True)
class SlackFacts:
    """The answer of `python -m bot --check`. None: Slack did not tell, or it was not asked.

    `*_kind` is what a token is by its beginning: bot, app, user, ..., missing. `*_passing`: the call failed in a way
    that says nothing about us (network, Slack's own trouble). `clock_ahead_seconds` is our clock against Slack's.
    """

    mode: str | None = None
    mode_error: str | None = None
    bot_kind: str = "missing"
    app_kind: str = "missing"
    auth_error: str | None = None
    auth_passing: bool = False
    team: str | None = None
    bot_name: str | None = None
    missing_scopes: tuple[str, ...] | None = None
    app_error: str | None = None
    app_passing: bool = False
    channels: int | None = None
    clock_ahead_seconds: float | None = None
    workspaces: tuple[WorkspaceFacts, ...] | None = None  # where several install the app


def check(environment: Mapping[str, str] | None = None) -> SlackFacts:
    """Ask Slack. Raises BotFailed, also when the settings allow no question."""
    return facts(ask("--check", environment=environment))


def facts(document: str) -> SlackFacts:
    """Raises BotFailed on anything that is no JSON object."""
    try:
        known: object = json.loads(document)
    except ValueError as error:
        raise BotFailed("`python -m bot --check` wrote no JSON.") from error
    if not isinstance(known, dict):
        raise BotFailed("`python -m bot --check` wrote no JSON object.")
    answer = cast("dict[str, Any]", known)
    mode, tokens, auth = (_part(answer, name) for name in ("mode", "tokens", "auth"))
    app_token, scopes = _part(answer, "app_token"), _part(answer, "scopes")
    return SlackFacts(
        mode=mode.get("mode"),
        mode_error=mode.get("error"),
        bot_kind=tokens.get("bot", "missing"),
        app_kind=tokens.get("app", "missing"),
        auth_error=auth.get("error"),
        auth_passing=auth.get("class") in _PASSING,
        team=auth.get("team_name") or auth.get("team"),
        bot_name=auth.get("bot_name"),
        missing_scopes=tuple(scopes["missing"]) if "missing" in scopes else None,
        app_error=app_token.get("error"),
        app_passing=app_token.get("class") in _PASSING,
        channels=answer.get("channels"),
        clock_ahead_seconds=answer.get("clock_skew_seconds"),
        workspaces=_workspaces(answer.get("workspaces")),
    )


def _workspaces(answers: Any) -> tuple[WorkspaceFacts, ...] | None:
    if not isinstance(answers, list):
        return None
    found: list[WorkspaceFacts] = []
    for one in cast("list[dict[str, Any]]", answers):
        auth, scopes = _part(one, "auth"), _part(one, "scopes")
        found.append(
            WorkspaceFacts(
                name=one.get("team_name") or one.get("team") or "?",
                error=auth.get("error"),
                passing=auth.get("class") in _PASSING,
                missing_scopes=tuple(scopes["missing"]) if "missing" in scopes else None,
                channels=one.get("channels"),
            )
        )
    return tuple(found)


def _part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    part: object = answer.get(name)
    return cast("dict[str, Any]", part) if isinstance(part, dict) else {}


def ask(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What `python -m bot ARGUMENTS` writes to standard output. Raises BotFailed with its last line."""
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "bot", *arguments],
            env=dict(os.environ) if environment is None else dict(environment),
            capture_output=True,
            text=True,
            timeout=PATIENCE.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BotFailed(f"Slack did not answer within {PATIENCE.total_seconds():g} s.") from error
    if done.returncode and not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BotFailed(last.removeprefix("error: "))
    return done.stdout


def invitation(name: str | None) -> str:
    """How people let the bot into a channel."""
    return f"Invite the bot to a channel by writing there: /invite @{name or 'your-bot'}"
