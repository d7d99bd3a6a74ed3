"""A version evaluated on whole files, read in chunks: what stays in memory of a text is about 300 bytes."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from classifier.comparison import matching_columns
from classifier.dataset import Dropped, joined_name, joined_sha256, source_names
from classifier.errors import DataError
from classifier.evaluation import DataName
from classifier.full_evaluation import Outputs, changed_texts, evaluate_fully, outputs_of
from classifier.manifest import DataFile
from classifier.predictor import Predictor, logits_of
from classifier.rows import Columns, Row, RowFile
from classifier.sample import Place, Sample
from classifier.slices import TraitColumns, traits_of
from classifier.whole_file import CHUNK, Advance


@dataclass(frozen=True)
class Evaluation:
    """evaluate's document as `metrics`; `changed` reads all changed texts from the files again, in their order."""

    metrics: dict[str, Any]
    dropped: Dropped
    changed: Callable[[], Iterator[dict[str, Any]]] | None


def evaluate_files(
    predictor: Predictor,
    paths: Sequence[Path],
    columns: Columns,
    *,
    advance: Advance,
    against: Predictor | None = None,
) -> Evaluation:
    """Measure the predictor's version on all rows of the files; rows without text or label are left out and counted.

    A text costs about 300 bytes of memory: those that are shown are read from the files again. Raises DataError, also
    for a label that the version does not know and for a file that is changed meanwhile, and NotComparable.
    """
    predictors = [predictor]
    if against is not None:
        matching_columns(predictor.version, predictor.labels, against.version, against.labels)
        predictors.append(against)
    parts: list[_Part] = []
    files: list[DataFile] = []
    dropped = Dropped()
    for number, path in enumerate(paths):
        reader = RowFile(path, columns)
        for rows in _chunks(reader, advance):
            kept = [row for row in rows if _is_whole(row)]
            dropped = _more_dropped(dropped, rows)
            parts += [_part(predictors, kept, number, path)] if kept else []
        files.append(DataFile(path.name, reader.sha256, reader.rows))
    if not parts:
        raise DataError(f"{joined_name(files)} holds no row with text and label.")
    sample = Sample(
        data=DataName(joined_name(files), joined_sha256(files)),
        expected=np.concatenate([part.expected for part in parts]),
        traits=TraitColumns.joined([part.traits for part in parts]),
        sources=source_names(paths),
        look_up=partial(_look_up, paths, columns, [file.sha256 for file in files]),
        dropped=dropped,
    )
    outputs = [Outputs.joined(column) for column in zip(*(part.outputs for part in parts), strict=True)]
    other = outputs[1] if against is not None else None
    return Evaluation(
        evaluate_fully(sample, outputs[0], against=other),
        dropped,
        partial(changed_texts, sample, outputs[0], other) if other is not None else None,
    )


@dataclass(frozen=True)
class _Part:
    """What is kept of some rows; `outputs` one for each version."""

    expected: np.ndarray
    traits: TraitColumns
    outputs: list[Outputs]


def _part(predictors: Sequence[Predictor], rows: Sequence[Row], source: int, path: Path) -> _Part:
    texts = [row.text for row in rows]
    expected = np.array([_number(row, path, predictors[0].labels) for row in rows])
    outputs: list[Outputs] = []
    for predictor in predictors:
        encoded = predictor.encode(texts)
        logits = logits_of(predictor.forward, encoded, token_budget=predictor.token_budget)
        outputs.append(outputs_of(predictor, encoded, logits))
    return _Part(expected, TraitColumns.of([traits_of(text) for text in texts], [source] * len(rows)), outputs)


def _look_up(
    paths: Sequence[Path], columns: Columns, sha256: Sequence[str], rows: Collection[int]
) -> Iterator[tuple[int, Place]]:
    """These rows of the files, read again. Raises DataError for a file that is not what it was."""
    number = count()
    for path, name, known in zip(paths, source_names(paths), sha256, strict=True):
        reader = RowFile(path, columns)
        for row in filter(_is_whole, reader):
            if (at := next(number)) in rows:
                yield at, Place(row.text, name, row.line)
        if reader.sha256 != known:
            raise DataError(f"{path} was changed while it was evaluated. Run it again.")


def _is_whole(row: Row) -> bool:
    return bool(row.text.strip() and row.label)


def _more_dropped(dropped: Dropped, rows: Sequence[Row]) -> Dropped:
    without_text = sum(not row.text.strip() for row in rows)
    return replace(
        dropped,
        without_text=dropped.without_text + without_text,
        without_label=dropped.without_label + sum(not _is_whole(row) for row in rows) - without_text,
    )


def _chunks(reader: RowFile, advance: Advance) -> Iterator[list[Row]]:
    rows: Iterable[Row] = iter(reader)
    done = 0
    while chunk := list(islice(rows, CHUNK)):
        yield chunk
        advance(reader.bytes - done, len(chunk))
        done = reader.bytes


def _number(row: Row, path: Path, labels: Sequence[str]) -> int:
    if row.label not in labels:
        raise DataError(
            f"{path}, line {row.line}: label {row.label!r} is none of the version's: {', '.join(labels)}. "
            "Choose another file, or another version."
        )
    return labels.index(row.label)
