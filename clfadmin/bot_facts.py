"""What Slack says of our app, asked through `python -m bot`: nothing in clfadmin speaks to Slack itself."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, cast

from classifier.errors import ClassifierError

# A handful of calls to Slack, each of which may take its time or be told to wait.
PATIENCE = timedelta(seconds=60)


class BotFailed(ClassifierError):
    """`python -m bot` did not do what it was asked."""


@dataclass(frozen=True, kw_only=True)
class SlackFacts:
    """The answer of `python -m bot --check`. None: Slack did not tell, or it was not asked."""

    auth_ok: bool = False
    error: str | None = None
    team: str | None = None
    bot_user: str | None = None
    bot_token_kind: str | None = None
    missing_scopes: tuple[str, ...] | None = None
    app_token_ok: bool | None = None
    app_error: str | None = None
    channels: int | None = None
    clock_skew_seconds: float | None = None
    mode: str | None = None


def check(environment: Mapping[str, str] | None = None) -> SlackFacts:
    """Ask Slack. Raises BotFailed, also when the settings allow no question."""
    return facts(ask("--check", environment=environment))


def facts(document: str) -> SlackFacts:
    """Raises BotFailed on anything that is no JSON object."""
    try:
        data: object = json.loads(document)
    except ValueError as error:
        raise BotFailed("`python -m bot --check` wrote no JSON.") from error
    if not isinstance(data, dict):
        raise BotFailed("`python -m bot --check` wrote no JSON object.")
    given = cast("dict[str, Any]", data)
    known = {one.name: given[one.name] for one in fields(SlackFacts) if one.name in given}
    if isinstance(known.get("missing_scopes"), list):
        known["missing_scopes"] = tuple(known["missing_scopes"])
    if isinstance(known.get("channels"), list):
        known["channels"] = len(known["channels"])
    return SlackFacts(**known)


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
