"""`/_sandbox/…`: what people do, and what a tester may look at and break."""

from typing import Any

from clfadmin.sandbox import control_asks, control_places
from clfadmin.sandbox.door import Handler, Refused, Visit
from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.faults import DISCONNECT_REASONS, FAULTS, SOCKET_FAULTS, make_fault
from clfadmin.sandbox.methods.chat import EMOJI_NAME, NOT_POSTED_BY_PEOPLE
from clfadmin.sandbox.shapes import door_message
from clfadmin.sandbox.store import Channel, Message, User

MAX_SPEED = 10_000
DONE: Json = {"ok": True}


async def post_message(visit: Visit) -> Json:
    channel, user = _place_and_person(visit)
    text, files = visit.text("text"), visit.texts("files")
    if not text.strip() and not files:
        raise Refused("no_text: Slack takes no empty message. Write something, or name `files`.")
    options = _options(visit, channel, files)
    message = visit.workspace.post(channel, user, text, **options)
    return {"channel": channel.id, "ts": message.ts}


def _place_and_person(visit: Visit) -> tuple[Channel, User]:
    channel, user = visit.channel(visit.needed("channel")), visit.user(visit.needed("user"))
    if user.id not in channel.members:
        raise Refused(f"{user.name} is not in {channel.name}. Join with POST /_sandbox/membership.", 403)
    if channel.archived:
        raise Refused(f"is_archived: {channel.name} is archived; nobody writes there any more.", 403)
    return channel, user


