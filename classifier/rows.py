"""Reads labelled texts from CSV, TSV, JSONL or plain text, row by row in constant memory; errors name file and line."""

import csv
import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import fstat
from pathlib import Path
from typing import Any, BinaryIO

from classifier.errors import DataError, LabelError
from classifier.labels import check_label

# Slack stops at 40,000. What is longer is nearly always a quote that was never closed.
MAX_TEXT_CHARACTERS = 100_000
MAX_LINE_BYTES = 4 << 20
DELIMITERS = ",;\t|"
KINDS = {".csv": "CSV", ".tsv": "TSV", ".jsonl": "JSONL", ".ndjson": "JSONL", ".txt": "text"}
UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Row:
    """One row. `line` is where it begins, from 1; `label` is "" where it is empty or not asked for."""

    line: int
    text: str
    label: str


@dataclass(frozen=True)
class Columns:
    """Which columns or fields to read. Without `label` no label is looked for."""

    text: str = "text"
    label: str | None = "label"

    @property
    def wanted(self) -> list[str]:
        return [self.text] if self.label is None else [self.text, self.label]


class RowFile:
    """The rows of one file. `rows` and `bytes` count what was read; after the last row `sha256` is the file's."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self.path, self.columns = path, columns
        self.rows = self.bytes = 0
        self._sha256 = hashlib.sha256()
        self._line = 0
        self._delimiter = "\t"

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def __iter__(self) -> Iterator[Row]:
        """Raises DataError for what can't be read: no such file, a folder, bad UTF-8, a missing column and so on."""
        kind = kind_of(self.path)
        readers = {"CSV": self._csv, "TSV": self._tsv, "JSONL": self._jsonl, "text": self._text}
        with _reading(self.path), self.path.open("rb") as file:
            for row in readers[kind](self._lines(file)):
                self.rows += 1
                yield self._checked(row)

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        """Decoded lines with their ends, without a byte order mark. Counts lines and bytes on the way."""
        while raw := file.readline(MAX_LINE_BYTES + 1):
            self._line += 1
            self.bytes += len(raw)
            self._sha256.update(raw)
            if self._line == 1:
                if raw.startswith(UTF16):
                    raise DataError(f"{self.path} is UTF-16. Save it as UTF-8.")
                raw = raw.removeprefix(b"\xef\xbb\xbf")
            if len(raw) > MAX_LINE_BYTES:
                raise self._error(f"the line has more than {MAX_LINE_BYTES:,} bytes")
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError as error:
                byte = raw[error.start]
                raise self._error(
                    f"byte {error.start + 1} (0x{byte:02x}) is no UTF-8. Save the file as UTF-8"
                ) from error

    def _csv(self, lines: Iterator[str]) -> Iterator[Row]:
        header, self._delimiter = self._header(lines)
        places = self._places(header)
        # strict: a quote in the wrong place would otherwise silently join rows.
        records = csv.reader(lines, delimiter=self._delimiter, strict=True)
        while True:
            line = self._line + 1
            try:
                cells = next(records, None)
            except csv.Error as error:
                raise self._error(_explain_csv(error), line) from error
            if cells is None:
                return
            if len(cells) > 1 or (cells and cells[0].strip()):  # else a blank line
                yield self._row(line, cells, header, places)

    def _header(self, lines: Iterator[str]) -> tuple[list[str], str]:
        """Column names, and the delimiter with which the wanted ones are found."""
        first = next(lines, "")
        headers: dict[str, list[str]] = {}
        for delimiter in DELIMITERS:
            try:
                headers[delimiter] = next(csv.reader([first], delimiter=delimiter, strict=True), [])
            except csv.Error:  # a quote that only makes sense with another delimiter
                continue
            headers[delimiter] = [name.strip() for name in headers[delimiter]]
        for delimiter, header in headers.items():
            if all(name in header for name in self.columns.wanted):
                return header, delimiter
        best = max(headers, key=lambda delimiter: len(headers[delimiter]), default=",")
        return headers.get(best, []), best

    def _tsv(self, lines: Iterator[str]) -> Iterator[Row]:
        """Tabs can't be inside a cell, so quotes around one are decoration and quotes inside mean themselves."""
        header = [_unquoted(cell.strip()) for cell in next(lines, "").rstrip("\r\n").split("\t")]
        places = self._places(header)
        for line in lines:
            stripped = line.rstrip("\r\n")
            if stripped:
                yield self._row(self._line, [_unquoted(cell) for cell in stripped.split("\t")], header, places)

    def _places(self, header: Sequence[str]) -> list[int]:
        if not any(header):
            raise DataError(f"{self.path} is empty. Its first line should name the columns.")
        for name, option in zip(self.columns.wanted, ("--text-column", "--label-column"), strict=False):
            if header.count(name) != 1:
                problem = "no" if name not in header else "more than one"
                raise DataError(
                    f"{self.path} has {problem} column {name!r}. Found: {_shown(header)}. Choose one with {option}."
                )
        return [header.index(name) for name in self.columns.wanted]

    def _row(self, line: int, cells: Sequence[str], header: Sequence[str], places: Sequence[int]) -> Row:
        if len(cells) != len(header):
            raise self._error(
                f"{len(cells)} cells instead of {len(header)}. A cell that holds a delimiter or a line break "
                "must be in quotes",
                line,
            )
        values = [cells[place] for place in places]
        return Row(line, values[0], values[1].strip() if len(values) > 1 else "")

    def _jsonl(self, lines: Iterator[str]) -> Iterator[Row]:
        for line in lines:
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise self._error("no JSON object. JSONL has one object on each line") from error
            if not isinstance(value, dict):
                raise self._error(f"a JSON {type(value).__name__}. JSONL has one object on each line")
            yield self._row_of(value)

    def _row_of(self, fields: dict[str, Any]) -> Row:
        for name, option in zip(self.columns.wanted, ("--text-column", "--label-column"), strict=False):
            if name not in fields:
                raise self._error(f"no field {name!r}. Found: {_shown(list(fields))}. Choose one with {option}")
        text, label = fields[self.columns.text], fields.get(self.columns.label or "", "")
        if not isinstance(text, str | None):
            raise self._error(f"{self.columns.text!r} should be a text, received a {type(text).__name__}")
        # Whole numbers and true/false are labels people use; a list or a fraction is a mistake.
        if not isinstance(label, str | int | None):
            raise self._error(f"{self.columns.label!r} should be a text, received a {type(label).__name__}")
        return Row(self._line, whole(text or ""), "" if label is None else str(label).strip())

    def _text(self, lines: Iterator[str]) -> Iterator[Row]:
        for line in lines:
            yield Row(self._line, line.rstrip("\r\n"), "")

    def _checked(self, row: Row) -> Row:
        if len(row.text) > MAX_TEXT_CHARACTERS:
            raise self._error(
                f"the text has {len(row.text):,} characters, at most {MAX_TEXT_CHARACTERS:,} make sense. "
                "Is a quote left open?",
                row.line,
            )
        try:
            if row.label:
                check_label(row.label)
        except LabelError as error:
            raise self._error(str(error).removesuffix("."), row.line) from error
        return row

    def _error(self, problem: str, line: int | None = None) -> DataError:
        end = "" if problem.endswith("?") else "."
        return DataError(f"{self.path}, line {line or self._line}: {problem}{end}")


