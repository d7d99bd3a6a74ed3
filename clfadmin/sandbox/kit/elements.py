"""The interactive elements of Block Kit, checked one by one."""

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.kit.rules import (
    ANY_TEXT,
    MAX_FEW_OPTIONS,
    MAX_ID,
    MAX_OPTIONS,
    MAX_OVERFLOW,
    MAX_PLACEHOLDER,
    MAX_URL,
    Check,
    Checker,
    check_confirm,
    check_groups,
    check_initial,
    check_options,
)

MAX_TYPED = 3_000  # characters of an input, where it sets no limit of its own
CONVERSATIONS = ("default_to_current_conversation", "filter", "response_url_enabled")


def button(check: Check, value: Json, where: str) -> None:
    allowed = ("action_id", "url", "value", "style", "confirm", "accessibility_label")
    if check.keys(value, where, ("text",), allowed):
        check.text(value["text"], f"{where}/text", 75)
    check.string(value, "url", where, MAX_URL)
    check.string(value, "value", where, 2_000)
    check.string(value, "accessibility_label", where, 75)
    check.one_of(value, "style", where, ("primary", "danger"))


def image(check: Check, value: Json, where: str) -> None:
    check.keys(value, where, ("alt_text",), ("image_url", "slack_file"))
    if ("image_url" in value) == ("slack_file" in value):
        check.fail(where, "must have image_url or slack_file")
    check.string(value, "image_url", where, MAX_URL, 1)
    check.string(value, "alt_text", where, 2_000, 1)


def _menu(check: Check, value: Json, where: str, *extra: str) -> None:
    """What all menus share."""
    check.keys(value, where, (), ("action_id", "placeholder", "confirm", "focus_on_load", *extra))
    check.optional_text(value, "placeholder", where, MAX_PLACEHOLDER)
    check.flag(value, "focus_on_load", where)


def static_select(check: Check, value: Json, where: str) -> None:
    _menu(check, value, where, "options", "option_groups", "initial_option")
    _choices(check, value, where)
    check_initial(check, value, where, "initial_option")


def multi_static_select(check: Check, value: Json, where: str) -> None:
    _menu(check, value, where, "options", "option_groups", "initial_options", "max_selected_items")
    _choices(check, value, where)
    check_initial(check, value, where, "initial_options")
    check.number(value, "max_selected_items", where, 1, MAX_OPTIONS)


def _choices(check: Check, value: Json, where: str) -> None:
    if ("options" in value) == ("option_groups" in value):
        check.fail(where, "must have options or option_groups")
    elif "options" in value:
        check_options(check, value, where, MAX_OPTIONS)
    else:
        check_groups(check, value, where)


def _picker(*extra: str) -> Checker:
    """A menu of people or places."""

    def checker(check: Check, value: Json, where: str) -> None:
        _menu(check, value, where, *extra)
        for key in extra:
            if key.startswith("initial_") and key.endswith("s"):
                check.sequence(value.get(key, []), f"{where}/{key}", MAX_OPTIONS, 0)
            elif key.startswith("initial_"):
                check.string(value, key, where, MAX_ID, 1)

    return checker


def overflow(check: Check, value: Json, where: str) -> None:
    if check.keys(value, where, ("options",), ("action_id", "confirm")):
        check_options(check, value, where, MAX_OVERFLOW)


def checkboxes(check: Check, value: Json, where: str) -> None:
    if check.keys(value, where, ("options",), ("action_id", "initial_options", "confirm", "focus_on_load")):
        check_options(check, value, where, MAX_FEW_OPTIONS, ANY_TEXT)
        check_initial(check, value, where, "initial_options")


def radio_buttons(check: Check, value: Json, where: str) -> None:
    if check.keys(value, where, ("options",), ("action_id", "initial_option", "confirm", "focus_on_load")):
        check_options(check, value, where, MAX_FEW_OPTIONS, ANY_TEXT)
        check_initial(check, value, where, "initial_option")


def datepicker(check: Check, value: Json, where: str) -> None:
    _menu(check, value, where, "initial_date")
    check.string(value, "initial_date", where, 10, 10)


def timepicker(check: Check, value: Json, where: str) -> None:
    _menu(check, value, where, "initial_time", "timezone")
    check.string(value, "initial_time", where, 5, 5)


def datetimepicker(check: Check, value: Json, where: str) -> None:
    check.keys(value, where, (), ("action_id", "initial_date_time", "confirm", "focus_on_load"))


def plain_text_input(check: Check, value: Json, where: str) -> None:
    allowed = ("multiline", "min_length", "max_length", "initial_value", "placeholder", "dispatch_action_config")
    check.keys(value, where, (), ("action_id", "focus_on_load", *allowed))
    check.optional_text(value, "placeholder", where, MAX_PLACEHOLDER)
    check.number(value, "min_length", where, 0, MAX_TYPED)
    check.number(value | {"max_length": value.get("max_length", 1)}, "max_length", where, 1, MAX_TYPED)
    most = value.get("max_length", MAX_TYPED)
    check.string(value, "initial_value", where, most if isinstance(most, int) else MAX_TYPED)
    check.flag(value, "multiline", where)


def short_input(check: Check, value: Json, where: str) -> None:
    """An address of e-mail or of the web."""
    allowed = ("initial_value", "placeholder", "dispatch_action_config", "focus_on_load")
    check.keys(value, where, (), ("action_id", *allowed))
    check.optional_text(value, "placeholder", where, MAX_PLACEHOLDER)


def number_input(check: Check, value: Json, where: str) -> None:
    allowed = ("initial_value", "min_value", "max_value", "placeholder", "dispatch_action_config", "focus_on_load")
    check.keys(value, where, ("is_decimal_allowed",), ("action_id", *allowed))
    check.flag(value, "is_decimal_allowed", where)
    for key in ("initial_value", "min_value", "max_value"):
        check.string(value, key, where, MAX_ID)  # numbers travel as text
    check.optional_text(value, "placeholder", where, MAX_PLACEHOLDER)


MENUS: dict[str, Checker] = {
    "static_select": static_select,
    "multi_static_select": multi_static_select,
    "users_select": _picker("initial_user"),
    "multi_users_select": _picker("initial_users", "max_selected_items"),
    "conversations_select": _picker("initial_conversation", *CONVERSATIONS),
    "multi_conversations_select": _picker("initial_conversations", "max_selected_items", *CONVERSATIONS),
    "channels_select": _picker("initial_channel", "response_url_enabled"),
    "multi_channels_select": _picker("initial_channels", "max_selected_items"),
    "checkboxes": checkboxes,
    "radio_buttons": radio_buttons,
    "datepicker": datepicker,
    "timepicker": timepicker,
    "datetimepicker": datetimepicker,
}
# What stands in actions and beside a section, and what stands in an input.
CLICKED: dict[str, Checker] = {"button": button, "overflow": overflow, **MENUS}
ASKED: dict[str, Checker] = {
    "plain_text_input": plain_text_input,
    "email_text_input": short_input,
    "url_text_input": short_input,
    "number_input": number_input,
    **MENUS,
}


def check_element(check: Check, value: object, where: str, known: dict[str, Checker]) -> None:
    """One element of a block that takes the kinds `known`."""
    element = check.mapping(value, where)
    if element is None:
        return
    checker = known.get(str(element.get("type")))
    if checker is None:
        check.fail(f"{where}/type", f"unsupported type: {element.get('type')}")
        return
    checker(check, element, where)
    check.string(element, "action_id", where, MAX_ID, 1)
    check_confirm(check, element, where)
