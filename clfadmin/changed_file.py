"""The texts that two versions label differently, written to CSV, TSV or JSONL: there whole or not at all."""

import json
from collections.abc import Callable, Iterable, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from classifier import durable
from clfadmin.labelled_file import DELIMITERS, delimited

COLUMNS = ("text", "expected", "before", "after", "change", "file", "line")


def write_changed(out: Path, changes: Iterable[Mapping[str, Any]]) -> None:
    """Write items of `changed_texts` one at a time, so that many need no memory. Raises StorageError, DataError."""
    with durable.replacing(out) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            delimiter = DELIMITERS.get(out.suffix.lower())
            write = _jsonl(text) if delimiter is None else _cells(text, delimiter)
            for change in changes:
                write(change)
            text.flush()
        finally:
            text.detach()  # the file below is closed by its owner


def _cells(text: TextIOWrapper, delimiter: str) -> Callable[[Mapping[str, Any]], object]:
    line = delimited(delimiter)
    text.write(line(COLUMNS))
    return lambda change: text.write(line(change[name] for name in COLUMNS))


def _jsonl(text: TextIOWrapper) -> Callable[[Mapping[str, Any]], object]:
    return lambda change: text.write(json.dumps(change, ensure_ascii=False) + "\n")
