"""The measures of a version, against values worked out by hand, and on whole files."""

import json

import numpy as np
import pytest

from classifier.calibration import softmax
from classifier.dataset import Dropped
from classifier.errors import DataError
from classifier.evaluation import DataName, confusion, evaluate, macro_f1
from classifier.offline import evaluate_files
from classifier.predictor import load_predictor
from classifier.registry import Registry
from classifier.rows import Columns

LABELS = ("bad", "fine", "great")


def logits_for(*rows: tuple[float, float, float]) -> np.ndarray:
    """Logits that a softmax turns back into these probabilities."""
    return np.log(np.array(rows))


@pytest.fixture
def document():
    """Five texts: bad as bad, bad as fine, fine as fine twice, great as bad."""
    logits = logits_for((0.8, 0.1, 0.1), (0.3, 0.6, 0.1), (0.1, 0.7, 0.2), (0.2, 0.5, 0.3), (0.9, 0.05, 0.05))
    expected = np.array([0, 0, 1, 1, 2])
    data = DataName("chat.csv", "f" * 64)
    return evaluate(logits, expected, version="v", data=data, labels=LABELS, temperature=1.0, threshold=0.6)


def test_the_document_has_the_agreed_shape_and_is_plain_json(document):
    assert json.loads(json.dumps(document)) == document
    assert list(document) == [
        "version", "data", "accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval", "per_label", "confusion",
        "temperature", "ece", "ece_uncalibrated", "brier", "brier_uncalibrated", "nll", "nll_uncalibrated", "sure",
        "reliability", "risk_coverage",
    ]  # fmt: skip
    assert document["version"] == "v"
    assert document["data"] == {"name": "chat.csv", "sha256": "f" * 64, "n": 5}


