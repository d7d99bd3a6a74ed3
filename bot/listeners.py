"""Which events become jobs, and `register`, which adds the tagger to a Bolt app."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt import App

from bot import alerts, home, window
from bot.edits import Deletion, as_edit, deletion, edited, edited_message
from bot.identity import Identity
from bot.introduction import REACTIONS
from bot.message_text import clean, is_blank, mentions, said, without_mention
from bot.posting import Posting
from bot.scopes import COMMAND, SHORTCUT
from bot.settings import Mode, Settings
from bot.slack_client import Slack, like
from bot.tag_blocks import CORRECT
from bot.tagger import Tagger
from bot.workspace import Workspace
from worker.jobs import MAX_FIELD, Job, Kind, Origin, message_id

# A plain message has none. Joins, topics, edits, deletions and bot_message are acknowledged and left alone.
TAGGED_SUBTYPES = frozenset({"", "thread_broadcast", "file_share", "me_message"})
_TS = re.compile(r"\d{10}\.\d{6}")
_SLACKBOT = "USLACKBOT"


@dataclass(frozen=True)
class Hint:
    """Somebody named the bot and wrote nothing else."""

    message: str
    channel: str
    user: str
    thread_ts: str


def to_job(
    event: Mapping[str, Any], me: Identity, *, origin: Origin = Origin.LIVE, now_ms: int | None = None
) -> Job | Hint | None:
    """The job of a `message` or `app_mention` event, or None when it is none of our business.

    The two events of one message make the same job. Never raises, whatever is in `event`.
    """
    if not _is_from_a_person(event, me):
        return None
    channel, ts, thread_ts = _text(event, "channel"), _text(event, "ts"), _text(event, "thread_ts")
    if not channel or not _TS.fullmatch(ts) or (thread_ts and not _TS.fullmatch(thread_ts)):
        return None
    thread_ts = "" if thread_ts == ts else thread_ts  # a parent names itself
    message = message_id(me.team, channel, ts)
    raw = clean(said(event))
    text = without_mention(raw, me.bot_user)
    if is_blank(text):
        asked = _is_asked_directly(event) and mentions(raw, me.bot_user)
        return Hint(message, channel, _text(event, "user"), thread_ts) if asked else None
    return Job(
        id=message,
        message=message,
        team=me.team,
        channel=channel,
        ts=ts,
        thread_ts=thread_ts,
        user=_text(event, "user"),
        text=text,
        kind=Kind.MENTION if mentions(raw, me.bot_user) else Kind.MESSAGE,
        origin=origin,
        enq_ms=int(time.time() * 1000) if now_ms is None else now_ms,
    )


def understood(event: Mapping[str, Any], me: Identity, *, origin: Origin = Origin.LIVE) -> Job | Hint | Deletion | None:
    """What a `message` or `app_mention` event asks us to do. Never raises, whatever is in `event`."""
    if gone := deletion(event, me):
        return None if gone.is_ours else gone
    if event.get("subtype") == "message_changed":
        message = edited_message(event)
        job = to_job(message, me, origin=origin) if message else None
        return as_edit(job, edited(message or {})) if isinstance(job, Job) else None
    found = to_job(event, me, origin=origin)
    # A message read from history, or one that was edited into naming us.
    return as_edit(found, edit_ts) if isinstance(found, Job) and (edit_ts := edited(event)) else found


def _is_from_a_person(event: Mapping[str, Any], me: Identity) -> bool:
    user = _text(event, "user")
    if event.get("bot_id") or event.get("bot_profile") or event.get("hidden") is True:
        return False
    if user in ("", me.bot_user, _SLACKBOT):
        return False
    subtype = event.get("subtype") or ""
    return isinstance(subtype, str) and subtype in TAGGED_SUBTYPES


def _is_asked_directly(event: Mapping[str, Any]) -> bool:
    # A channel's `message` has an `app_mention` beside it: one of the two must hold its tongue.
    return event.get("type") == "app_mention" or event.get("channel_type") == "im"


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    # Slack's ids are ASCII; anything else could not even be sent to Redis.
    return value if isinstance(value, str) and value.isascii() and len(value) <= MAX_FIELD else ""


Listener = Callable[[Callable[..., Any], dict[str, Any]], None]


def register(
    app: App, settings: Settings | None = None, *, mode: Mode = Mode.PLUGIN, posting: Posting | None = None
) -> Tagger:
    """Tag the messages `app` receives, and start posting. Call it after your own listeners; stop it with `.stop()`.

    The work is done in a global middleware, so your listeners still see every event; a last listener acknowledges
    what nobody else does, which is why the order matters. Settings come from the environment; the tokens are the
    app's own; `posting` is for limits other than Slack's. Raises SettingsError, worker.connection.Misconfigured, and
    SlackApiError when the token is refused.
    """
    slack = Slack(like(app.client))
    me = slack.identify()
    tagger = Tagger(settings or Settings.load(), understood, mode=mode, posting=posting)
    tagger.add(Slack(slack.client, tagger.metrics.called), me)
    listen(app, tagger)
    tagger.start()
    return tagger


def listen(app: App, tagger: Tagger) -> None:
    """Give the app everything the tagger wants to hear; of two listeners for the same thing Bolt calls the first."""
    # Bolt's own types leave open what a listener takes.
    bolt: Any = app
    bolt.middleware(tagger.on_event)
    wanted: list[tuple[Any, Callable[[Workspace], Listener]]] = [
        (bolt.command(COMMAND), lambda at: at.asking.commands.on_command),
        (bolt.shortcut({"callback_id": SHORTCUT, "type": "message_action"}), lambda at: at.asking.shortcut.on_shortcut),
        (bolt.view(SHORTCUT), lambda at: at.asking.shortcut.on_submit),
        (bolt.view(window.SETTINGS), lambda at: at.asking.settings.on_submit),
        (bolt.action(window.INTRO_SETTINGS), lambda at: at.asking.settings.on_button),
        (bolt.action(CORRECT), lambda at: at.asking.corrections.on_menu),
        (bolt.action(home.SETTINGS), lambda at: at.asking.settings.on_button),
        (bolt.action(home.OPT_OUT), lambda at: at.asking.home.on_opt_out),
        (bolt.action(home.OPT_IN), lambda at: at.asking.home.on_opt_in),
        (bolt.event(home.EVENT), lambda at: at.asking.home.on_opened),
        (bolt.action(alerts.SELDOM_ACTION), lambda at: at.reporter.on_less),
        (bolt.action(alerts.OFF_ACTION), lambda at: at.reporter.on_off),
        (bolt.action(REACTIONS), lambda at: at.introducer.on_reactions),
    ]
    for subscribe, of_workspace in wanted:
        subscribe(_routed(tagger, of_workspace))
    bolt.event(re.compile(r"[\s\S]*"))(_acknowledge)


def _routed(tagger: Tagger, of_workspace: Callable[[Workspace], Listener]) -> Listener:
    """A listener of Bolt's that hands on to the one of the workspace it is for."""

    def listener(ack: Callable[..., Any], body: dict[str, Any]) -> None:
        workspace = tagger.of(body)
        if workspace:
            of_workspace(workspace)(ack, body)
        else:
            ack()

    return listener


def _acknowledge() -> None:
    """What no listener wants is acknowledged all the same, or Slack would send it again."""
