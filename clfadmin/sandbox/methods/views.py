"""views.*: windows and App Home."""

from typing import Any

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.kit.views import problems_of_view, too_large
from clfadmin.sandbox.limits import Tier
from clfadmin.sandbox.methods.call import ApiError, Call, Method
from clfadmin.sandbox.shapes import view_json
from clfadmin.sandbox.store import View
from clfadmin.sandbox.windows import MAX_STACK


def described(call: Call, kind: str) -> Json:
    """The argument `view`, checked as Slack checks it."""
    given: Json = call.args.structure("view", dict, "invalid_arguments")
    view: Json = {key: value for key, value in given.items() if value is not None}
    if too_large(view):
        raise ApiError("view_too_large")
    problems = problems_of_view(view)
    if not problems and view["type"] != kind:
        problems = [f"[ERROR] must be a {kind} [json-pointer:/view/type]"]
    if problems:
        raise ApiError("invalid_arguments", response_metadata={"messages": problems})
    return view


def unique(call: Call, view: Json, own: View | None = None) -> Json:
    """No two views share an external id."""
    external_id = view.get("external_id")
    other = call.team.view_called(external_id) if external_id else None
    if other is not None and other is not own:
        raise ApiError("duplicate_external_id")
    return view


def person(call: Call) -> Any:
    """Whose click it was; the trigger is used up."""
    name = call.args.text("trigger_id")
    if not name:
        raise ApiError(
            "invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: trigger_id"]}
        )
    trigger, error = call.sandbox.asks.triggers.take(name, call.team.id)
    if trigger is None:
        raise ApiError(error)
    return trigger


def shown(call: Call, view: View) -> Json:
    return {"view": view_json(call.team, view)}


def open_view(call: Call) -> Json:
    view = unique(call, described(call, "modal"))
    return shown(call, call.workspace.windows.open(person(call).user, view))


def push(call: Call) -> Json:
    """Only from a click in a window that is still there."""
    view = unique(call, described(call, "modal"))
    trigger = person(call)
    stack = call.team.windows.get(trigger.user, [])
    if not trigger.view or trigger.view not in (one.id for one in stack):
        raise ApiError("not_found")
    if len(stack) >= MAX_STACK:
        raise ApiError("push_limit_reached")
    return shown(call, call.workspace.windows.push(trigger.user, view))


def update(call: Call) -> Json:
    view_id, external_id = call.args.text("view_id"), call.args.text("external_id")
    if not (view_id or external_id):
        raise ApiError("invalid_arguments")
    found = call.team.view(view_id) if view_id else call.team.view_called(external_id)
    if found is None:
        raise ApiError("not_found")
    view = unique(call, described(call, "home" if found.is_home else "modal"), found)
    fresh(call, found)
    return shown(call, call.workspace.windows.update(found, view))


def publish(call: Call) -> Json:
    view = described(call, "home")
    user = call.team.users.get(call.args.text("user_id"))
    if user is None or user.bot_id:
        raise ApiError("user_not_found" if user is None else "invalid_arguments")
    home = call.team.homes.get(user.id)
    unique(call, view, home)
    if home is not None:
        fresh(call, home)
    return shown(call, call.workspace.windows.publish(user.id, view))


def fresh(call: Call, view: View) -> None:
    """With a `hash`, only the view the app has last seen is changed."""
    known = call.args.text("hash")
    if known and known != view.hash:
        raise ApiError("hash_conflict")


METHODS = (
    Method("views.open", open_view, Tier.FOUR),
    Method("views.push", push, Tier.FOUR),
    Method("views.update", update, Tier.FOUR),
    Method("views.publish", publish, Tier.FOUR),
)
