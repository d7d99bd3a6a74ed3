"""What people choose and type in elements: from a tester's plain value to Slack's state and back."""

import re
from typing import Any

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.kit.blocks import elements_of
from clfadmin.sandbox.kit.elements import MAX_TYPED
from clfadmin.sandbox.kit.rules import bare, options_of
from clfadmin.sandbox.store import Team

# Where each kind of element keeps its value in a state, and where it says what it starts with.
ONE_OPTION = ("static_select", "radio_buttons", "overflow")
MANY_OPTIONS = ("multi_static_select", "checkboxes")
ONE_ID = {
    "users_select": "user",
    "conversations_select": "conversation",
    "channels_select": "channel",
}
MANY_IDS = {f"multi_{kind}": f"{word}s" for kind, word in ONE_ID.items()}
MOMENTS = {"datepicker": "date", "timepicker": "time", "datetimepicker": "date_time"}
TYPED = ("plain_text_input", "email_text_input", "url_text_input", "number_input")
FORMS = {"datepicker": r"\d{4}-\d{2}-\d{2}", "timepicker": r"[0-2]\d:[0-5]\d"}
# They say at the click what was chosen, and remember nothing.
STATELESS = ("button", "overflow")

# block_id -> action_id -> what stands in the element.
Values = dict[str, dict[str, Json]]


class Unfit(Exception):
    """Nobody can choose or type this here; the message says why."""


def key_of(kind: str) -> str:
    """Under which key a state holds the value of an element of this kind."""
    if kind in ONE_OPTION:
        return "selected_option"
    if kind in MANY_OPTIONS:
        return "selected_options"
    word = ONE_ID.get(kind) or MANY_IDS.get(kind) or MOMENTS.get(kind)
    return f"selected_{word}" if word else "value"


def initial(element: Json) -> Json:
    """An element's state before anybody touched it."""
    kind = element["type"]
    key = key_of(kind)
    start: Any = element.get(key.replace("selected_", "initial_") if kind not in TYPED else "initial_value")
    if start is None:
        start = [] if kind in (*MANY_OPTIONS, *MANY_IDS) else None
    return {"type": kind, key: start}


def initial_state(blocks: list[Json]) -> Values:
    """The state of all elements that have one."""
    state: Values = {}
    for block, element in elements_of(blocks):
        if element["type"] not in STATELESS:
            state.setdefault(block["block_id"], {})[element["action_id"]] = initial(element)
    return state


def kept_state(blocks: list[Json], before: Values) -> Values:
    """After an update: elements with the ids and the kind they had keep what was typed in them."""
    state = initial_state(blocks)
    for block_id, entries in state.items():
        for action_id, entry in entries.items():
            old = before.get(block_id, {}).get(action_id)
            if old and old["type"] == entry["type"]:
                entries[action_id] = old
    return state


def chosen(element: Json, value: Any, team: Team) -> Json:
    """The element's value in Slack's form. `value` is an option's value, a name or id, text, or a list of these.

    None clears it. Raises Unfit.
    """
    kind = element["type"]
    key = key_of(kind)
    if kind in (*MANY_OPTIONS, *MANY_IDS):
        values: list[Any] = list(value) if isinstance(value, list) else [] if value in (None, "") else [value]  # pyright: ignore[reportUnknownArgumentType]
        most = element.get("max_selected_items", len(values))
        if len(values) > most:
            raise Unfit(f"{element['action_id']} takes {most} at most.")
        return {key: [_one(element, one, team) for one in values]}
    if value in (None, ""):
        return {key: None}
    return {key: _one(element, value, team)}


def _one(element: Json, value: Any, team: Team) -> Any:
    kind = element["type"]
    if kind in (*ONE_OPTION, *MANY_OPTIONS):
        return _option(element, value)
    if kind.endswith("users_select"):
        user = team.user(str(value))
        if user is None:
            raise Unfit(f"No user {value!r}.")
        return user.id
    if kind in (*ONE_ID, *MANY_IDS):
        channel = team.channel(str(value))
        if channel is None:
            raise Unfit(f"No channel {value!r}.")
        return channel.id
    if kind == "datetimepicker":
        return int(value)
    if kind in FORMS and not re.fullmatch(FORMS[kind], str(value)):
        raise Unfit(f"{value!r} does not fit a {kind}: a date is 2026-01-31, a time 17:30.")
    return str(value)


def _option(element: Json, value: Any) -> Json:
    options = options_of(element)
    for option in options:
        if value == option["value"] or bare(value) == bare(option):
            return {key: part for key, part in option.items() if key != "url"}
    known = ", ".join(str(option["value"]) for option in options)
    raise Unfit(f"{element['action_id']} has no option {value!r}. It has: {known}.")


def is_empty(entry: Json) -> bool:
    return entry.get(key_of(entry["type"])) in (None, "", [])


def complaint(block: Json, entry: Json) -> str:
    """Why Slack's own client would not let this input be submitted, or an empty string."""
    element, value = block["element"], entry.get("value")
    if is_empty(entry):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] == "plain_text_input" and isinstance(value, str):
        least, most = element.get("min_length", 0), element.get("max_length", MAX_TYPED)
        if len(value) < least:
            return f"Please enter at least {least} characters."
        if len(value) > most:
            return f"Please enter no more than {most} characters."
    if element["type"] == "number_input":
        return _number_complaint(element, str(value))
    return ""


def _number_complaint(element: Json, value: str) -> str:
    form = r"-?\d+(\.\d+)?" if element["is_decimal_allowed"] else r"-?\d+"
    if not re.fullmatch(form, value):
        return "Please enter a valid number."
    if "min_value" in element and float(value) < float(element["min_value"]):
        return f"Please enter a number that is at least {element['min_value']}."
    if "max_value" in element and float(value) > float(element["max_value"]):
        return f"Please enter a number that is at most {element['max_value']}."
    return ""


def filled(blocks: list[Json], state: Values, given: Json, team: Team) -> Values:
    """`state` with what a tester gives: `{block_id: {action_id: value}}`, or shorter by one id alone. Raises Unfit."""
    state = {block_id: dict(entries) for block_id, entries in state.items()}
    for name, value in given.items():
        pairs = _named(blocks, name, value)
        if not pairs:
            known = ", ".join(f"{block['block_id']}/{one['action_id']}" for block, one in elements_of(blocks))
            raise Unfit(f"Nothing here is called {name!r}. There is: {known}.")
        for block, element, wanted in pairs:
            entry = {"type": element["type"], **chosen(element, wanted, team)}
            state.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return state


def _named(blocks: list[Json], name: str, value: Any) -> list[tuple[Json, Json, Any]]:
    """The elements that `name` means, each with its value."""
    usable = [pair for pair in elements_of(blocks) if pair[1]["type"] not in STATELESS]
    inside = [pair for pair in usable if pair[0]["block_id"] == name]
    if inside and isinstance(value, dict):
        return [(block, one, value[one["action_id"]]) for block, one in inside if one["action_id"] in value]
    if len(inside) == 1:
        return [(*inside[0], value)]
    return [(block, one, value) for block, one in usable if one["action_id"] == name]
