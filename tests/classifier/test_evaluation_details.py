"""Slices, mistakes, suspected label errors and the whole document of an evaluation."""

import json

import numpy as np
import pytest

from classifier.evaluation import DataName
from classifier.full_evaluation import CHANGED_LISTED, Outputs, changed_texts, evaluate_fully
from classifier.mistakes import surest_mistakes, suspected_label_errors
from classifier.sample import sample_in_memory
from classifier.slices import TraitColumns, Traits, scores_by_slice, traits_of

LABELS = ("bad", "fine")


def outputs(*shares_of_fine: float, version: str = "v", readable: tuple[int, ...] = (), labels=LABELS) -> Outputs:
    """What a version answers when it finds each text "fine" with this probability; `readable` are the others' rows."""
    shares = np.array(shares_of_fine)
    logits = np.log(np.stack([1 - shares, shares], axis=1))
    unreadable = np.isin(np.arange(len(shares)), readable)
    return Outputs(version, labels, temperature=1.0, threshold=0.8, logits=logits, readable=~unreadable)


def sample(texts, expected, files=None):
    files = files or ["a.csv"] * len(texts)
    return sample_in_memory(texts, np.array(expected), files, DataName("a.csv", "f" * 64))


def placed(text: str, **facts: object) -> dict[str, object]:
    return {"text": text, **facts, "file": "a.csv", "line": None}


@pytest.mark.parametrize(
    ("text", "traits"),
    [
        ("good build", Traits(2, False, False)),
        ("not good", Traits(2, False, True)),
        ("I DON'T know", Traits(3, False, True)),
        ("it didn’t build, 👍", Traits(4, True, True)),
        ("well done :tada:", Traits(3, True, False)),
        ("ok :)", Traits(2, True, False)),
        ("knot, nothingness, cannon at 12:30:45", Traits(5, False, False)),
        ("We can't. Cannot! NEVER", Traits(4, False, True)),
        ("", Traits(0, False, False)),
    ],
)
def test_a_text_is_sliced_by_words_emoji_and_negating_words(text, traits):
    assert traits_of(text) == traits


def test_slices_have_their_own_scores():
    texts = ["bad", "not bad", "great " * 11, "fine 🙂", "broken " * 21]
    expected, predicted = np.array([0, 1, 1, 1, 0]), np.array([0, 0, 1, 1, 1])
    traits = TraitColumns.of([traits_of(text) for text in texts], [0, 0, 1, 1, 1])
    found = scores_by_slice(expected, predicted, 2, traits, ["a.csv", "b.csv"])
    accuracies = {
        by: {name: (part["n"], part["accuracy"]) for name, part in parts.items()} for by, parts in found.items()
    }
    assert accuracies == {
        "source": {"a.csv": (2, 0.5), "b.csv": (3, pytest.approx(2 / 3))},
        "length": {"short": (3, pytest.approx(2 / 3)), "middle": (1, 1.0), "long": (1, 0.0)},
        "emoji": {"with": (1, 1.0), "without": (4, 0.5)},
        "negation": {"with": (1, 0.0), "without": (4, 0.75)},
    }
    assert found["source"]["b.csv"]["macro_f1"] == pytest.approx((0 + 4 / 5) / 2)
    low, high = found["length"]["short"]["accuracy_interval"]
    assert low < 2 / 3 < high


def test_slices_of_under_30_texts_are_marked():
    traits = TraitColumns.of([Traits(1, False, False)] * 30 + [Traits(1, True, False)] * 29, [0] * 59)
    found = scores_by_slice(np.zeros(59, int), np.zeros(59, int), 2, traits, ["a.csv"])
    assert {name: part["small"] for name, part in found["emoji"].items()} == {"with": True, "without": False}
    assert "source" not in found
    assert set(found["length"]) == {"short"}  # nothing is said about what there is none of


def test_the_surest_mistakes_come_first_and_are_at_most_20():
    shares = np.linspace(0.01, 0.49, 30)
    probabilities = np.stack([shares, 1 - shares], axis=1)
    expected = np.array([0] * 25 + [1] * 5)
    assert surest_mistakes(probabilities, expected).tolist() == list(range(20))
    assert surest_mistakes(probabilities, np.ones(30, int)).tolist() == []


def test_suspected_label_errors_are_those_of_the_confident_joint():
    """Mean self-confidence: of label 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, of label 1 (0.7 + 0.6 + 0.2) / 3 = 0.5."""
    fine = np.array([0.1, 0.2, 0.9, 0.7, 0.6, 0.2])
    found = suspected_label_errors(np.stack([1 - fine, fine], axis=1), np.array([0, 0, 0, 1, 1, 1]))
    assert found.rows.tolist() == [2, 5]  # the clearest first
    assert found.suggested.tolist() == [1, 0]
    assert found.margin == pytest.approx([0.8, 0.6])


