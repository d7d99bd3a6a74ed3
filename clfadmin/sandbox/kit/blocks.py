"""Blocks of messages, windows and App Home: what Slack takes, and what it fills in by itself."""

import secrets
import string
from collections import Counter
from typing import Any, Literal

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.kit.elements import ASKED, CLICKED, check_element, image
from clfadmin.sandbox.kit.rules import ANY_TEXT, MAX_ID, Check, Checker

Surface = Literal["message", "modal", "home"]
MAX_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
RICH_PARTS = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")
# Slack makes up an id where the app names none.
ID_LETTERS = string.ascii_letters + string.digits + "+/="


def section(check: Check, block: Json, where: str) -> None:
    check.keys(block, where, (), ("block_id", "text", "fields", "accessory", "expand"))
    if "text" not in block and "fields" not in block:
        check.fail(where, "missing required field: text or fields")
    check.optional_text(block, "text", where, 3_000, ANY_TEXT)
    if "fields" in block:
        for at, field in enumerate(check.sequence(block["fields"], f"{where}/fields", 10)):
            check.text(field, f"{where}/fields/{at}", 2_000, ANY_TEXT)
    if "accessory" in block:
        check_element(check, block["accessory"], f"{where}/accessory", {"image": image, **CLICKED})


def header(check: Check, block: Json, where: str) -> None:
    if check.keys(block, where, ("text",), ("block_id", "level")):
        check.text(block["text"], f"{where}/text", 150)


def context(check: Check, block: Json, where: str) -> None:
    if not check.keys(block, where, ("elements",), ("block_id",)):
        return
    for at, element in enumerate(check.sequence(block["elements"], f"{where}/elements", 10)):
        here = f"{where}/elements/{at}"
        if isinstance(element, dict) and element.get("type") == "image":  # pyright: ignore[reportUnknownMemberType]
            check_element(check, element, here, {"image": image})  # pyright: ignore[reportUnknownArgumentType]
        else:
            check.text(element, here, 3_000, ANY_TEXT)


def actions(check: Check, block: Json, where: str) -> None:
    if not check.keys(block, where, ("elements",), ("block_id",)):
        return
    elements = check.sequence(block["elements"], f"{where}/elements", 25)
    for at, element in enumerate(elements):
        check_element(check, element, f"{where}/elements/{at}", CLICKED)
    ids: Counter[Any] = Counter(one.get("action_id") for one in elements if isinstance(one, dict))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if any(action_id and count > 1 for action_id, count in ids.items()):
        check.fail(where, "action_id already exists in the block")


def divider(check: Check, block: Json, where: str) -> None:
    check.keys(block, where, (), ("block_id",))


def picture(check: Check, block: Json, where: str) -> None:
    image(check, {key: value for key, value in block.items() if key not in ("block_id", "title")}, where)
    check.optional_text(block, "title", where, 2_000)


def asked(check: Check, block: Json, where: str) -> None:
    if not check.keys(block, where, ("label", "element"), ("block_id", "dispatch_action", "hint", "optional")):
        return
    check.text(block["label"], f"{where}/label", 2_000)
    check.optional_text(block, "hint", where, 2_000)
    check.flag(block, "optional", where)
    check.flag(block, "dispatch_action", where)
    check_element(check, block["element"], f"{where}/element", ASKED)


def rich_text(check: Check, block: Json, where: str) -> None:
    if not check.keys(block, where, ("elements",), ("block_id",)):
        return
    for at, part in enumerate(check.sequence(block["elements"], f"{where}/elements", 1_000, 0)):
        if not isinstance(part, dict) or part.get("type") not in RICH_PARTS:  # pyright: ignore[reportUnknownMemberType]
            check.fail(f"{where}/elements/{at}", f"must be one of {', '.join(RICH_PARTS)}")


BLOCKS: dict[str, Checker] = {
    "section": section,
    "header": header,
    "context": context,
    "actions": actions,
    "divider": divider,
    "image": picture,
    "input": asked,
    "rich_text": rich_text,
}


def problems_of(blocks: list[Any], surface: Surface, where: str = "/blocks") -> list[str]:
    """What Slack would refuse, in its words; nothing when it takes them."""
    check = Check()
    seen: set[str] = set()
    for at, value in enumerate(check.sequence(blocks, where, MAX_BLOCKS[surface], 0)):
        block = check.mapping(value, f"{where}/{at}")
        if block is None:
            continue
        checker = BLOCKS.get(str(block.get("type")))
        if checker is None:
            check.fail(f"{where}/{at}/type", f"unsupported type: {block.get('type')}")
            continue
        checker(check, block, f"{where}/{at}")
        check.string(block, "block_id", f"{where}/{at}", MAX_ID, 1)
        block_id = str(block.get("block_id", ""))
        if block_id and block_id in seen:
            check.fail(f"{where}/{at}/block_id", f"block_id already exists: {block_id}")
        seen.add(block_id)
    return check.problems


def completed(blocks: list[Json]) -> list[Json]:
    """Blocks as Slack gives them back: with ids for what has none, and the flags of texts."""
    return [_with_ids(_with_flags(block)) for block in blocks]


def _with_ids(block: Json) -> Json:
    block = {**block, "block_id": block.get("block_id") or _some_id()}
    for key in ("accessory", "element"):
        if key in block:
            block[key] = _named(block[key])
    if block["type"] == "actions":
        block["elements"] = [_named(element) for element in block["elements"]]
    return block


def _named(element: Json) -> Json:
    return element if element["type"] == "image" else {**element, "action_id": element.get("action_id") or _some_id()}


def _some_id() -> str:
    return "".join(secrets.choice(ID_LETTERS) for _ in range(5))


def _with_flags(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_flags(one) for one in part]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(part, dict) or part.get("type") == "rich_text":  # pyright: ignore[reportUnknownMemberType]
        return part  # pyright: ignore[reportUnknownVariableType]
    filled: Json = {key: _with_flags(value) for key, value in part.items()}  # pyright: ignore[reportUnknownVariableType]
    if filled.get("type") == "plain_text":
        filled.setdefault("emoji", True)
    elif filled.get("type") == "mrkdwn":
        filled.setdefault("verbatim", False)
    return filled


def elements_of(blocks: list[Json]) -> list[tuple[Json, Json]]:
    """Every element somebody can use, with its block."""
    found: list[tuple[Json, Json]] = []
    for block in blocks:
        if block["type"] == "actions":
            found += [(block, element) for element in block["elements"]]
        elif block["type"] == "input":
            found.append((block, block["element"]))
        elif block["type"] == "section" and block.get("accessory", {}).get("type") not in (None, "image"):
            found.append((block, block["accessory"]))
    return found
