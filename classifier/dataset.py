"""Labelled texts for training: loaded from files, cleaned of repeats, split without losing a label."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from classifier.errors import DataError
from classifier.labels import MAX_LABELS
from classifier.manifest import DataFile
from classifier.rows import Columns, Row, RowFile

MAX_NAMES = 3
# Rows left out that are named with file and line, of each kind.
MAX_PLACES = 5
# Rows between two reports of progress: a few hundredths of a second.
ADVANCE_EVERY = 2048


@dataclass(frozen=True)
class Dropped:
    """Rows that were read and left out: no text, no label, or the same text with the same label as one before.

    `places` names the first few of each kind, such as "chat.csv:17".
    """

    without_text: int = 0
    without_label: int = 0
    repeated: int = 0
    places: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]], compare=False)


@dataclass(frozen=True)
class Dataset:
    """Texts and their labels, as written in the files; `sources` and `lines` say where each row is from.

    `sha256` is that of the one file, or of the files' sums one after another. `conflicting` counts texts that carry
    more than one label.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    sources: tuple[str, ...]
    lines: tuple[int, ...]
    name: str
    sha256: str
    files: tuple[DataFile, ...]
    dropped: Dropped = Dropped()
    conflicting: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Each label once, in alphabetical order."""
        return tuple(sorted(set(self.labels)))

    def place(self, row: int) -> str:
        """Where a row is from, such as "chat.csv:17"."""
        return f"{self.sources[row]}:{self.lines[row]}"

    def select(self, rows: Sequence[int], *, name: str | None = None) -> "Dataset":
        """These rows, in this order; it keeps the files it came from."""
        return replace(
            self,
            texts=tuple(self.texts[row] for row in rows),
            labels=tuple(self.labels[row] for row in rows),
            sources=tuple(self.sources[row] for row in rows),
            lines=tuple(self.lines[row] for row in rows),
            name=name or self.name,
        )


def load(
    paths: Sequence[Path],
    *,
    text_column: str = "text",
    label_column: str = "label",
    least_labels: int = 2,
    advance: Callable[[int], None] = lambda size: None,
) -> Dataset:
    """All rows of the files (CSV, TSV, JSONL by their ending), in order, for training.

    Rows without text or label and exact repeats are left out and counted. `advance` is called now and then with the
    bytes just read. Raises DataError naming file and line, or when fewer than `least_labels` labels are left.
    """
    if not paths:
        raise DataError("No data file was named.")
    kept: dict[tuple[str, str], tuple[str, int]] = {}
    dropped, places = Counter[str](), defaultdict[str, list[str]](list)
    files: list[DataFile] = []
    for path, source in zip(paths, source_names(paths), strict=True):
        reader = RowFile(path, Columns(text_column, label_column))
        for row in _advancing(reader, advance):
            reason = _reason_to_drop(row.text, row.label, kept)
            if reason is None:
                kept[row.text, row.label] = (source, row.line)
                continue
            dropped[reason] += 1
            if dropped[reason] <= MAX_PLACES:
                places[reason].append(f"{source}:{row.line}")
        files.append(DataFile(path.name, reader.sha256, reader.rows))
    labels = tuple(label for _, label in kept)
    _check_labels(labels, files, dropped, least_labels)
    labels_of_text = Counter(text for text, _ in kept)
    return Dataset(
        texts=tuple(text for text, _ in kept),
        labels=labels,
        sources=tuple(source for source, _ in kept.values()),
        lines=tuple(line for _, line in kept.values()),
        name=joined_name(files),
        sha256=joined_sha256(files),
        files=tuple(files),
        dropped=Dropped(**dropped, places=dict(places)),
        conflicting=sum(count > 1 for count in labels_of_text.values()),
    )


def stratified_split(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Training and validation part; `fraction` of every label, at least one row, goes to the second.

    Same data and seed, same parts. Raises DataError for a label with a single row.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, label in enumerate(dataset.labels):
        rows_of[label].append(row)
    chosen: set[int] = set()
    for label in dataset.label_names:
        rows = rows_of[label]
        if len(rows) < 2:
            raise DataError(
                f"Label {label!r} has one row only in {dataset.name}; a split needs two. Add some, or give --valid."
            )
        # A generator of its own for each label: more rows of one don't reshuffle the others.
        random.Random(f"{seed}:{label}").shuffle(rows)  # noqa: S311 - not a secret
        chosen.update(rows[: min(max(round(len(rows) * fraction), 1), len(rows) - 1)])
    everything = range(len(dataset))
    train = dataset.select([row for row in everything if row not in chosen])
    valid = dataset.select(
        [row for row in everything if row in chosen], name=f"{dataset.name}, {fraction:.0%} held out"
    )
    return train, valid


def without_overlap(train: Dataset, valid: Dataset) -> tuple[Dataset, int]:
    """The training part without the texts that the validation part has too, and how many rows that took away.

    Raises DataError when nothing is left.
    """
    known = set(valid.texts)
    rows = [row for row, text in enumerate(train.texts) if text not in known]
    if not rows:
        raise DataError(f"Every text of {train.name} is in {valid.name} too. Validation needs texts of its own.")
    return train.select(rows), len(train) - len(rows)


def source_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """The files' names, with their folders where two have the same."""
    names = [path.name for path in paths]
    return tuple(name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True))


def joined_name(files: Sequence[DataFile]) -> str:
    """What to call the files together."""
    names = [file.name for file in files]
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return " + ".join(names[:MAX_NAMES]) + more


def joined_sha256(files: Sequence[DataFile]) -> str:
    """The file's own sha256, or that of all files' sha256 in hexadecimal, one after another."""
    if len(files) == 1:
        return files[0].sha256
    return hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()


def _advancing(reader: RowFile, advance: Callable[[int], None]) -> Iterator[Row]:
    """The reader's rows; `advance` hears of the bytes read."""
    done = 0
    for number, row in enumerate(reader, start=1):
        yield row
        if number % ADVANCE_EVERY == 0:
            advance(reader.bytes - done)
            done = reader.bytes
    advance(reader.bytes - done)


def _reason_to_drop(text: str, label: str, kept: Collection[tuple[str, str]]) -> str | None:
    if not text.strip():
        return "without_text"
    if not label:
        return "without_label"
    return "repeated" if (text, label) in kept else None


def _check_labels(labels: Sequence[str], files: Sequence[DataFile], dropped: Counter[str], least: int) -> None:
    name, found = joined_name(files), sorted(set(labels))
    if not labels:
        left_out = (
            f" ({dropped['without_text']} without text, {dropped['without_label']} without label)" if dropped else ""
        )
        raise DataError(f"{name} holds no row with text and label{left_out}.")
    if len(found) < least:
        raise DataError(
            f"All {len(labels)} rows of {name} have the label {found[0]!r}; a classifier needs two labels or more."
        )
    if len(found) > MAX_LABELS:
        raise DataError(
            f"{name} has {len(found)} different labels, such as {found[0]!r} and {found[1]!r}; "
            f"at most {MAX_LABELS} are possible. Is this the right --label-column?"
        )
