"""Messages, conversations and people as Slack's JSON shows them."""

import zlib
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.store import APP_ID, Channel, Ephemeral, File, Message, Team, User, View

UPDATED = 1_700_000_000  # when profiles last changed; no one can change one here
COLOURS = ("9f69e7", "4bbe2e", "e7392d", "3c989f", "674b1b", "e96699", "db3150", "a2a5dc")


# What the page needs of an uploaded file.
UPLOAD_KEYS = ("id", "name", "title", "mimetype", "alt_txt")
# What Slack leaves out of messages of these subtypes.
LACKING = {
    "bot_message": ("app_id", "team", "bot_profile", "user"),
    "file_share": ("team", "client_msg_id"),
    "me_message": ("team",),
    "thread_broadcast": ("team", "parent_user_id"),
    "tombstone": ("team",),
}


def message_json(team: Team, channel: Channel, message: Message, *, metadata: bool = False) -> Json:
    """A message as history, replies and events hold it; `metadata` only when the caller asked for it."""
    shape: Json = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    optional: Json = {
        "subtype": message.subtype,
        "client_msg_id": message.client_msg_id,
        "bot_id": message.bot_id,
        "app_id": message.app_id,
        "inviter": message.inviter,
        "topic": message.topic,
        "blocks": message.blocks,
        "attachments": message.attachments,
        "files": message.files,
        "metadata": message.metadata if metadata else None,
    }
    shape |= {key: value for key, value in optional.items() if value}
    shape["team"] = team.id
    if message.bot_id and (bot := team.bot_named(message.bot_id)):
        shape["bot_profile"] = bot_profile(team, bot)
    if message.edited_ts:
        shape["edited"] = {"user": message.edited_by, "ts": message.edited_ts}
    if message.subtype == "bot_message":
        shape["username"] = team.users[message.user].real_name
    shape |= _thread_json(channel, message) | _reactions_json(message)
    lacking = LACKING.get(message.subtype, ())
    return {key: value for key, value in shape.items() if key not in lacking}


def _thread_json(channel: Channel, message: Message) -> Json:
    if message.is_reply:
        parent = channel.messages.get(message.thread_ts)
        return {"thread_ts": message.thread_ts} | ({"parent_user_id": parent.user} if parent else {})
    if not message.replies:
        return {}
    repliers = list(dict.fromkeys(reply.user for reply in channel.replies(message)))
    return {
        "thread_ts": message.ts,
        "reply_count": len(message.replies),
        "reply_users_count": len(repliers),
        "latest_reply": message.replies[-1],
        "reply_users": repliers[:5],
        "is_locked": False,
        "subscribed": False,
    }


