"""Documents as the lines of a CSV, TSV or JSONL file."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

DELIMITERS = {".csv": ",", ".tsv": "\t"}
KINDS = (*DELIMITERS, ".jsonl")
PLAIN = ("text", "label", "confidence", "sure", "version", "truncated")
# TSV has no way to hold these in a cell.
BREAKS = str.maketrans("\t\r\n", "   ")


def check_output(out: Path, *, option: str = "--out") -> None:
    """Refuse, before anything is computed, what can't be written."""
    if out.suffix.lower() not in KINDS:
        raise typer.BadParameter(f"{option} {out} should end in .csv, .tsv or .jsonl.")
    if not out.parent.is_dir():
        raise typer.BadParameter(f"{option} {out}: there is no folder {out.parent}.")
    if out.is_dir():
        raise typer.BadParameter(f"{option} {out} is a folder.")


class LabelledLines:
    """Items of `classify --json` as lines; in CSV and TSV each label's score is a column of its own."""

    def __init__(self, out: Path, labels: Sequence[str]) -> None:
        self._labels = labels
        delimiter = DELIMITERS.get(out.suffix.lower())
        self._delimited = None if delimiter is None else delimited(delimiter)

    @property
    def header(self) -> bytes:
        """The first line; empty for JSONL."""
        if self._delimited is None:
            return b""
        return self._delimited([*PLAIN, *(f"score:{label}" for label in self._labels)]).encode()

    def lines(self, documents: Iterable[Mapping[str, Any]]) -> bytes:
        """All of these documents, one a line, except for line breaks inside the texts of a CSV."""
        return "".join(map(self._line, documents)).encode()

    def _line(self, document: Mapping[str, Any]) -> str:
        if self._delimited is None:
            return json.dumps(document, ensure_ascii=False) + "\n"
        scores = (f"{document['scores'][label]:.6f}" for label in self._labels)
        return self._delimited([*(document[name] for name in PLAIN), *scores])


class _Echo:
    """What csv.writer takes for a file: hands each line back."""

    def write(self, line: str) -> str:
        return line


def delimited(delimiter: str) -> Callable[[Iterable[object]], str]:
    """cells -> one line of CSV, or with "\t" of TSV, quoted as spreadsheets and our own reader expect."""
    # Only with this terminator does csv quote a text that holds a lone "\r", which readers take for the end of a row.
    row = csv.writer(_Echo(), delimiter=delimiter, lineterminator="\r\n").writerow

    def line(cells: Iterable[object]) -> str:
        if delimiter == "\t":
            cells = [str(cell).translate(BREAKS) for cell in cells]
        written: str = row(cells)
        return written.removesuffix("\r\n") + "\n"

    return line
