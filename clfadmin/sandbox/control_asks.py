"""`/_sandbox/…`, the part that asks something of the app: commands, clicks, shortcuts, windows, App Home.

Each call waits for the app's acknowledgement and answers what the person then sees.
"""

from typing import Any

from clfadmin.sandbox.asks import Outcome
from clfadmin.sandbox.door import Handler, Refused, Visit
from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.kit.blocks import elements_of
from clfadmin.sandbox.kit.values import Unfit
from clfadmin.sandbox.shapes import door_view, ephemeral_json
from clfadmin.sandbox.store import Channel, Ephemeral, Message, User, View

NO_COMMANDS = "missing_scope: the bot has no scope `commands`, so Slack shows none of its commands and shortcuts."


def seen_by(visit: Visit, user: User) -> Json:
    """That person's whispers, open windows (the one on top last) and App Home."""
    team = visit.workspace.team
    home = team.homes.get(user.id)
    return {
        "ephemeral": [ephemeral_json(one) for one in team.ephemerals if one.user == user.id],
        "views": [door_view(view) for view in team.windows.get(user.id, [])],
        "home": door_view(home) if home else None,
    }


def answered(visit: Visit, user: User, outcome: Outcome) -> Json:
    """`ok` false: the app did not answer (`error`), or the window stays open (`errors`, by block)."""
    answer: Json = {"ok": not (outcome.error or outcome.errors)}
    answer |= {"error": outcome.error} if outcome.error else {}
    answer |= {"errors": outcome.errors} if outcome.errors else {}
    return answer | seen_by(visit, user)


async def what_a_person_sees(visit: Visit) -> Json:
    return seen_by(visit, visit.user(visit.path["user"]))


def _person(visit: Visit) -> User:
    user = visit.user(visit.needed("user"))
    if user.bot_id:
        raise Refused(f"{user.name} is a bot; only people click and type commands.", 403)
    return user


def _place(visit: Visit, user: User) -> Channel:
    channel = visit.channel(visit.needed("channel"))
    if user.id not in channel.members:
        raise Refused(f"{user.name} is not in {channel.name}. Join with POST /_sandbox/membership.", 403)
    return channel


def _needs_commands(visit: Visit) -> None:
    if "commands" not in visit.workspace.team.scopes:
        raise Refused(NO_COMMANDS, 403)


async def type_command(visit: Visit) -> Json:
    user = _person(visit)
    channel, command = _place(visit, user), visit.needed("command")
    _needs_commands(visit)
    if command not in visit.sandbox.commands:
        known = ", ".join(visit.sandbox.commands)
        raise Refused(f"{command} is not a valid command. Known: {known}. POST /_sandbox/app names others.", 404)
    words = (command, visit.text("text").strip())
    outcome = await visit.sandbox.asks.command(visit.workspace, channel, user, words, visit.base_url)
    return answered(visit, user, outcome)


async def use_shortcut(visit: Visit) -> Json:
    user = _person(visit)
    channel, callback_id = _place(visit, user), visit.needed("callback_id")
    _needs_commands(visit)
    if callback_id not in visit.sandbox.shortcuts:
        known = ", ".join(visit.sandbox.shortcuts)
        raise Refused(f"No shortcut {callback_id!r}. Known: {known}. POST /_sandbox/app names others.", 404)
    message = visit.message(channel, visit.needed("ts"))
    asks = visit.sandbox.asks
    outcome = await asks.shortcut(visit.workspace, channel, message, user, callback_id, visit.base_url)
    return answered(visit, user, outcome)


def _clicked(visit: Visit, blocks: list[Json]) -> tuple[Json, Json]:
    """The block and element that `action_id`, and `block_id` where it is given, name."""
    action_id, block_id = visit.needed("action_id"), visit.text("block_id")
    for block, element in elements_of(blocks):
        if element["action_id"] == action_id and block_id in ("", block["block_id"]):
            return block, element
    known = ", ".join(element["action_id"] for _, element in elements_of(blocks)) or "none"
    raise Refused(f"No element {action_id!r} to click here. There is: {known}.", 404)


def _message_for(visit: Visit, user: User) -> tuple[Channel, Message | Ephemeral]:
    channel, ts = _place(visit, user), visit.needed("ts")
    whisper = visit.workspace.team.ephemeral(ts)
    if whisper is not None and whisper.user == user.id:
        return channel, whisper
    message = visit.message(channel, ts)
    if message.bot_id != visit.workspace.team.bot.bot_id:
        raise Refused(f"Message {ts} is not our bot's: there is nothing to click on.", 403)
    return channel, message


