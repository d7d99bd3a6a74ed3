"""The texts that two versions label differently, written to CSV or JSONL: there whole or not at all."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from classifier import durable

COLUMNS = ("text", "expected", "before", "after", "change", "file", "line")


def write_changed(out: Path, changes: Iterable[Mapping[str, Any]]) -> None:
    """Write items of `changed_texts` one at a time, so that many need no memory. Raises StorageError, DataError."""
    with durable.replacing(out) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            write = _csv(text) if out.suffix.lower() == ".csv" else _jsonl(text)
            for change in changes:
                write(change)
            text.flush()
        finally:
            text.detach()  # the file below is closed by its owner


def _csv(text: TextIOWrapper) -> Callable[[Mapping[str, Any]], object]:
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    return lambda change: rows.writerow(change[name] for name in COLUMNS)


def _jsonl(text: TextIOWrapper) -> Callable[[Mapping[str, Any]], object]:
    return lambda change: text.write(json.dumps(change, ensure_ascii=False) + "\n")
