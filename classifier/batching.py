"""Training batches: shuffled with the seed, texts of similar length together, so that little is padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.encoding import Encoded, pad

# Batches sorted together. One would leave the padding, all would always show the same texts side by side.
BUCKET = 50


@dataclass(frozen=True)
class Examples:
    """Encoded texts with the number of each one's label."""

    encoded: Sequence[Encoded]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def batch_rows(lengths: Sequence[int], batch_size: int, random: np.random.Generator) -> list[np.ndarray]:
    """Row numbers for one epoch, each row once, in batches of `batch_size` (the last one may be smaller)."""
    order = random.permutation(len(lengths))
    sizes = np.asarray(lengths)
    batches: list[np.ndarray] = []
    for start in range(0, len(order), batch_size * BUCKET):
        bucket = order[start : start + batch_size * BUCKET]
        bucket = bucket[np.argsort(sizes[bucket], kind="stable")]
        batches += [bucket[first : first + batch_size] for first in range(0, len(bucket), batch_size)]
    return [batches[number] for number in random.permutation(len(batches))]


def training_batches(
    examples: Examples, batch_size: int, weights: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """One epoch of (input ids, attention mask, labels, weights); `weights` is by label, float32 [labels]."""
    lengths = [len(item.ids) for item in examples.encoded]
    for rows in batch_rows(lengths, batch_size, random):
        labels = examples.labels[rows].astype(np.int32)
        yield *pad([examples.encoded[row] for row in rows]), labels, weights[labels]


def class_weights(labels: np.ndarray, count: int, *, balanced: bool) -> np.ndarray:
    """Weight of each label in the loss, float32 [count]: all 1, or inversely to its frequency (King and Zeng 2001).

    Balanced weights are those of which the mean over the rows is 1.
    """
    if not balanced:
        return np.ones(count, np.float32)
    frequency = np.bincount(labels, minlength=count)
    return (len(labels) / (count * np.maximum(frequency, 1))).astype(np.float32)
