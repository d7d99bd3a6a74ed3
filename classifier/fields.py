"""Reads a JSON object strictly: every value has its type and its bounds, and nothing else may be there."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from classifier.errors import VersionRefused

# More than any real file needs; keeps a hostile one from exhausting the stack.
MAX_DEPTH = 20


@dataclass(frozen=True)
class Fields:
    """One object of a version's JSON files. Each getter raises VersionRefused(code) naming `where` and the field."""

    where: str
    code: str
    values: dict[str, object]

    @classmethod
    def parse(cls, data: bytes, *, where: str, code: str) -> "Fields":
        """The object in `data`, UTF-8 JSON without NaN or Infinity and without a key given twice."""
        try:
            value = json.loads(data.decode("utf-8"), parse_constant=_no_constants, object_pairs_hook=_no_repeats)
        except (ValueError, RecursionError) as error:
            raise VersionRefused(code, f"{where} is no readable JSON ({_first_line(error)}).") from error
        if _depth(value) > MAX_DEPTH:
            raise VersionRefused(code, f"{where} is nested more than {MAX_DEPTH} deep.")
        return cls.of(value, where=where, code=code)

    @classmethod
    def of(cls, value: object, *, where: str, code: str) -> "Fields":
        if not isinstance(value, dict):
            raise VersionRefused(code, f"{where} should be a JSON object, received {type(value).__name__}.")
        return cls(where, code, cast("dict[str, object]", value))

    def only(self, names: Collection[str], *, optional: Collection[str] = ()) -> "Fields":
        """These names and no others: a field we don't know may change what the others mean."""
        missing = [name for name in names if name not in self.values and name not in optional]
        unknown = [name for name in self.values if name not in names]
        if missing:
            raise VersionRefused(self.code, f"{self.where} lacks {', '.join(missing)}.")
        if unknown:
            shown = ", ".join(repr(name[:40]) for name in unknown[:5])
            raise VersionRefused(self.code, f"{self.where} holds unknown fields: {shown}.")
        return self

    def integer(self, name: str, low: int, high: int) -> int:
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._refused(name, f"a whole number from {low} to {high}")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        value = self.values.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self._refused(name, f"a number from {low:g} to {high:g}")
        return float(value)

    def text(self, name: str, most: int) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise self._refused(name, f"a text of 1 to {most} characters")
        return value

    def choice(self, name: str, options: Collection[str]) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or value not in options:
            raise self._refused(name, f"one of {', '.join(options)}")
        return value

    def text_or_null(self, name: str, most: int) -> str | None:
        return None if self.values.get(name) is None else self.text(name, most)

    def number_or_null(self, name: str, low: float, high: float) -> float | None:
        return None if self.values.get(name) is None else self.number(name, low, high)

    def items(self, name: str, most: int) -> list[object]:
        value = self.values.get(name)
        if not isinstance(value, list) or len(cast("list[object]", value)) > most:
            raise self._refused(name, f"a list of at most {most}")
        return cast("list[object]", value)

    def object(self, name: str) -> "Fields":
        return Fields.of(self.values.get(name), where=f"{self.where}: {name}", code=self.code)

    def objects(self, name: str, most: int) -> list["Fields"]:
        return [
            Fields.of(item, where=f"{self.where}: {name}[{index}]", code=self.code)
            for index, item in enumerate(self.items(name, most))
        ]

    def _refused(self, name: str, wanted: str) -> VersionRefused:
        shown = repr(self.values.get(name))[:60]
        return VersionRefused(self.code, f"{self.where}: {name} should be {wanted}, received {shown}.")


def _no_constants(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _no_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is given twice")
    return result


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]


def _depth(value: object) -> int:
    """Levels of nesting, counted without recursion and no further than the limit needs."""
    level: list[object] = [value]
    for depth in range(MAX_DEPTH + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(cast("dict[str, object]", item).values())
            elif isinstance(item, list):
                below.extend(cast("list[object]", item))
        if not below:
            return depth
        level = below
    return MAX_DEPTH + 1
