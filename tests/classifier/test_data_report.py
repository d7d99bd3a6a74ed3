"""The data report: what is left out, contradictory, repeated, rare or too long, with file and line."""

import json

import pytest

from classifier.batching import encode_examples
from classifier.data_report import data_report
from classifier.encoding import load_tokenizer
from classifier.finishing import label_numbers, load_data
from classifier.recipe import TrainConfig
from tests.tiny_model import tiny_tokenizer

TRAIN = """text,label
good build,good
,good
bad build,bad
good build,good
it is,
it is today,good
IT IS TODAY,bad
the build is awful,bad
thanks,good
Thanks,good
"""
MORE = """text,label
the build is broken,bad
the build is broken,good
good good good good good good good good good,good
"""
VALID = """text,label
thanks,good
BAD BUILD,bad
sad,bad
"""


@pytest.fixture
def report(tmp_path):
    for name, content in (("train.csv", TRAIN), ("more.csv", MORE), ("valid.csv", VALID)):
        (tmp_path / name).write_text(content)
    data = load_data(TrainConfig(data=[tmp_path / "train.csv", tmp_path / "more.csv"], valid=[tmp_path / "valid.csv"]))
    tokenizer = load_tokenizer(tiny_tokenizer(), max_length=8)
    parts = [
        encode_examples(tokenizer, part.texts, label_numbers(part, data.labels)) for part in (data.train, data.valid)
    ]
    found = data_report(data, *parts, max_length=8)
    assert found == json.loads(json.dumps(found))
    return found


def test_rows_left_out_are_counted_by_reason_and_the_first_are_named(report):
    assert report["dropped"] == {
        "without_text": {"n": 1, "first": ["train.csv:3"]},
        "without_label": {"n": 1, "first": ["train.csv:6"]},
        "repeated": {"n": 1, "first": ["train.csv:5"]},
        "in_both_parts": {"n": 1, "first": []},  # thanks
    }


def test_texts_and_their_labels_are_counted_in_both_parts(report):
    assert (report["train"], report["valid"]) == (9, 3)
    assert report["labels"] == {
        "bad": {"train": 4, "valid": 2, "share": 0.4444},
        "good": {"train": 5, "valid": 1, "share": 0.5556},
    }
    assert report["sources"] == {
        "train.csv": {"train": 6, "valid": 0},
        "more.csv": {"train": 3, "valid": 0},
        "valid.csv": {"train": 0, "valid": 3},
    }


def test_texts_that_differ_in_case_only_are_contradictory_when_their_labels_differ(report):
    conflicting = report["same_to_the_model"]["conflicting"]
    assert (conflicting["n"], conflicting["rows"]) == (2, 4)
    assert conflicting["first"] == [
        ["train.csv:7 good", "train.csv:8 bad"],
        ["more.csv:2 bad", "more.csv:3 good"],
    ]


def test_texts_that_are_validated_on_in_another_spelling_are_named(report):
    """The exact copy was taken out; the others flatter the scores."""
    twins = report["same_to_the_model"]
    assert twins["across_the_split"] == {
        "n": 2,
        "first": [["train.csv:4 bad", "valid.csv:3 bad"], ["train.csv:11 good", "valid.csv:2 good"]],
    }
    assert twins["repeated"] == 2


def test_lengths_are_told_in_tokens_with_the_share_that_is_cut(report):
    tokens = report["tokens"]
    assert (tokens["p50"], tokens["longest"], tokens["max_length"]) == (4, 8, 8)
    assert tokens["truncated"] == {"n": 1, "share": round(1 / 12, 4)}


def test_a_split_of_our_own_counts_what_was_left_out_once(tmp_path):
    rows = "".join(f"{word} {number % 3 * 'it '},{word}\n" for number in range(9) for word in ("good", "bad"))
    (tmp_path / "train.csv").write_text("text,label\n,good\n" + rows)
    data = load_data(TrainConfig(data=[tmp_path / "train.csv"]))
    tokenizer = load_tokenizer(tiny_tokenizer(), max_length=8)
    parts = [
        encode_examples(tokenizer, part.texts, label_numbers(part, data.labels)) for part in (data.train, data.valid)
    ]
    found = data_report(data, *parts, max_length=8)
    assert found["dropped"]["without_text"] == {"n": 1, "first": ["train.csv:2"]}
    assert found["dropped"]["repeated"]["n"] == 12
