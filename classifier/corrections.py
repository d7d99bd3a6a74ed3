"""What people said a message's label should have been, as something to learn from and to measure on. Pure.

A fixed fifth is always held out: which ones is decided by a hash of the message id, so they stay held out in each round
and a version is never measured on what it, or the version it continues, has learned.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from classifier.dataset import Dataset
from classifier.manifest import DataFile

NAME = "corrections"
ONE_IN = 5
# Beside base data all corrections together count as a tenth of what is learned, as long as none counts more than ten
# texts of it: a handful of votes must not outweigh what many annotators agreed on.
SHARE, MOST = 0.1, 10.0


@dataclass(frozen=True)
class Correction:
    """One message with its kept text and the label people agreed on."""

    message: str
    text: str = field(repr=False)
    label: str

    @property
    def held_out(self) -> bool:
        return int(hashlib.sha256(self.message.encode()).hexdigest()[:8], 16) % ONE_IN == 0


@dataclass(frozen=True)
class Corrections:
    """All that may be learned from and measured on; sorted by message, so that the same votes give the same rows."""

    rows: tuple[Correction, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Correction]) -> "Corrections":
        return cls(tuple(sorted(rows, key=lambda row: row.message)))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def to_learn(self) -> "Corrections":
        return Corrections(tuple(row for row in self.rows if not row.held_out))

    @property
    def held_out(self) -> "Corrections":
        return Corrections(tuple(row for row in self.rows if row.held_out))

    def with_labels(self, labels: Sequence[str]) -> "Corrections":
        """Without those a version with these labels could not learn."""
        return Corrections(tuple(row for row in self.rows if row.label in labels))

    @property
    def file(self) -> DataFile:
        """As a source of data, told apart by its sha256."""
        written = json.dumps([[row.message, row.label, row.text] for row in self.rows], ensure_ascii=False)
        return DataFile(NAME, hashlib.sha256(written.encode(errors="surrogatepass")).hexdigest(), len(self.rows))

    def dataset(self) -> Dataset:
        """As rows of data. The line is the row's number: there is no file."""
        return Dataset(
            texts=tuple(row.text for row in self.rows),
            labels=tuple(row.label for row in self.rows),
            sources=(NAME,) * len(self.rows),
            lines=tuple(range(1, len(self.rows) + 1)),
            name=NAME,
            sha256=self.file.sha256,
            files=(self.file,),
        )


@dataclass(frozen=True)
class Source:
    """One source of a training with the weight of each of its texts in the loss."""

    name: str
    rows: int
    weight: float

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "rows": self.rows, "weight": round(self.weight, 3)}


@dataclass(frozen=True)
class Feedback:
    """How a training used corrections: `mode` is mixed (with base data) or continued (from `parent`).

    `anchors` says how many texts of each kind held a continued version to what it said before.
    """

    mode: str
    sources: tuple[Source, ...]
    learned: int
    held_out: int
    other_labels: int = 0
    parent: str = ""
    anchors: Mapping[str, int] = field(default_factory=dict[str, int])

    def to_dict(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "parent": self.parent or None,
            "sources": [source.to_dict() for source in self.sources],
            "anchors": dict(self.anchors),
            "corrections": {"learned": self.learned, "held_out": self.held_out, "other_labels": self.other_labels},
        }


def weight_beside(base_rows: int, corrections: int) -> float:
    """What each correction counts beside base data whose texts count 1."""
    if not corrections:
        return 1.0
    return float(np.clip(SHARE / (1 - SHARE) * base_rows / corrections, 1.0, MOST))


def mixed(data: Dataset, corrections: Corrections) -> Dataset:
    """Base data with the corrections behind it; what is corrected or held out is taken out of the base data."""
    known = {row.text for row in corrections.rows}
    kept = data.select([row for row, text in enumerate(data.texts) if text not in known])
    added = corrections.to_learn.dataset()
    return joined(kept, added) if len(added) else kept


def joined(first: Dataset, second: Dataset) -> Dataset:
    """The rows of both, one after another."""
    return Dataset(
        texts=first.texts + second.texts,
        labels=first.labels + second.labels,
        sources=first.sources + second.sources,
        lines=first.lines + second.lines,
        name=f"{first.name} + {second.name}",
        sha256=hashlib.sha256(f"{first.sha256}{second.sha256}".encode()).hexdigest(),
        files=(*first.files, *second.files),
        dropped=first.dropped,
        conflicting=first.conflicting,
    )


def weights_of(data: Dataset, weights: Mapping[str, float]) -> np.ndarray:
    """Each row's weight by its source, 1 where none is named, float32 [rows]."""
    return np.array([weights.get(source, 1.0) for source in data.sources], np.float32)


def learned_file(corrections: Corrections) -> bytes:
    """A version's own account of the messages it learned from, so that those who corrected them can be told."""
    rows = corrections.to_learn.rows
    labels = Counter(row.label for row in rows)
    document = {"learned": [row.message for row in rows], "labels": dict(sorted(labels.items()))}
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def learned_messages(data: bytes) -> list[str]:
    """The message ids in such a file; empty for one that holds something else."""
    try:
        found: Any = json.loads(data).get("learned", [])
    except (ValueError, AttributeError):
        return []
    return [str(message) for message in found] if isinstance(found, list) else []
