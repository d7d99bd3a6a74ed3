"""Windows and App Home as the app describes them: checked, completed, and shown back as Slack does."""

from clfadmin.sandbox.encoding import Json, dump
from clfadmin.sandbox.kit.blocks import completed, problems_of
from clfadmin.sandbox.kit.rules import MAX_ID, Check

MAX_VIEW_CHARACTERS = 250_000
FLAGS = ("clear_on_close", "notify_on_close", "submit_disabled")
COMMON = ("private_metadata", "callback_id", "external_id")


def problems_of_view(view: Json) -> list[str]:
    """What Slack would refuse, in its words."""
    check = Check()
    kind = view.get("type")
    if kind not in ("modal", "home"):
        check.fail("/view/type", f"unsupported type: {kind}, must be modal or home")
        return check.problems
    titled = ("title",) if kind == "modal" else ()
    if not check.keys(view, "/view", (*titled, "blocks"), (*COMMON, *FLAGS, "submit", "close")):
        return check.problems
    for key in ("title", "submit", "close"):
        check.optional_text(view, key, "/view", 24)
    check.string(view, "private_metadata", "/view", 3_000)
    check.string(view, "callback_id", "/view", MAX_ID)
    check.string(view, "external_id", "/view", MAX_ID)
    for key in FLAGS:
        check.flag(view, key, "/view")
    check.problems += problems_of(view["blocks"], kind, "/view/blocks")
    if check.problems:
        return check.problems
    if kind == "modal" and "submit" not in view and any(_is_input(one) for one in view["blocks"]):
        check.fail("/view", "submit is required when an input is in blocks")
    return check.problems


def _is_input(block: Json) -> bool:
    return block["type"] == "input"


def too_large(view: Json) -> bool:
    return len(dump(view)) > MAX_VIEW_CHARACTERS


def body_of(view: Json) -> Json:
    """A checked view with everything Slack fills in; its ids come from the workspace."""
    texts = {
        key: {**view[key], "emoji": view[key].get("emoji", True)} for key in ("title", "submit", "close") if key in view
    }
    empty: Json = {"title": {"type": "plain_text", "text": "", "emoji": True}, "submit": None, "close": None}
    words = {key: view.get(key, "") for key in COMMON}
    flags = {key: view.get(key, False) for key in FLAGS}
    return {"type": view["type"], **empty, **texts, **words, **flags, "blocks": completed(view["blocks"])}
