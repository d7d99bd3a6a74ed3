"""A version applied to whole files of any size, in constant memory: evaluated on them, or classifying them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from classifier.calibration import Bin, reliability, softmax
from classifier.dataset import Dropped, joined_name, joined_sha256
from classifier.encoding import batches_by_length
from classifier.errors import DataError
from classifier.evaluation import DataName, evaluate
from classifier.manifest import DataFile
from classifier.predictor import TOKEN_BUDGET, Prediction, Predictor
from classifier.rows import Columns, Row, RowFile

# Rows held at a time: enough that texts of one length fill a batch, little enough to show progress.
CHUNK = 2048

# Called with the bytes and the rows just done.
Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """evaluate's document as `metrics`; the reliability diagram `before` and `after` calibration."""

    metrics: dict[str, Any]
    before: list[Bin]
    after: list[Bin]
    dropped: Dropped


def evaluate_files(predictor: Predictor, paths: Sequence[Path], columns: Columns, *, advance: Advance) -> Evaluation:
    """Measure the predictor's version on all rows of the files; rows without text or label are left out and counted.

    Raises DataError, also for a label that the version does not know.
    """
    logits: list[np.ndarray] = []
    expected: list[int] = []
    files: list[DataFile] = []
    without_text = without_label = 0
    for path in paths:
        reader = RowFile(path, columns)
        for rows in _chunks(reader, advance):
            kept = [row for row in rows if row.text.strip() and row.label]
            without_text += sum(not row.text.strip() for row in rows)
            without_label += sum(bool(row.text.strip()) and not row.label for row in rows)
            expected += [_number(row, path, predictor.labels) for row in kept]
            logits += [logits_of(predictor, [row.text for row in kept])] if kept else []
        files.append(DataFile(path.name, reader.sha256, reader.rows))
    if not expected:
        raise DataError(f"{joined_name(files)} holds no row with text and label.")
    return _measured(
        predictor,
        np.concatenate(logits),
        np.array(expected),
        DataName(joined_name(files), joined_sha256(files)),
        Dropped(without_text, without_label),
    )


def classify_file(predictor: Predictor, reader: RowFile, *, advance: Advance) -> Iterator[tuple[Row, Prediction]]:
    """Every row of the file with its prediction, in the file's order. Raises DataError."""
    for rows in _chunks(reader, advance):
        yield from zip(rows, predictor.classify([row.text for row in rows]), strict=True)


def logits_of(predictor: Predictor, texts: Sequence[str]) -> np.ndarray:
    """Logits, float32 [texts, labels], in the order of the texts."""
    encoded = predictor.encode(texts)
    logits = np.empty((len(texts), len(predictor.labels)), np.float32)
    for rows in batches_by_length([len(item.ids) for item in encoded], TOKEN_BUDGET):
        logits[rows] = predictor.logits([encoded[row] for row in rows])
    return logits


def _measured(
    predictor: Predictor, logits: np.ndarray, expected: np.ndarray, data: DataName, dropped: Dropped
) -> Evaluation:
    config = predictor.config
    metrics = evaluate(
        logits,
        expected,
        version=predictor.version,
        data=data,
        labels=config.labels,
        temperature=config.temperature,
        threshold=config.threshold,
    )
    correct = logits.argmax(axis=1) == expected
    before, after = (
        reliability(softmax(logits, temperature).max(axis=1), correct) for temperature in (1.0, config.temperature)
    )
    return Evaluation(metrics, before, after, dropped)


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
