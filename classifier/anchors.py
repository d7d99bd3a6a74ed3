"""What holds a continued version to what it said before: texts that are no corrections, with its own predictions.

A fifth of the labelled ones is kept apart to measure on. Sentences of the starter's own grammar hold it to what no word
alone gives away: negation, irony, emoji. classifier/behaviour.jsonl is never among them.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.dataset import Dataset
from classifier.errors import DataError
from classifier.manifest import DataFile
from classifier.rows import Columns, Row, RowFile
from classifier.starter_sentences import sentences

# The example data of a checkout; an installation without it needs --anchor.
EXAMPLES = Path(__file__).parent.parent / "examples" / "chat.csv"
# Fewer hold nothing: a version would learn the corrections by heart and forget the rest.
LEAST = 50
ONE_IN = 5
# Fewer than the example data: ten of a kind hold it, and a few corrections are not outweighed (MOST in continuing.py).
OWN_SENTENCES = 100
# Others than the starter learned, where chance does not have it otherwise: its courses draw with other seeds.
OWN_SEED = 10_000
OWN, OWN_FILE = "the starter's sentences", "sentences.txt"


@dataclass(frozen=True)
class Anchors:
    """`held` are the texts a version is held to; `valid` those it is measured on, with their labels.

    `sources` says how many of `held` come from where.
    """

    held: tuple[str, ...]
    valid: Dataset
    sources: Mapping[str, int]
    files: tuple[DataFile, ...]


def read_anchors(
    paths: Sequence[Path], columns: Columns, labels: Sequence[str], *, without: Sequence[str] = (), own: int = 0
) -> Anchors:
    """The texts of the example data and of these files; labels are used where the file has them. `without`: not these.

    `own` sentences of the starter's come on top; they are English, and nothing is measured on them.

    Raises DataError when, these not counted, there are fewer than 50, or none with a label the version knows.
    """
    left_out, held, valid = set(without), list[str](), list[tuple[str, str, str, int]]()
    files, sources = list[DataFile](), Counter[str]()
    for path in [*([EXAMPLES] if EXAMPLES.is_file() else []), *paths]:
        reader, rows = _rows(path, Columns() if path == EXAMPLES else columns)
        for row in rows:
            if not row.text.strip() or row.text in left_out:
                continue
            left_out.add(row.text)
            if row.label in labels and _kept_apart(row.text):
                valid.append((row.text, row.label, path.name, row.line))
            else:
                held.append(row.text)
                sources[path.name] += 1
        files.append(DataFile(path.name, reader.sha256, reader.rows))
    if len(held) < LEAST or not valid:
        raise DataError(
            f"{len(held)} texts to hold the version to, {len(valid)} with a label to measure it on: too few. "
            "Name a file of labelled texts that are no corrections with --anchor."
        )
    measured = _dataset(valid, files)
    if own:
        made = [one.text for one in sentences(own, OWN_SEED) if one.text not in left_out]
        held += made
        sources[OWN] = len(made)
        files.append(DataFile(OWN_FILE, hashlib.sha256("\n".join(made).encode()).hexdigest(), len(made)))
    return Anchors(tuple(held), measured, sources, tuple(files))


def _rows(path: Path, columns: Columns) -> tuple[RowFile, list[Row]]:
    """All rows, without labels where the file has none."""
    try:
        reader = RowFile(path, columns)
        return reader, list(reader)
    except DataError:
        reader = RowFile(path, Columns(columns.text, None))
        return reader, list(reader)


def _kept_apart(text: str) -> bool:
    """By its hash, so that the same texts are measured on in each round."""
    return int(hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8], 16) % ONE_IN == 0


def _dataset(rows: Sequence[tuple[str, str, str, int]], files: Sequence[DataFile]) -> Dataset:
    texts, labels, sources, lines = zip(*rows, strict=True) if rows else ((), (), (), ())
    name = " + ".join(dict.fromkeys(sources))
    digest = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
    return Dataset(texts, labels, sources, lines, f"{name}, a fifth kept apart", digest, tuple(files))
