"""chat.* and reactions.*: what the bot says."""

import re

from clfadmin.sandbox.encoding import Json, dump
from clfadmin.sandbox.ids import is_ts
from clfadmin.sandbox.kit.blocks import completed, problems_of
from clfadmin.sandbox.limits import Tier
from clfadmin.sandbox.methods.call import ApiError, Call, Method
from clfadmin.sandbox.shapes import message_json
from clfadmin.sandbox.store import Channel, Message
from clfadmin.sandbox.text import MAX_CHARACTERS

MAX_METADATA_BYTES = 16_384
NOT_POSTED_BY_PEOPLE = (
    *("channel_join", "channel_leave", "channel_topic", "channel_archive", "channel_unarchive"),
    "tombstone",
)
# Letters of any script, none of them a capital: workspaces name their own.
EMOJI_NAME = re.compile(r"(?:(?![A-Z])[\w+'-]){1,100}(?:::skin-tone-[2-6])?")


def target(call: Call, name: str) -> Channel:
    """Where a post goes: a conversation's id or name, or a person's id for the direct conversation."""
    person = call.team.users.get(name)
    if person is not None and person.id != call.team.bot.id:
        return call.workspace.direct(person)
    channel = call.find_channel(name)
    if call.team.bot.id not in channel.members:
        raise ApiError("not_in_channel")
    if channel.archived:
        raise ApiError("is_archived")
    return channel


def content(call: Call) -> Json:
    """Text, blocks, attachments and metadata of a post, checked as Slack checks them."""
    said = call.args.text("text")
    blocks: list[Json] = call.args.structure("blocks", list, "invalid_blocks_format")
    attachments: list[Json] = call.args.structure("attachments", list, "invalid_attachments")
    if not (said.strip() or blocks or attachments):
        raise ApiError("no_text")
    if len(said) > MAX_CHARACTERS:
        raise ApiError("msg_too_long")
    problems = problems_of(blocks, "message")
    if problems:
        raise ApiError("invalid_blocks", errors=problems, response_metadata={"messages": problems})
    return {"text": said, "blocks": completed(blocks), "attachments": attachments, "metadata": metadata(call)}


def metadata(call: Call) -> Json:
    value: Json = call.args.structure("metadata", dict, "invalid_metadata_format")
    if not value:
        return {}
    if set(value) != {"event_type", "event_payload"} or not isinstance(value["event_payload"], dict):
        raise ApiError("invalid_metadata_schema")
    if len(dump(value)) > MAX_METADATA_BYTES:
        raise ApiError("metadata_too_large")
    return value


def thread(call: Call, channel: Channel) -> str:
    """The parent a reply goes to, or an empty string for a post in the channel itself."""
    ts = call.args.text("thread_ts")
    if not ts:
        return ""
    if not is_ts(ts):
        raise ApiError("invalid_thread_ts")
    parent = channel.messages.get(ts)
    if parent is None or parent.subtype == "tombstone":
        raise ApiError("thread_not_found")
    if parent.is_reply or parent.subtype in NOT_POSTED_BY_PEOPLE:
        raise ApiError("cannot_reply_to_message")
    return ts


def post_message(call: Call) -> Json:
    channel = target(call, call.args.text("channel"))
    parts = content(call)
    thread_ts = thread(call, channel)
    if thread_ts and call.args.flag("reply_broadcast"):
        parts |= {"broadcast": True, "subtype": "thread_broadcast"}
    message = call.workspace.post_as_bot(channel, parts.pop("text"), thread_ts=thread_ts, **parts)
    shape = message_json(call.team, channel, message, metadata=True)
    for key in ("reply_count", "reply_users"):
        shape.pop(key, None)
    return {"channel": channel.id, "ts": message.ts, "message": shape}


def own(call: Call, error: str) -> tuple[Channel, Message]:
    channel = call.channel()
    message = call.message(channel, "ts")
    if message.bot_id != call.team.bot.bot_id:
        raise ApiError(error)
    return channel, message


def update(call: Call) -> Json:
    channel, message = own(call, "cant_update_message")
    parts = content(call)
    given = call.args.values
    for part in ("metadata", "attachments"):
        if part not in given:
            del parts[part]
    if not parts["text"]:
        del parts["text"]
        if "blocks" not in given:
            del parts["blocks"]  # only a new text takes the place of blocks
    call.workspace.edit(channel, message, call.team.bot.id, parts)
    shape = message_json(call.team, channel, message, metadata=True)
    kept = ("type", "text", "user", "bot_id", "app_id", "team", "bot_profile", "edited", "blocks", "metadata")
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": {key: shape[key] for key in kept if key in shape},
    }


def delete(call: Call) -> Json:
    channel, message = own(call, "cant_delete_message")
    call.workspace.delete(channel, message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(call: Call) -> Json:
    channel = target(call, call.args.text("channel"))
    user = call.team.users.get(call.args.text("user"))
    if user is None or user.id not in channel.members:
        raise ApiError("user_not_in_channel")
    parts = content(call)
    ephemeral = call.workspace.whisper(channel, user, parts["text"], call.args.text("thread_ts"), parts["blocks"])
    return {"message_ts": ephemeral.ts}


def permalink(channel: Channel, message: Message, base_url: str) -> str:
    link = f"{base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return link + (f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.is_reply else "")


def get_permalink(call: Call) -> Json:
    channel = call.channel()
    message = call.message(channel, "message_ts")
    return {"permalink": permalink(channel, message, call.base_url), "channel": channel.id}


def reaction_item(call: Call) -> tuple[Channel, Message, str]:
    name = call.args.text("name").strip(":")
    if not EMOJI_NAME.fullmatch(name):
        raise ApiError("invalid_name")
    if not (call.args.text("channel") and call.args.text("timestamp")):
        raise ApiError("no_item_specified")
    channel = call.member_channel()
    return channel, call.message(channel, "timestamp"), name


def add_reaction(call: Call) -> Json:
    channel, message, name = reaction_item(call)
    if not call.workspace.react(channel, message, call.team.bot.id, name):
        raise ApiError("already_reacted")
    return {}


def remove_reaction(call: Call) -> Json:
    channel, message, name = reaction_item(call)
    if not call.workspace.unreact(channel, message, call.team.bot.id, name):
        raise ApiError("no_reaction")
    return {}


NO_EMOJI_LIST = "any well-formed emoji name is taken; Slack knows a fixed list and the workspace's own"

METHODS = (
    Method(
        "chat.postMessage",
        post_message,
        Tier.NONE,  # counted by channel and workspace instead
        "chat:write",
        "partial",
        note="no other author (`username`, `icon_*`), no automatic links, no unfurls",
    ),
    Method("chat.update", update, Tier.THREE, "chat:write"),
    Method("chat.delete", delete, Tier.THREE, "chat:write"),
    Method("chat.postEphemeral", post_ephemeral, Tier.FOUR, "chat:write"),
    Method("chat.getPermalink", get_permalink, Tier.NONE),
    Method("reactions.add", add_reaction, Tier.THREE, "reactions:write", "partial", note=NO_EMOJI_LIST),
    Method("reactions.remove", remove_reaction, Tier.TWO, "reactions:write"),
)