def test_a_rare_label_is_suggested_at_its_own_usual_level():
    """Label 1 never reaches one half, so argmax alone would suspect nothing."""
    fine = np.array([0.05, 0.05, 0.45, 0.4, 0.3])
    found = suspected_label_errors(np.stack([1 - fine, fine], axis=1), np.array([0, 0, 0, 1, 1]))
    assert (found.rows.tolist(), found.suggested.tolist()) == ([2], [1])


def test_of_labels_mixed_up_on_purpose_the_clear_half_is_suspected_and_no_other_text():
    """Only what is surer of the other label than its own texts are on average."""
    random = np.random.default_rng(1)
    truth = random.integers(0, 3, 3000)
    probabilities = random.dirichlet((1, 1, 1), 3000) * 0.3 + np.eye(3)[truth] * 0.7
    given = truth.copy()
    wrong = random.choice(3000, 60, replace=False)
    given[wrong] = (truth[wrong] + 1) % 3
    found = suspected_label_errors(probabilities, given)
    assert set(found.rows.tolist()) <= set(wrong.tolist())
    assert 20 <= len(found.rows) <= 40
    assert (found.suggested == truth[found.rows]).all()


def test_a_label_that_no_text_carries_is_never_suggested():
    found = suspected_label_errors(np.array([[0.1, 0.1, 0.8], [0.2, 0.7, 0.1]]), np.array([0, 1]))
    assert 2 not in found.suggested


def test_the_document_names_texts_with_their_place():
    document = evaluate_fully(
        sample(["oh no", "great", "hm"], [0, 1, 1], ["a.csv", "a.csv", "b.csv"]), outputs(0.9, 0.7, 0.2)
    )
    assert json.loads(json.dumps(document)) == document
    assert document["mistakes"] == [
        placed("oh no", expected="bad", predicted="fine", confidence=pytest.approx(0.9)),
        placed("hm", expected="fine", predicted="bad", confidence=pytest.approx(0.8)) | {"file": "b.csv"},
    ]
    assert [item["text"] for item in document["suspected_label_errors"]] == ["oh no", "hm"]
    assert document["suspected_label_errors"][0] == placed(
        "oh no", label="bad", suggested="fine", margin=pytest.approx(0.8)
    )
    assert document["suspected_label_errors_n"] == 2
    assert document["slices"]["source"]["a.csv"]["n"] == 2
    assert document["data"]["sources"] == ["a.csv", "b.csv"]
    assert "against" not in document


def test_texts_that_are_hardly_readable_count_as_unsure_like_in_serving():
    texts = sample(["好", "great"], [1, 1])
    assert evaluate_fully(texts, outputs(0.99, 0.9))["sure"]["coverage"] == 1.0
    document = evaluate_fully(texts, outputs(0.99, 0.9, readable=(0,)))
    assert (document["sure"]["coverage"], document["data"]["unreadable"]) == (0.5, 1)
    assert document["accuracy"] == 1.0
    assert document["brier"] > document["brier_uncalibrated"]  # the doubt is in the probabilities too


def test_against_another_version_the_document_tells_what_changed():
    texts = sample(["a", "b", "c", "d"], [0, 0, 1, 1])
    document = evaluate_fully(texts, outputs(0.1, 0.9, 0.9, 0.9), against=outputs(0.1, 0.1, 0.2, 0.9, version="old"))
    against = document["against"]
    assert {name: against[name] for name in ("version", "changed", "fixed", "broken", "neither", "verdict")} == {
        "version": "old", "changed": 2, "fixed": 1, "broken": 1, "neither": 0, "verdict": "inconclusive",
    }  # fmt: skip
    assert against["difference"] == pytest.approx(document["macro_f1"] - against["macro_f1"])
    assert against["low"] <= against["difference"] <= against["high"]
    assert against["p_value"] == 1.0
    assert against["changed_texts"] == [
        placed("b", expected="bad", before="bad", after="fine", change="broken"),
        placed("c", expected="fine", before="bad", after="fine", change="fixed"),
    ]


def test_a_version_with_its_labels_in_another_order_is_the_same_version():
    here, there = outputs(0.1, 0.9), outputs(0.9, 0.1, version="old", labels=LABELS[::-1])
    document = evaluate_fully(sample(["a", "b"], [0, 1]), here, against=there)
    assert (document["against"]["changed"], document["against"]["difference"]) == (0, 0.0)


def test_long_lists_are_cut_in_the_document_and_whole_for_a_file():
    texts = sample([f"text {number}" for number in range(300)], [0] * 300)
    new, old = outputs(*[0.9] * 150, *[0.2] * 150), outputs(*[0.2] * 150, *[0.9] * 150, version="old")
    against = evaluate_fully(texts, new, against=old)["against"]
    assert (against["broken"], against["fixed"]) == (150, 150)
    assert [item["change"] for item in against["changed_texts"]] == ["broken"] * CHANGED_LISTED + [
        "fixed"
    ] * CHANGED_LISTED
    everything = list(changed_texts(texts, new, old))
    assert [item["text"] for item in everything] == [f"text {number}" for number in range(300)]
