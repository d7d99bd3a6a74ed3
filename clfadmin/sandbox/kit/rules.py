"""What Block Kit allows, part by part: the checks that all blocks and elements share.

The figures are those of Slack's reference of Block Kit.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from clfadmin.sandbox.encoding import Json

PLAIN = ("plain_text",)
ANY_TEXT = ("plain_text", "mrkdwn")

MAX_ID = 255
MAX_OPTIONS = 100
MAX_FEW_OPTIONS = 10  # checkboxes, radio buttons
MAX_OVERFLOW = 5
MAX_URL = 3_000
MAX_PLACEHOLDER = 150


@dataclass
class Check:
    """Collects what is wrong, each with the JSON pointer of its place, as Slack words it."""

    problems: list[str] = field(default_factory=list[str])

    def fail(self, where: str, what: str) -> None:
        self.problems.append(f"[ERROR] {what} [json-pointer:{where}]")

    def mapping(self, value: Any, where: str) -> Json | None:
        if isinstance(value, dict):
            return value  # pyright: ignore[reportUnknownVariableType]
        self.fail(where, "must be a JSON object")
        return None

    def sequence(self, value: Any, where: str, most: int, least: int = 1) -> list[Any]:
        if not isinstance(value, list):
            self.fail(where, "must be an array")
            return []
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        if len(items) > most:
            self.fail(where, f"no more than {most} items allowed")
        if len(items) < least:
            self.fail(where, f"no fewer than {least} items required")
        return items

    def keys(self, value: Json, where: str, needed: Collection[str], allowed: Collection[str]) -> bool:
        """Whether all of `needed` are there; an unknown key is a problem too."""
        missing = [key for key in needed if key not in value]
        for key in missing:
            self.fail(where, f"missing required field: {key}")
        for key in value.keys() - {"type", *needed, *allowed}:
            self.fail(where, f"invalid additional property: {key}")
        return not missing

    def string(self, value: Json, key: str, where: str, most: int, least: int = 0) -> None:
        """`value[key]`, where it is there, is text of allowed length."""
        if key not in value:
            return
        said = value[key]
        if not isinstance(said, str):
            self.fail(f"{where}/{key}", "must be a string")
        elif len(said) > most:
            self.fail(f"{where}/{key}", f"must be no more than {most} characters")
        elif len(said) < least:
            self.fail(f"{where}/{key}", f"must be more than {least - 1} characters")

    def flag(self, value: Json, key: str, where: str) -> None:
        if key in value and not isinstance(value[key], bool):
            self.fail(f"{where}/{key}", "must be a boolean")

    def number(self, value: Json, key: str, where: str, least: int, most: int) -> None:
        found = value.get(key, least)
        if isinstance(found, bool) or not isinstance(found, int) or not least <= found <= most:
            self.fail(f"{where}/{key}", f"must be an integer from {least} to {most}")

    def one_of(self, value: Json, key: str, where: str, known: Collection[str]) -> None:
        if key in value and value[key] not in known:
            self.fail(f"{where}/{key}", f"must be one of {', '.join(known)}")

    def text(self, value: Any, where: str, most: int, kinds: Collection[str] = PLAIN, least: int = 1) -> None:
        """A text object."""
        part = self.mapping(value, where)
        if part is None:
            return
        if part.get("type") not in kinds:
            self.fail(f"{where}/type", f"unsupported type: {part.get('type')}, must be {' or '.join(kinds)}")
            return
        if self.keys(part, where, ("text",), ("emoji",) if part["type"] == "plain_text" else ("verbatim",)):
            self.string(part, "text", where, most, least)
        self.flag(part, "emoji", where)
        self.flag(part, "verbatim", where)

    def optional_text(self, value: Json, key: str, where: str, most: int, kinds: Collection[str] = PLAIN) -> None:
        if key in value:
            self.text(value[key], f"{where}/{key}", most, kinds)


Checker = Callable[[Check, Json, str], None]


def check_confirm(check: Check, owner: Json, where: str) -> None:
    """The question before a click counts, where there is one."""
    if "confirm" not in owner:
        return
    here = f"{where}/confirm"
    part = check.mapping(owner["confirm"], here)
    if part is None or not check.keys(part, here, ("title", "text", "confirm", "deny"), ("style",)):
        return
    check.text(part["title"], f"{here}/title", 100)
    check.text(part["text"], f"{here}/text", 300, ANY_TEXT)
    check.text(part["confirm"], f"{here}/confirm", 30)
    check.text(part["deny"], f"{here}/deny", 30)
    check.one_of(part, "style", here, ("primary", "danger"))


def check_option(check: Check, value: Any, where: str, kinds: Collection[str] = PLAIN) -> None:
    part = check.mapping(value, where)
    if part is None or not check.keys(part, where, ("text", "value"), ("description", "url")):
        return
    check.text(part["text"], f"{where}/text", 75, kinds)
    check.string(part, "value", where, 150)
    check.optional_text(part, "description", where, 75, kinds)
    check.string(part, "url", where, MAX_URL)


def options_of(element: Json) -> list[Json]:
    """All options, those of groups too; whatever is malformed is left out."""
    groups = [element, *_objects(element.get("option_groups"))]
    return [option for group in groups for option in _objects(group.get("options"))]


def _objects(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]


def check_options(check: Check, element: Json, where: str, most: int, kinds: Collection[str] = PLAIN) -> None:
    for at, option in enumerate(check.sequence(element["options"], f"{where}/options", most)):
        check_option(check, option, f"{where}/options/{at}", kinds)


def check_groups(check: Check, element: Json, where: str) -> None:
    here = f"{where}/option_groups"
    for at, value in enumerate(check.sequence(element["option_groups"], here, MAX_OPTIONS)):
        group = check.mapping(value, f"{here}/{at}")
        if group is not None and check.keys(group, f"{here}/{at}", ("label", "options"), ()):
            check.text(group["label"], f"{here}/{at}/label", 75)
            check_options(check, group, f"{here}/{at}", MAX_OPTIONS)


def check_initial(check: Check, element: Json, where: str, key: str) -> None:
    """What is chosen at the start must be among the options, word for word."""
    if key not in element:
        return
    value: Any = element[key]
    chosen: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
    offered = [bare(one) for one in options_of(element)]
    if not chosen or any(not isinstance(one, dict) or bare(one) not in offered for one in chosen):
        check.fail(f"{where}/{key}", "must be one of the provided options")


def bare(part: Any) -> Any:
    """Without what Slack fills in by itself, so that parts compare by what they say."""
    if isinstance(part, dict):
        return {key: bare(value) for key, value in part.items() if key not in ("emoji", "verbatim")}  # pyright: ignore[reportUnknownVariableType]
    return part
