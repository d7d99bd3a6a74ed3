"""`swap-model --dry-run`: what a candidate would have said of recent messages, read from Slack's own history.

The texts come from `python -m bot --history CHANNEL --json`, go through both versions and are forgotten. Slack keeps
what a workspace's retention allows; nothing else can be replayed.
"""

import json
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from clfadmin import console
from clfadmin.bot_facts import BotFailed

if TYPE_CHECKING:
    from classifier.registry import Registry
    from clfadmin.settings import Settings

ALL = "all"
# What of a text a terminal shows; nothing of it with --json.
SHOWN_CHARACTERS, SHOWN = 80, 20


@dataclass(frozen=True)
class Change:
    """A message that would get another label."""

    channel: str
    ts: str
    before: str
    after: str
    text: str


@dataclass(frozen=True)
class Replay:
    """`why` says in one line why nothing could be replayed."""

    messages: int
    channels: int
    changes: tuple[Change, ...]
    seconds: float
    why: str = ""

    def to_dict(self) -> dict[str, Any]:
        changes = [
            {"channel": one.channel, "ts": one.ts, "before": one.before, "after": one.after} for one in self.changes
        ]
        return {
            "messages": self.messages,
            "channels": self.channels,
            "changed": len(changes),
            "changes": changes,
            "why": self.why or None,
        }


def replay(settings: "Settings", registry: "Registry", version: str, served: str, channels: list[str]) -> Replay:
    """Both versions on what the bot may read. Never raises for Slack: the gate's word stands without it."""
    from classifier.predictor import load_predictor

    started = time.monotonic()
    try:
        messages = _messages(settings, channels or [ALL])
    except BotFailed as error:
        return Replay(0, 0, (), round(time.monotonic() - started, 2), str(error))
    if served not in registry.names():
        why = f"{served or 'what is served'} is not in this home"
        return Replay(0, 0, (), round(time.monotonic() - started, 2), why)
    load = partial(load_predictor, runtime=settings.runtime, threads=settings.threads)
    texts = [message["text"] for message in messages]
    before, after = (load(registry.get(name)).classify(texts) for name in (served, version))
    changes = tuple(
        Change(message["channel"], message["ts"], old.label, new.label, message["text"])
        for message, old, new in zip(messages, before, after, strict=True)
        if old.label != new.label
    )
    seen = len({message["channel"] for message in messages})
    return Replay(len(messages), seen, changes, round(time.monotonic() - started, 2))


def _messages(settings: "Settings", channels: list[str]) -> list[dict[str, str]]:
    from clfadmin.bot_facts import ask

    environment = _environment(settings)
    found: list[dict[str, str]] = []
    for channel in channels:
        answer = ask("--history", channel, "--json", environment=environment)
        try:
            found += json.loads(answer)["messages"]
        except (ValueError, KeyError, TypeError) as error:
            raise BotFailed("`python -m bot --history` wrote no messages.") from error
    return found


def _environment(settings: "Settings") -> dict[str, str]:
    """The bot's: its tokens from this terminal, or the local Slack's of a running `up`. Raises BotFailed."""
    import os

    from clfadmin.broker import require_url
    from clfadmin.plan import sandbox_environment
    from clfadmin.run_all import running_page
    from clfadmin.settings import SlackTokens

    url = require_url(settings.home, settings.redis_url.get_secret_value() if settings.redis_url else None)
    environment = dict(os.environ)
    if not SlackTokens().given:
        page = running_page(settings.home)
        if page is None:
            raise BotFailed("no token of Slack's is set in this terminal; set the bot's here too")
        environment = sandbox_environment(page)
    # Which port the bot serves is no question for Slack.
    return environment | {"CLF_REDIS_URL": url, "CLF_PREFIX": settings.prefix, "CLF_HTTP_PORT": "0"}


def show(found: Replay) -> None:
    """For people: how many labels would change, and on which texts."""
    if found.why:
        console.say(f"Nothing was replayed: {found.why}")
        return
    share = len(found.changes) / found.messages if found.messages else 0
    console.say(
        f"would-swap: of {found.messages:,} recent messages in {found.channels:,} channels {len(found.changes):,} "
        f"would get another label ({share:.1%}). Nothing was changed."
    )
    if found.changes:
        rows = [
            (one.channel, one.ts, one.before, one.after, one.text[:SHOWN_CHARACTERS]) for one in found.changes[:SHOWN]
        ]
        console.table(("channel", "ts", "now", "then", "text"), rows)
