"""What Slack tells the app: one dictionary for each thing that happened. Pure functions of the store's values."""

from time import time
from typing import Any

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.shapes import message_json, view_json
from clfadmin.sandbox.store import APP_ID, Channel, File, Message, Team, User
from clfadmin.sandbox.text import first_link, mentions

CHANNEL_TYPES = {"channel": "channel", "private": "group", "im": "im", "mpim": "mpim"}

HISTORY_SCOPES = {
    "channel": "channels:history",
    "private": "groups:history",
    "im": "im:history",
    "mpim": "mpim:history",
}
READ_SCOPES = {"channel": "channels:read", "private": "groups:read", "im": "im:read", "mpim": "mpim:read"}

# What a broadcast reply tells of its parent.
ROOT_KEYS = (
    *("type", "user", "bot_id", "text", "ts", "thread_ts"),
    *("reply_count", "reply_users_count", "latest_reply", "subscribed"),
)


def scope_needed(event: Json, channel: Channel) -> str:
    """The bot scope without which Slack does not send this event."""
    kind = event["type"]
    if kind == "message":
        return HISTORY_SCOPES[channel.kind]
    if kind == "app_mention":
        return "app_mentions:read"
    if kind == "file_shared":
        return "files:read"
    return "reactions:read" if kind.startswith("reaction_") else READ_SCOPES[channel.kind]


def rich_text(typed: str) -> list[Json]:
    """The block Slack's own client sends beside a typed text."""
    if not typed:
        return []
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": typed}]}
    return [{"type": "rich_text", "block_id": "typed", "elements": [section]}]


def posted(team: Team, channel: Channel, message: Message) -> list[Json]:
    """The event of a new message, and of a mention where it names the bot and is not the bot's own."""
    event = message_json(team, channel, message, metadata=True)
    event |= {"channel": channel.id, "event_ts": message.ts, "channel_type": CHANNEL_TYPES[channel.kind]}
    if message.broadcast:
        root = channel.messages[message.thread_ts]
        event["root"] = {key: value for key, value in message_json(team, channel, root).items() if key in ROOT_KEYS}
    own = message.user == team.bot.id
    if own or message.subtype or channel.kind == "im" or team.bot.id not in mentions(message.text):
        return [event]
    return [event, _app_mention(team, channel, message)]


def _app_mention(team: Team, channel: Channel, message: Message) -> Json:
    optional: Json = {
        "bot_id": message.bot_id,
        "app_id": message.app_id,
        "client_msg_id": message.client_msg_id,
        "thread_ts": message.thread_ts,
        "blocks": message.blocks,
    }
    return {
        "type": "app_mention",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": team.id,
        "channel": channel.id,
        "event_ts": message.ts,
    } | {key: value for key, value in optional.items() if value}


def inside(team: Team, channel: Channel, message: Message) -> Json:
    """A message as it stands inside the event about its change; history tells more of it."""
    shape = message_json(team, channel, message)
    return {key: value for key, value in shape.items() if key not in ("reactions", "reply_users")}


def changed(channel: Channel, message: Json, previous: Json, ts: str) -> Json:
    """An edit, an unfurl, or a deleted parent turning into a tombstone: Slack uses one subtype for all three."""
    return {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "channel": channel.id,
        "channel_type": CHANNEL_TYPES[channel.kind],
        "ts": ts,
        "event_ts": ts,
        "message": message,
        "previous_message": previous,
    }


def deleted(channel: Channel, previous: Json, ts: str) -> Json:
    return {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "channel": channel.id,
        "channel_type": CHANNEL_TYPES[channel.kind],
        "ts": ts,
        "event_ts": ts,
        "deleted_ts": previous["ts"],
        "previous_message": previous,
    }


def membership(team: Team, channel: Channel, user: User, ts: str, *, joined: bool, inviter: str = "") -> Json:
    kinds = {"channel": "C", "private": "G", "im": "D", "mpim": "G"}
    event: Json = {
        "type": "member_joined_channel" if joined else "member_left_channel",
        "user": user.id,
        "channel": channel.id,
        "channel_type": kinds[channel.kind],
        "team": team.id,
        "event_ts": ts,
    }
    return event | ({"inviter": inviter} if inviter else {})


def left_by_bot(channel: Channel, actor: str, ts: str) -> Json:
    """The bot is in a channel no longer: its last word from there."""
    kind = "channel_left" if channel.kind == "channel" else "group_left"
    return {"type": kind, "channel": channel.id, "actor_id": actor, "event_ts": ts}


def archiving(channel: Channel, user: User, ts: str) -> Json:
    kind = "channel" if channel.kind == "channel" else "group"
    word = "archive" if channel.archived else "unarchive"
    return {"type": f"{kind}_{word}", "channel": channel.id, "user": user.id, "event_ts": ts}


def sharing(channel: Channel, other: str, ts: str) -> Json:
    """A channel is open to another organisation from now on, or no longer."""
    event: Json = {"channel": channel.id, "event_ts": ts}
    if channel.shared_with:
        return event | {"type": "channel_shared", "connected_team_id": other}
    return event | {"type": "channel_unshared", "previously_connected_team_id": other, "is_ext_shared": False}


def file_shared(channel: Channel, file: File, ts: str) -> Json:
    told: Json = {"file_id": file.id, "user_id": file.user, "file": {"id": file.id}, "channel_id": channel.id}
    return {"type": "file_shared", **told, "event_ts": ts}


def uninstalled() -> Json:
    return {"type": "app_uninstalled"}


def revoked(team: Team) -> Json:
    return {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [team.bot.id]}}


def home_opened(team: Team, channel: Channel, user: User, tab: str, ts: str) -> Json:
    """Somebody looks at the app's own place; `view` is what was published there last."""
    home = team.homes.get(user.id)
    event: Json = {"type": "app_home_opened", "user": user.id, "channel": channel.id, "tab": tab, "event_ts": ts}
    return event | ({"view": view_json(team, home)} if home and tab == "home" else {})


def reaction(channel: Channel, message: Message, user: str, name: str, ts: str, *, added: bool) -> Json:
    return {
        "type": "reaction_added" if added else "reaction_removed",
        "user": user,
        "reaction": name,
        "item": {"type": "message", "channel": channel.id, "ts": message.ts},
        "item_user": message.user,
        "event_ts": ts,
    }


def unfurl(message: Message) -> list[Json]:
    """What Slack attaches to a message once it has looked at its first link."""
    link = first_link(message.text)
    title = "A page behind the link"
    attachment = {"id": 1, "from_url": link, "original_url": link, "fallback": title, "title": title}
    return [attachment | {"title_link": link, "text": "What the page says about itself.", "service_name": "web"}]


def wrap(team: Team, event: Json, event_id: str, *, shared: bool = False) -> dict[str, Any]:
    """The envelope's payload: the event and whom it is for."""
    return {
        "token": "sandbox",
        "team_id": team.id,
        "api_app_id": APP_ID,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": team.id,
                "user_id": team.bot.id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": shared,
        "event_context": f"4-{event_id}",
        "event": event,
    }