def kind_of(path: Path) -> str:
    """CSV, TSV, JSONL or text, by the ending of the name. Raises DataError for others."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None and path.is_dir():
        raise DataError(f"{path} is a folder. Name the files in it, such as {path}/*.csv.")
    if kind is None:
        raise DataError(f"{path} should end in .csv, .tsv or .jsonl, so that we know how to read it.")
    return kind


def check_readable(path: Path) -> int:
    """The file's size in bytes. Raises DataError where reading it would."""
    kind_of(path)
    with _reading(path), path.open("rb") as file:
        return fstat(file.fileno()).st_size


@contextmanager
def _reading(path: Path) -> Generator[None]:
    try:
        yield
    except IsADirectoryError as error:
        raise DataError(f"{path} is a folder. Name the files in it, such as {path}/*.csv.") from error
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist.") from error
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from error


def whole(text: str) -> str:
    """The text with halves of surrogate pairs replaced: JSON and command lines can hold them, files can't."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unquoted(cell: str) -> str:
    inside = cell[1:-1]
    if len(cell) >= 2 and cell[0] == cell[-1] == '"' and '"' not in inside.replace('""', ""):
        return inside.replace('""', '"')
    return cell


def _shown(names: Sequence[str]) -> str:
    """Column names for an error; a file without a header has a whole text in their place."""
    shown = ", ".join(repr(name[:40]) for name in names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown


def _explain_csv(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a cell has more than {MAX_TEXT_CHARACTERS:,} characters. Is a quote left open?"
    if "unexpected end of data" in str(error):
        return "a quote is opened here and never closed"
    return f"{error}. A quote inside a quoted cell is written twice"
