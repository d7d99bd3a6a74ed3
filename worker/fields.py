"""Fields of a stream entry's JSON, each checked for its kind. Standard library only."""

import math
from enum import StrEnum
from typing import Any, TypeVar, cast

MAX_FIELD = 255
T = TypeVar("T", bound=StrEnum)


class DecodeError(Exception):
    """A stream entry that is no valid Job or Result. The message says what is wrong, never what the entry held."""


class NewerSchema(DecodeError):
    """Written by a newer release: not ours to judge, it is left to a newer worker."""


def text(data: dict[str, Any], name: str, *, limit: int = MAX_FIELD) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise DecodeError(f"field {name} is no text")
    if len(value) > limit:
        raise DecodeError(f"field {name} has {len(value)} characters, {limit} is the limit")
    if not is_unicode(value):
        raise DecodeError(f"field {name} holds half a character")
    return value


def is_unicode(value: str) -> bool:
    """Whether it can be written anywhere: JSON may hold half of a surrogate pair, which no encoding has."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def number(data: dict[str, Any], name: str) -> float:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DecodeError(f"field {name} is no number")
    if not math.isfinite(value):
        raise DecodeError(f"field {name} is not finite")
    return float(value)


def whole(data: dict[str, Any], name: str) -> int:
    # isinstance lets True through and float loses digits of large numbers; Redis ids need neither.
    value = data.get(name)
    if type(value) is not int:
        raise DecodeError(f"field {name} is no whole number")
    return value


def numbers(data: dict[str, Any], name: str) -> dict[str, float]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise DecodeError(f"field {name} is no object")
    table = cast("dict[str, Any]", value)
    if not all(is_unicode(key) for key in table):
        raise DecodeError(f"field {name} holds half a character")
    return {key: number(table, key) for key in table}


def choice(data: dict[str, Any], name: str, choices: type[T]) -> T:
    try:
        return choices(text(data, name))
    except ValueError as error:
        raise DecodeError(f"field {name} is none of {', '.join(choices)}") from error
