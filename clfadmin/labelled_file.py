"""Labelled texts written to CSV or JSONL: there whole when the command ends well, not there otherwise."""

import csv
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import typer

from classifier import durable

KINDS = (".csv", ".jsonl")
PLAIN = ("text", "label", "confidence", "sure", "version", "truncated")

Write = Callable[[Mapping[str, Any]], None]


def check_output(out: Path, *, option: str = "--out") -> None:
    """Refuse, before anything is computed, what can't be written."""
    if out.suffix.lower() not in KINDS:
        raise typer.BadParameter(f"{option} {out} should end in .csv or .jsonl.")
    if not out.parent.is_dir():
        raise typer.BadParameter(f"{option} {out}: there is no folder {out.parent}.")
    if out.is_dir():
        raise typer.BadParameter(f"{option} {out} is a folder.")


@contextmanager
def writing(out: Path, labels: Sequence[str]) -> Generator[Write]:
    """Yields write(document) for items of `classify --json`; in CSV each label's score is a column of its own."""
    with durable.replacing(out) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            yield _csv(text, labels) if out.suffix.lower() == ".csv" else _jsonl(text)
            text.flush()
        finally:
            text.detach()  # the file below is closed by its owner


def _jsonl(text: TextIOWrapper) -> Write:
    def write(document: Mapping[str, Any]) -> None:
        text.write(json.dumps(document, ensure_ascii=False) + "\n")

    return write


def _csv(text: TextIOWrapper, labels: Sequence[str]) -> Write:
    cells = csv.writer(text, lineterminator="\n")
    cells.writerow([*PLAIN, *(f"score:{label}" for label in labels)])

    def write(document: Mapping[str, Any]) -> None:
        scores = [f"{document['scores'][label]:.6f}" for label in labels]
        cells.writerow([*(document[name] for name in PLAIN), *scores])

    return write
