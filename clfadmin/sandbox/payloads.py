"""What Slack tells the app when a person asks something of it. Pure functions of the store's values."""

from time import time

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.kit.values import kept_state
from clfadmin.sandbox.shapes import message_json, view_json
from clfadmin.sandbox.store import APP_ID, Channel, Ephemeral, Message, Team, User, View

# What a slash command calls the place where it was typed.
PLACES = {"private": "privategroup", "im": "directmessage"}


def slash_command(
    team: Team, channel: Channel, user: User, command: str, text: str, *, trigger: str, response_url: str
) -> Json:
    return {
        "token": "sandbox",
        "team_id": team.id,
        "team_domain": team.domain,
        "channel_id": channel.id,
        "channel_name": PLACES.get(channel.kind, channel.name),
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": False,
        "response_url": response_url,
        "trigger_id": trigger,
    }


def _asked(team: Team, user: User, kind: str, trigger: str) -> Json:
    """What all payloads of interactivity share."""
    return {
        "type": kind,
        "token": "sandbox",
        "team": {"id": team.id, "domain": team.domain},
        "enterprise": None,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": team.id},
        "api_app_id": APP_ID,
        "is_enterprise_install": False,
        "trigger_id": trigger,
    }


def _place(channel: Channel) -> Json:
    return {"id": channel.id, "name": PLACES.get(channel.kind, channel.name)}


def message_shortcut(
    team: Team, channel: Channel, message: Message, user: User, callback_id: str, *, trigger: str, response_url: str
) -> Json:
    payload = _asked(team, user, "message_action", trigger)
    del payload["api_app_id"], payload["user"]["username"]
    return payload | {
        "action_ts": f"{time():.6f}",
        "callback_id": callback_id,
        "channel": _place(channel),
        "message_ts": message.ts,
        "message": message_json(team, channel, message, metadata=True),
        "response_url": response_url,
    }


def click_on_message(
    team: Team, channel: Channel, message: Message | Ephemeral, user: User, action: Json, **more: str
) -> Json:
    """`more`: trigger and response_url. A message for one person only is not told again."""
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": isinstance(message, Ephemeral),
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    payload = _asked(team, user, "block_actions", more["trigger"]) | {
        "container": container,
        "channel": _place(channel),
        "state": {"values": kept_state(message.blocks, team.picked.get((user.id, message.ts), {}))},
        "response_url": more["response_url"],
        "actions": [action],
    }
    if isinstance(message, Message):
        payload["message"] = message_json(team, channel, message, metadata=True)
    return payload


def click_in_view(team: Team, view: View, user: User, action: Json, trigger: str) -> Json:
    return _asked(team, user, "block_actions", trigger) | {
        "container": {"type": "view", "view_id": view.id},
        "view": view_json(team, view),
        "actions": [action],
    }


def submission(team: Team, view: View, user: User, trigger: str) -> Json:
    return _asked(team, user, "view_submission", trigger) | {"view": view_json(team, view), "response_urls": []}


def closing(team: Team, view: View, user: User, *, cleared: bool) -> Json:
    payload = _asked(team, user, "view_closed", "")
    del payload["trigger_id"]
    return payload | {"view": view_json(team, view), "is_cleared": cleared}


def action_of(block: Json, element: Json, value: Json) -> Json:
    """The click itself: which element, and what it now says."""
    told = ("text", "value", "style", "placeholder", "confirm")
    action: Json = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
    action |= {key: element[key] for key in element if key in told or key.startswith("initial_")}
    return action | value | {"action_ts": f"{time():.6f}"}