def test_scores_are_those_worked_out_by_hand(document):
    assert document["accuracy"] == pytest.approx(3 / 5)
    assert document["per_label"]["bad"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert document["per_label"]["fine"] == pytest.approx({"precision": 2 / 3, "recall": 1, "f1": 0.8, "support": 2})
    assert document["per_label"]["great"] == {"precision": 0, "recall": 0, "f1": 0, "support": 1}
    assert document["macro_f1"] == pytest.approx((0.5 + 0.8 + 0) / 3)
    assert document["confusion"] == {"labels": list(LABELS), "matrix": [[1, 1, 0], [0, 2, 0], [1, 0, 0]]}


def test_honesty_is_measured_on_the_probabilities(document):
    assert document["nll"] == pytest.approx(-np.log([0.8, 0.3, 0.7, 0.5, 0.05]).mean())
    squares = [0.06, 0.86, 0.14, 0.38, 1.715]
    assert document["brier"] == pytest.approx(np.mean(squares))
    off = [1 - 0.8, 0.6, 1 - 0.7, 1 - 0.5, 0.9]  # one text a bin
    assert document["ece"] == document["ece_uncalibrated"] == pytest.approx(np.mean(off))


def test_sure_counts_texts_at_or_above_the_threshold(document):
    assert document["sure"] == pytest.approx({"threshold": 0.6, "coverage": 4 / 5, "precision": 2 / 4})


def test_the_temperature_changes_honesty_and_no_label():
    random = np.random.default_rng(0)
    logits = random.normal(size=(2000, 3))
    # The right labels are drawn from these very probabilities, so they are honest and five times the logits are not.
    expected = np.array([random.choice(3, p=row) for row in softmax(logits, 1.0)])
    cold, warm = (
        evaluate(logits * 5, expected, version="v", data=DataName("", ""), labels=LABELS, temperature=t, threshold=0.5)
        for t in (1.0, 5.0)
    )
    assert cold["confusion"] == warm["confusion"]
    assert cold["ece"] == cold["ece_uncalibrated"] == warm["ece_uncalibrated"]
    assert warm["ece"] < cold["ece"] / 2
    assert warm["nll"] < cold["nll"] == warm["nll_uncalibrated"]
    assert warm["brier"] < cold["brier"] == warm["brier_uncalibrated"]


def test_with_no_text_sure_there_is_no_precision():
    found = evaluate(
        logits_for((0.4, 0.3, 0.3)), np.array([0]), version="v", data=DataName("", ""), labels=LABELS,
        temperature=1.0, threshold=0.99,
    )  # fmt: skip
    assert found["sure"] == {"threshold": 0.99, "coverage": 0.0, "precision": None}


def test_a_label_that_never_comes_up_does_not_lower_macro_f1():
    matrix = confusion(np.array([0, 1, 1]), np.array([0, 1, 1]), 3)
    assert macro_f1(matrix) == 1.0


@pytest.fixture(scope="module")
def predictor(shared_tiny_home):
    return load_predictor(Registry(shared_tiny_home).get("tiny"))


def test_a_file_is_evaluated_like_its_texts_at_once(predictor, tmp_path):
    rows = [("good build", "positive"), ("bad build", "negative"), ("it is", "neutral"), ("great", "negative")] * 1200
    path = tmp_path / "a.csv"
    path.write_text("text,label\n,neutral\nfine,\n" + "".join(f"{text},{label}\n" for text, label in rows))
    done: list[tuple[int, int]] = []
    found = evaluate_files(predictor, [path], Columns(), advance=lambda size, count: done.append((size, count)))
    assert found.dropped == Dropped(without_text=1, without_label=1)
    assert found.metrics["data"]["n"] == 4800
    assert found.metrics["accuracy"] == 0.75
    assert tuple(map(sum, zip(*done, strict=True))) == (path.stat().st_size, 4802)
    assert len(done) > 1  # in parts
    assert sum(bar["texts"] for bar in found.metrics["reliability"]["after"]) == 4800
    assert found.changed is None


def test_shown_texts_carry_the_line_of_their_file(predictor, tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.jsonl"
    first.write_text('text,label\n,neutral\ngood,positive\n"bad\ntoday",positive\n')
    second.write_text('{"text": "great", "label": "negative"}\n')
    found = evaluate_files(predictor, [first, second], Columns(), advance=lambda size, count: None)
    assert {(item["text"], item["file"], item["line"]) for item in found.metrics["mistakes"]} == {
        ("great", "b.jsonl", 1),
        ("bad\ntoday", "a.csv", 4),
    }


def test_files_of_the_same_name_are_told_apart_by_their_folders(predictor, tmp_path):
    paths = [tmp_path / folder / "a.csv" for folder in ("x", "y")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("text,label\ngood,positive\n")
    found = evaluate_files(predictor, paths, Columns(), advance=lambda size, count: None)
    assert set(found.metrics["slices"]["source"]) == {str(path) for path in paths}


def test_a_file_changed_while_it_is_evaluated_is_noticed(predictor, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\ngood,negative\n")

    def change_it(size: int, count: int) -> None:
        path.write_text("text,label\nbad,negative\n")

    with pytest.raises(DataError, match=r"a\.csv was changed while it was evaluated"):
        evaluate_files(predictor, [path], Columns(), advance=change_it)


def test_two_versions_are_compared_on_the_very_same_rows(predictor, shared_tiny_home, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\ngood,positive\n,positive\nbad,positive\n")
    other = load_predictor(Registry(shared_tiny_home).get("tiny-b"))
    found = evaluate_files(predictor, [path], Columns(), advance=lambda size, count: None, against=other)
    assert found.metrics["against"]["version"] == "tiny-b"
    assert found.metrics["against"]["macro_f1"] == found.metrics["macro_f1"]
    assert found.metrics["against"]["changed"] == len(list(found.changed())) == 0


def test_a_label_the_version_does_not_know_is_named_with_its_line(predictor, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\ngood,positive\nbad,angry\n")
    with pytest.raises(DataError, match=r"a\.csv, line 3: label 'angry' is none of the version's: negative, neutral"):
        evaluate_files(predictor, [path], Columns(), advance=lambda size, count: None)
