"""Training batches: texts as numbers in little memory, shuffled with the seed, those of similar length together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from classifier.encoding import encode

# Batches sorted together. One would leave the padding, all would always show the same texts side by side.
BUCKET = 50
# Texts tokenised at once: what the tokenizer holds of a text while it works is a hundred times what is kept.
CHUNK = 2048


@dataclass(frozen=True)
class Examples:
    """Encoded texts with the number of each one's label: flat arrays, so that a million rows need some 60 MB.

    `tokens` uint16 (uint32 for a vocabulary above 65,536) holds one text after another, text i from `starts[i]` to
    `starts[i + 1]`; `labels` int32 and `truncated` bool [texts]. `weights` float32 [texts] in the loss; None: all 1.
    """

    tokens: np.ndarray
    starts: np.ndarray
    labels: np.ndarray
    truncated: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text, [CLS] and [SEP] included, int64 [texts]."""
        return np.diff(self.starts)

    def ids(self, row: int) -> np.ndarray:
        return self.tokens[self.starts[row] : self.starts[row + 1]]

    def padded(self, rows: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Input ids and attention mask of these rows, both int32 [rows, tokens], as wide as the longest."""
        rows = np.asarray(rows)
        lengths = self.starts[rows + 1] - self.starts[rows]
        attention_mask = np.arange(lengths.max()) < lengths[:, None]
        input_ids = np.zeros(attention_mask.shape, np.int32)
        input_ids[attention_mask] = np.concatenate([self.ids(row) for row in rows])
        return input_ids, attention_mask.astype(np.int32)


def encode_examples(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    labels: np.ndarray,
    *,
    advance: Callable[[int], None] = lambda texts: None,
) -> Examples:
    """The texts as token ids, piece by piece. `advance` is called with the number of texts just done."""
    kind = np.uint16 if tokenizer.get_vocab_size() <= 1 << 16 else np.uint32
    pieces: list[np.ndarray] = []
    lengths, truncated = np.zeros(len(texts) + 1, np.int64), np.zeros(len(texts), bool)
    for first in range(0, len(texts), CHUNK):
        encoded = encode(tokenizer, texts[first : first + CHUNK])
        last = first + len(encoded)
        pieces.append(np.concatenate([np.array(item.ids, kind) for item in encoded]))
        lengths[first + 1 : last + 1] = [len(item.ids) for item in encoded]
        truncated[first:last] = [item.truncated for item in encoded]
        advance(len(encoded))
    tokens = np.concatenate(pieces) if pieces else np.zeros(0, kind)
    return Examples(tokens, np.cumsum(lengths), labels.astype(np.int32), truncated)


def batch_rows(lengths: np.ndarray, batch_size: int, random: np.random.Generator) -> list[np.ndarray]:
    """Row numbers for one epoch, each row once, in batches of `batch_size` (the last one may be smaller)."""
    order = random.permutation(len(lengths))
    batches: list[np.ndarray] = []
    for start in range(0, len(order), batch_size * BUCKET):
        bucket = order[start : start + batch_size * BUCKET]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches += [bucket[first : first + batch_size] for first in range(0, len(bucket), batch_size)]
    return [batches[number] for number in random.permutation(len(batches))]


def training_batches(
    examples: Examples, batch_size: int, weights: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """One epoch of (input ids, attention mask, labels, weights); `weights` is by label, float32 [labels]."""
    for rows in batch_rows(examples.lengths, batch_size, random):
        labels = examples.labels[rows]
        own = 1 if examples.weights is None else examples.weights[rows]
        yield *examples.padded(rows), labels, weights[labels] * own


def class_weights(labels: np.ndarray, count: int, *, balanced: bool) -> np.ndarray:
    """Weight of each label in the loss, float32 [count]: all 1, or inversely to its frequency (King and Zeng 2001).

    Balanced weights are those of which the mean over the rows is 1.
    """
    if not balanced:
        return np.ones(count, np.float32)
    frequency = np.bincount(labels, minlength=count)
    return (len(labels) / (count * np.maximum(frequency, 1))).astype(np.float32)
