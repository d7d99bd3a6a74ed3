"""Batches: every row once, similar lengths together, the same for the same seed; tokens cut by budget."""

import numpy as np
import pytest

from classifier import batching
from classifier.batching import Examples, batch_rows, class_weights, encode_examples, training_batches
from classifier.encoding import Encoded, batches_by_length, encode, load_tokenizer, pad
from classifier.errors import VersionRefused
from tests.tiny_model import tiny_tokenizer

LENGTHS = np.random.default_rng(5).integers(3, 60, 1000)
TEXTS = ["good build", "it is", "the awful build is broken today, it is", "thanks"] * 3


def examples_of(lengths, labels) -> Examples:
    """Examples of these lengths; each token is the number of its text."""
    tokens = np.repeat(np.arange(len(lengths)), lengths).astype(np.uint16)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return Examples(tokens, starts, np.asarray(labels, np.int32), np.zeros(len(lengths), bool))


@pytest.fixture
def tokenizer():
    return load_tokenizer(tiny_tokenizer(), max_length=8)


def rows_with_seed(seed: int) -> list[list[int]]:
    return [rows.tolist() for rows in batch_rows(LENGTHS, 32, np.random.default_rng(seed))]


def test_examples_hold_what_the_tokenizer_gave_and_pad_it_as_serving_does(tokenizer, monkeypatch):
    monkeypatch.setattr(batching, "CHUNK", 5)  # three pieces
    done: list[int] = []
    examples = encode_examples(tokenizer, TEXTS, np.arange(12) % 2, advance=done.append)
    encoded = encode(tokenizer, TEXTS)
    assert [examples.ids(row).tolist() for row in range(12)] == [item.ids for item in encoded]
    assert examples.truncated.tolist() == [item.truncated for item in encoded]
    assert examples.truncated.any()
    assert done == [5, 5, 2]
    for ours, theirs in zip(examples.padded([2, 0, 3]), pad([encoded[row] for row in (2, 0, 3)]), strict=True):
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_a_text_costs_two_bytes_a_token_and_a_few_more(tokenizer):
    examples = encode_examples(tokenizer, TEXTS * 100, np.zeros(1200, int))
    held = sum(array.nbytes for array in (examples.tokens, examples.starts, examples.labels, examples.truncated))
    assert held < 2 * examples.lengths.sum() + 16 * len(examples)


def test_an_epoch_has_every_row_once_in_batches_of_the_size_asked_for():
    batches = rows_with_seed(1)
    assert sorted(row for rows in batches for row in rows) == list(range(1000))
    assert sorted(map(len, batches)) == [8] + [32] * 31


def test_the_seed_alone_decides_the_order():
    assert rows_with_seed(1) == rows_with_seed(1)
    assert rows_with_seed(1) != rows_with_seed(2)


def test_bucketing_by_length_leaves_little_padding():
    def padded(batches):
        return sum(len(rows) * max(LENGTHS[row] for row in rows) for rows in batches)

    unsorted = [list(range(first, min(first + 32, 1000))) for first in range(0, 1000, 32)]
    assert padded(rows_with_seed(1)) < 1.06 * LENGTHS.sum()
    assert padded(unsorted) > 1.7 * LENGTHS.sum()


def test_a_second_epoch_brings_the_rows_in_another_order():
    examples = examples_of(LENGTHS, np.arange(1000) % 3)
    random = np.random.default_rng(1)
    first, second = (
        [batch[2].tolist() for batch in training_batches(examples, 32, np.ones(3, np.float32), random)] for _ in "12"
    )
    assert first != second


def test_each_row_of_a_batch_carries_the_weight_of_its_label():
    examples = examples_of([2] * 4, [0, 1, 1, 1])
    weights = class_weights(examples.labels, 2, balanced=True)
    _, _, labels, batch_weights = next(training_batches(examples, 4, weights, np.random.default_rng(1)))
    assert dict(zip(labels.tolist(), batch_weights.tolist(), strict=True)) == {0: 2.0, 1: pytest.approx(2 / 3)}
    assert batch_weights.mean() == pytest.approx(1)


def test_without_balancing_all_labels_weigh_the_same():
    assert class_weights(np.array([0, 1, 1, 1]), 2, balanced=False).tolist() == [1.0, 1.0]


def test_padding_is_zero_in_ids_and_mask():
    ids, mask = pad([Encoded([2, 7, 3], truncated=False), Encoded([2, 3], truncated=False)], tokens=5)
    assert ids.tolist() == [[2, 7, 3, 0, 0], [2, 3, 0, 0, 0]]
    assert mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]]


@pytest.mark.parametrize("budget", [1, 60, 512, 10_000_000])
def test_serving_batches_hold_every_row_once_within_the_token_budget(budget):
    groups = list(batches_by_length(LENGTHS.tolist(), budget))
    assert sorted(row for group in groups for row in group) == list(range(1000))
    for group in groups:
        assert len(group) == 1 or len(group) * max(LENGTHS[row] for row in group) <= budget


def test_bytes_that_are_no_tokenizer_are_refused():
    for data in (b"", b"{}", b"\xff", b'{"model": 1}'):
        with pytest.raises(VersionRefused) as refused:
            load_tokenizer(data, max_length=16)
        assert refused.value.code == "tokenizer"