async def click(visit: Visit) -> Json:
    """On a message (`channel`, `ts`), or with `view` in a window or App Home."""
    user, value, asks = _person(visit), visit.body.get("value"), visit.sandbox.asks
    try:
        if visit.text("view"):
            view = _view_of(visit, user, visit.text("view"))
            used = _clicked(visit, view.blocks)
            outcome = await asks.click_in_view(visit.workspace, view, user, used, value, _values(visit))
        else:
            place = _message_for(visit, user)
            used = _clicked(visit, place[1].blocks)
            outcome = await asks.click(visit.workspace, place, user, used, value, visit.base_url)
    except Unfit as unfit:
        raise Refused(str(unfit)) from unfit
    return answered(visit, user, outcome)


def _view_of(visit: Visit, user: User, view_id: str) -> View:
    view = visit.workspace.team.view(view_id)
    if view is None or view.user != user.id:
        raise Refused(f"{user.name} has no view {view_id!r} open.", 404)
    return view


def _values(visit: Visit) -> Json:
    values: Any = visit.body.get("values") or {}
    if not isinstance(values, dict):
        raise Refused("'values' must be an object: block ids or action ids with what stands there.")
    return values  # pyright: ignore[reportUnknownVariableType]


async def submit_view(visit: Visit) -> Json:
    """Submits; with `close` closes the window instead, with `close` and `all` all that lie on each other."""
    user, asks = _person(visit), visit.sandbox.asks
    view = _view_of(visit, user, visit.path["view"])
    if view.is_home:
        raise Refused("An App Home is not submitted; click on something in it with POST /_sandbox/actions.")
    if visit.flag("close"):
        return answered(visit, user, await asks.close(visit.workspace, view, user, everything=visit.flag("all")))
    if visit.workspace.team.windows[user.id][-1] is not view:
        raise Refused(f"View {view.id} lies below another window.", 409)
    if not view.body["submit"]:
        raise Refused(f"View {view.id} has no button to submit it.", 409)
    try:
        outcome = await asks.submit(visit.workspace, view, user, _values(visit))
    except Unfit as unfit:
        raise Refused(str(unfit)) from unfit
    return answered(visit, user, outcome)


async def open_home(visit: Visit) -> Json:
    """The event is sent like any other; the bot's answer shows as soon as it publishes."""
    user, tab = _person(visit), visit.text("tab", "home")
    if tab not in ("home", "messages"):
        raise Refused(f"'tab' can be home or messages, not {tab!r}.")
    channel = visit.workspace.open_home(user, tab)
    return {"ok": True, "channel": channel.id} | seen_by(visit, user)


async def dismiss(visit: Visit) -> Json:
    """A person puts a whisper away."""
    user = visit.user(visit.path["user"])
    whisper = visit.workspace.team.ephemeral(visit.path["ts"])
    if whisper is None or whisper.user != user.id:
        raise Refused(f"{user.name} sees no whisper {visit.path['ts']!r}.", 404)
    visit.workspace.dismiss(whisper)
    return {"ok": True}


async def describe_app(visit: Visit) -> Json:
    """What the app's manifest names: slash commands, message shortcuts by callback id, whether tokens are renewed."""
    if "commands" in visit.body:
        visit.sandbox.commands = visit.texts("commands")
    shortcuts: Any = visit.body.get("shortcuts")
    if isinstance(shortcuts, dict):
        visit.sandbox.shortcuts = {str(key): str(name) for key, name in shortcuts.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if "token_rotation" in visit.body:
        visit.sandbox.installs.rotation = visit.flag("token_rotation")
    return {
        "ok": True,
        "commands": visit.sandbox.commands,
        "shortcuts": visit.sandbox.shortcuts,
        "token_rotation": visit.sandbox.installs.rotation,
    }


CALLS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/users/{user}/sees", what_a_person_sees),
    ("DELETE", "/users/{user}/sees/{ts}", dismiss),
    ("POST", "/commands", type_command),
    ("POST", "/actions", click),
    ("POST", "/shortcuts", use_shortcut),
    ("POST", "/views/{view}", submit_view),
    ("POST", "/home", open_home),
    ("POST", "/app", describe_app),
)