def _reactions_json(message: Message) -> Json:
    if not message.reactions:
        return {}
    return {
        "reactions": [
            {"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()
        ]
    }


def bot_profile(team: Team, bot: User) -> Json:
    return {
        "id": bot.bot_id,
        "deleted": False,
        "name": bot.name,
        "updated": UPDATED,
        "app_id": bot.app_id,
        "icons": {"image_36": "", "image_48": "", "image_72": ""},
        "team_id": team.id,
    }


def channel_json(team: Team, channel: Channel, *, member_flag: bool = True) -> Json:
    """A conversation as lists and info hold it, seen by the bot."""
    if channel.kind == "im":
        return _im_json(team, channel)
    shape: Json = {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "private",
        "is_im": False,
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "channel",
        "created": channel.created,
        "creator": channel.creator,
        "is_archived": channel.archived,
        "is_general": channel.name == "general",
        "unlinked": 0,
        "is_shared": bool(channel.shared_with),
        "is_ext_shared": bool(channel.shared_with),
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "pending_shared": [],
        "shared_team_ids": [team.id, *filter(None, [channel.shared_with])],
        "context_team_id": team.id,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "previous_names": [],
        "updated": channel.created * 1000,
    }
    if member_flag:
        shape["is_member"] = team.bot.id in channel.members
        shape["num_members"] = len(channel.members)
    return shape


def _im_json(team: Team, channel: Channel) -> Json:
    return {
        "id": channel.id,
        "created": channel.created,
        "is_archived": False,
        "is_im": True,
        "is_org_shared": False,
        "context_team_id": team.id,
        "updated": channel.created * 1000,
        "user": next((member for member in channel.members if member != team.bot.id), team.bot.id),
        "is_user_deleted": False,
        "priority": 0,
    }


def user_json(team: Team, user: User) -> Json:
    profile: Json = {
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": user.name,
        "display_name_normalized": user.name,
        "first_name": user.real_name.split(" ")[0],
        "last_name": "",
        "title": "",
        "phone": "",
        "skype": "",
        "status_text": "",
        "status_emoji": "",
        "status_expiration": 0,
        "avatar_hash": "",
        "team": user.home or team.id,
    }
    if user.bot_id:
        profile |= {"bot_id": user.bot_id, "api_app_id": user.app_id, "always_active": True}
    now = datetime.now(ZoneInfo(user.tz))
    return {
        "id": user.id,
        "team_id": user.home or team.id,
        "name": user.name,
        "deleted": False,
        "color": COLOURS[zlib.crc32(user.id.encode()) % len(COLOURS)],
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": now.tzname(),
        "tz_offset": int((now.utcoffset() or timedelta()).total_seconds()),
        "profile": profile,
        "is_admin": user.admin,
        "is_owner": user.owner,
        "is_primary_owner": False,
        "is_restricted": bool(user.guest),
        "is_ultra_restricted": user.guest == "single",
        "is_bot": bool(user.bot_id),
        "is_app_user": False,
        "updated": UPDATED,
    } | ({"is_stranger": True} if user.home else {})


def door_message(team: Team, message: Message) -> Json:
    """A message as the control door shows it: metadata always, `thread_ts` on replies only."""
    bot = team.bot_named(message.bot_id) if message.bot_id else None
    author = bot or team.users.get(message.user)
    optional: Json = {
        "thread_ts": message.thread_ts,
        "subtype": message.subtype,
        "edited": message.edited_ts,
        "metadata": message.metadata,
        "blocks": message.blocks if message.bot_id else None,
        "attachments": message.attachments,
        "files": [file["name"] for file in message.files],
        "uploads": [{key: file[key] for key in UPLOAD_KEYS} for file in message.files if "mode" in file],
        "broadcast": message.broadcast,
    }
    shape: Json = {"ts": message.ts}
    shape |= {"bot_id": message.bot_id} if message.bot_id else {"user": message.user}
    shape |= {"name": author.name if author else message.user, "text": message.text}
    return shape | {key: value for key, value in optional.items() if value} | _reactions_json(message)


def ephemeral_json(ephemeral: Ephemeral) -> Json:
    shape: Json = {"ts": ephemeral.ts, "channel": ephemeral.channel, "text": ephemeral.text}
    optional: Json = {
        "thread_ts": ephemeral.thread_ts,
        "blocks": ephemeral.blocks,
        "by": "slack" if ephemeral.of_slack else "",
    }
    return shape | {key: value for key, value in optional.items() if value}


def file_json(team: Team, file: File, base_url: str, *, shares: bool = False) -> Json:
    """A file as messages and files.info hold it; with `shares`, where it can be seen."""
    kind = file.mimetype.removeprefix("image/") if file.mimetype.startswith("image/") else "binary"
    private = f"{base_url}/files-pri/{team.id}-{file.id}/{quote(file.name)}"
    shape: Json = {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": file.mimetype,
        "filetype": kind,
        "pretty_type": kind.upper(),
        "user": file.user,
        "user_team": team.id,
        "editable": False,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": any(team.channels[channel].kind == "channel" for channel, _ in file.shares),
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "alt_txt": file.alt_text,
        "url_private": private,
        "url_private_download": f"{private}?download=1",
        "permalink": f"{base_url}/_sandbox/files/{file.id}",
        "permalink_public": "",
        "has_rich_preview": False,
    }
    return shape | ({"shares": _shares_json(team, file)} if shares else {})


def _shares_json(team: Team, file: File) -> Json:
    shares: Json = {}
    for channel_id, ts in file.shares:
        channel = team.channels[channel_id]
        place = shares.setdefault("public" if channel.kind == "channel" else "private", {})
        place.setdefault(channel_id, []).append({"ts": ts, "channel_name": channel.name, "team_id": team.id})
    return shares


def view_json(team: Team, view: View) -> Json:
    """A window or App Home as the app gets it back."""
    body = {key: value for key, value in view.body.items() if not (view.is_home and key == "submit_disabled")}
    return {
        "id": view.id,
        "team_id": team.id,
        **body,
        "state": {"values": view.values},
        "hash": view.hash,
        "root_view_id": view.root,
        "previous_view_id": view.previous or None,
        "app_id": APP_ID,
        "app_installed_team_id": team.id,
        "bot_id": team.bot.bot_id,
    }


def door_view(view: View) -> Json:
    """A window as its person sees it."""
    words = {key: view.body[key]["text"] for key in ("title", "submit", "close") if view.body[key]}
    told = {key: view.body[key] for key in ("callback_id", "private_metadata", "blocks")}
    return {"id": view.id, **words, **told, "values": view.values, "hash": view.hash}
