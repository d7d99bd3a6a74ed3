"""A version applied to the texts of one file of any size: in constant memory, in order, from any row on."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from classifier.encoding import batches_by_length
from classifier.errors import DataError
from classifier.predictor import Prediction, Predictor
from classifier.rows import Row, RowFile

# Rows held at a time: enough that texts of one length fill a batch (1.5 % of the tokens are padding, 0.5 % with four
# times as many), little enough that an interruption costs seconds.
CHUNK = 2048

# Called with the bytes and the rows just done; within a chunk both are estimates that add up.
Advance = Callable[[float, float], None]


@dataclass(frozen=True)
class Reached:
    """How far into a file its rows are done; `sha256` is that of the `bytes` up to there."""

    rows: int = 0
    without_text: int = 0
    bytes: int = 0
    sha256: str = hashlib.sha256().hexdigest()


START = Reached()


@dataclass(frozen=True)
class Classified:
    """Some rows, their predictions, and how far into the file they reach."""

    rows: Sequence[Row]
    predictions: Sequence[Prediction]
    reached: Reached


def classify_file(
    predictor: Predictor, reader: RowFile, *, advance: Advance, after: Reached = START
) -> Iterator[Classified]:
    """Every row of the file behind `after`, chunk by chunk in the file's order, rows without text included.

    Chunks end at the same rows wherever a run begins, and so predictions are the same too. Raises DataError, also for a
    file that is not up to `after` what it was.
    """
    rows = iter(reader)
    reached = _reached(reader, START, islice(rows, after.rows))
    if reached != after:
        raise DataError(
            f"{reader.path} is not what it was when its first {after.rows:,} rows were classified. "
            "Bring that file back, or start over with --restart."
        )
    advance(reached.bytes, reached.rows)
    while chunk := list(islice(rows, CHUNK)):
        before, reached = reached, _reached(reader, reached, chunk)
        predictions = _predictions(predictor, chunk, reached.bytes - before.bytes, advance)
        yield Classified(chunk, predictions, reached)


def _reached(reader: RowFile, before: Reached, rows: Iterator[Row] | Sequence[Row]) -> Reached:
    """Where `reader` is once these rows are read."""
    without_text = before.without_text + sum(not row.text.strip() for row in rows)
    return Reached(reader.rows, without_text, reader.bytes, reader.sha256)


def _predictions(predictor: Predictor, rows: Sequence[Row], size: int, advance: Advance) -> list[Prediction]:
    """What `predictor.classify` gives, telling of each batch: a chunk can take a minute where the network is large."""
    encoded = predictor.encode([row.text for row in rows])
    lengths = [len(item.ids) for item in encoded]
    tokens = sum(lengths)
    predictions: dict[int, Prediction] = {}
    for batch in batches_by_length(lengths, predictor.token_budget):
        predictions.update(zip(batch, predictor.predict([encoded[row] for row in batch]), strict=True))
        # By tokens, because these take the time: the first batches hold few long texts, the last many short ones.
        share = sum(lengths[row] for row in batch) / tokens
        advance(share * size, share * len(rows))
    return [predictions[row] for row in range(len(rows))]