def _options(visit: Visit, channel: Channel, files: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {"subtype": visit.text("subtype")}
    if options["subtype"] not in ("", "me_message", "bot_message"):
        raise Refused("'subtype' can be me_message or bot_message; the others follow from what is done.")
    if files:
        options |= {"subtype": "file_share", "files": [_file(visit, name) for name in files]}
    thread_ts = visit.text("thread_ts")
    if thread_ts:
        parent = visit.message(channel, thread_ts)
        options["thread_ts"] = parent.thread_ts or parent.ts
        if visit.flag("broadcast"):
            options |= {"broadcast": True, "subtype": "thread_broadcast"}
    return options


def _file(visit: Visit, name: str) -> Json:
    number = visit.sandbox.ids.count()
    return {"id": f"F0SANDBOX{number}", "name": name, "title": name, "mimetype": "application/octet-stream"}


def _addressed(visit: Visit) -> tuple[Channel, Message]:
    channel = visit.channel(visit.path["channel"])
    return channel, visit.message(channel, visit.path["ts"])


async def edit_message(visit: Visit) -> Json:
    channel, message = _addressed(visit)
    if message.bot_id or message.subtype in NOT_POSTED_BY_PEOPLE:
        raise Refused("Only messages of people can be edited here.", 403)
    visit.workspace.edit_typed(channel, message, visit.needed("text"))
    return {"channel": channel.id, "ts": message.ts}


async def delete_message(visit: Visit) -> Json:
    channel, message = _addressed(visit)
    if message.subtype == "tombstone":
        raise Refused(f"Message {message.ts} is deleted already.", 404)
    visit.workspace.delete(channel, message)
    return {"channel": channel.id, "ts": message.ts}


async def set_topic(visit: Visit) -> Json:
    channel, user = _place_and_person(visit)
    message = visit.workspace.set_topic(channel, user, visit.text("topic"))
    return {"channel": channel.id, "ts": message.ts}


async def react(visit: Visit) -> Json:
    channel, user = _place_and_person(visit)
    message, name = visit.message(channel, visit.needed("ts")), visit.needed("name").strip(":")
    if not EMOJI_NAME.fullmatch(name):
        raise Refused(f"{name!r} is no emoji name.")
    if visit.flag("remove"):
        done = visit.workspace.unreact(channel, message, user.id, name)
    else:
        done = visit.workspace.react(channel, message, user.id, name)
    return {"ok": True, "changed": done}


async def list_messages(visit: Visit) -> list[Json]:
    """Everything, oldest first; `?limit=N` only the last N."""
    team = visit.workspace.team
    channel = visit.channel(visit.path["channel"])
    messages = list(channel.messages.values())
    limit = visit.query.get("limit", "")
    if limit.isdecimal():
        messages = messages[-int(limit) :]
    return [door_message(team, message) for message in messages]


async def read_state(visit: Visit) -> Json:
    """What the page needs to draw itself."""
    team = visit.workspace.team
    return {
        "team": {"id": team.id, "name": team.name, "scopes": team.scopes},
        "teams": [one.team.name for one in visit.sandbox.workspaces.values()],
        "bot": {"user": team.bot.id, "bot_id": team.bot.bot_id, "name": team.bot.name} | visit.sandbox.carrier.state(),
        "mode": "socket" if visit.sandbox.settings.socket_mode else "http",
        "speed": visit.sandbox.clock.speed,
        "commands": visit.sandbox.commands,
        "shortcuts": [{"callback_id": key, "name": name} for key, name in visit.sandbox.shortcuts.items()],
        "users": [
            {
                "id": one.id,
                "name": one.name,
                "real_name": one.real_name,
                "admin": one.admin,
                "owner": one.owner,
                "guest": bool(one.guest),
                "bot": bool(one.bot_id),
            }
            for one in team.users.values()
        ],
        "channels": [
            {
                "id": one.id,
                "name": one.name,
                "kind": one.kind,
                "topic": one.topic,
                "members": one.members,
                "archived": one.archived,
                "shared": bool(one.shared_with),
            }
            for one in team.channels.values()
        ],
    }


async def read_log(visit: Visit) -> Json:
    """All that is kept; `?last=N` only the newest N envelopes and calls, beside all counts."""
    last = visit.query.get("last", "")
    return visit.sandbox.log.json(int(last)) if last.isdecimal() else visit.sandbox.log.json()


async def add_fault(visit: Visit) -> Json:
    kind = visit.needed("fault")
    if kind not in FAULTS:
        raise Refused(f"No fault {kind!r}. Known: {', '.join(sorted(FAULTS))}.")
    count, seconds = visit.number("count"), visit.number("seconds")
    whole = None if count is None else int(count)
    if kind in SOCKET_FAULTS:
        reason = visit.text("reason", "refresh_requested")
        if reason not in DISCONNECT_REASONS:
            raise Refused(f"'reason' can be {', '.join(DISCONNECT_REASONS)}, not {reason!r}.")
        return {"ok": True, "sockets": await visit.sandbox.hub.break_sockets(kind, reason, whole)}
    visit.sandbox.faults.add(make_fault(kind, visit.text("method"), whole, seconds))
    return DONE


async def clear_faults(visit: Visit) -> Json:
    visit.sandbox.faults.clear()
    return DONE


async def set_clock(visit: Visit) -> Json:
    speed = visit.number("speed")
    if speed is None or not 0 < speed <= MAX_SPEED:
        raise Refused(f"'speed' must be above 0 and at most {MAX_SPEED}.")
    visit.sandbox.clock.set_speed(speed)
    return {"ok": True, "speed": speed}


async def set_scopes(visit: Visit) -> Json:
    visit.workspace.team.scopes[:] = visit.texts("bot")
    return {"ok": True, "bot": visit.workspace.team.scopes}


async def set_socket_mode(visit: Visit) -> Json:
    visit.sandbox.hub.enabled = visit.flag("enabled", default=True)
    return {"ok": True, "enabled": visit.sandbox.hub.enabled}


async def reset(visit: Visit) -> Json:
    visit.sandbox.reset()
    return DONE


# Method, path below /_sandbox, handler.
CALLS: tuple[tuple[str, str, Handler], ...] = (
    *control_asks.CALLS,
    *control_places.CALLS,
    ("POST", "/messages", post_message),
    ("PATCH", "/messages/{channel}/{ts}", edit_message),
    ("DELETE", "/messages/{channel}/{ts}", delete_message),
    ("GET", "/channels/{channel}/messages", list_messages),
    ("POST", "/topic", set_topic),
    ("POST", "/reactions", react),
    ("GET", "/state", read_state),
    ("GET", "/log", read_log),
    ("POST", "/faults", add_fault),
    ("DELETE", "/faults", clear_faults),
    ("POST", "/clock", set_clock),
    ("POST", "/scopes", set_scopes),
    ("POST", "/socket-mode", set_socket_mode),
    ("POST", "/reset", reset),
)
