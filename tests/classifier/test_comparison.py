"""Whether a version is better than another: known values, coverage by simulation, and a verdict that holds back."""

import time

import numpy as np
import pytest

from classifier.comparison import compare, matching_columns, mcnemar, verdict
from classifier.errors import NotComparable
from classifier.evaluation import confusion, macro_f1
from classifier.intervals import bootstrap_macro_f1, percentiles, wilson


def texts_where(*groups: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups of (texts, right label, label of this version, label of the other)."""
    counts, *columns = (np.array(column) for column in zip(*groups, strict=True))
    expected, predicted, other = (np.repeat(column, counts) for column in columns)
    return expected, predicted, other


def two_models(random: np.random.Generator, texts: int, right: float, other_right: float):
    """Two models that err on the same third of the texts and each on texts of its own."""
    expected = random.choice(3, texts, p=(0.2, 0.3, 0.5))
    hard = random.random(texts) < 1 / 3

    def answers(share: float) -> np.ndarray:
        errs = random.random(texts) < np.where(hard, 1.6, 0.7) * (1 - share)
        return np.where(errs, (expected + random.integers(1, 3, texts)) % 3, expected)

    return expected, answers(right), answers(other_right)


@pytest.mark.parametrize(
    ("fixed", "broken", "p_value"),
    [
        (16, 6, 0.0525),  # exact: 2 P(X <= 6) for X from Binomial(22, 1/2)
        (9, 1, 0.0215),  # 2 (1 + 10) / 2**10
        (1, 9, 0.0215),
        (5, 5, 1.0),
        (0, 0, 1.0),
        (121, 59, 5.45e-06),  # chi-square 61**2 / 180 = 20.67
        (150, 86, 4.11e-05),  # approval of the prime minister (Agresti 1990), 63**2 / 236 = 16.82
        (40, 40, 1.0),
    ],
)
def test_mcnemar_has_the_known_values(fixed, broken, p_value):
    assert mcnemar(fixed, broken) == pytest.approx(p_value, rel=0.01)


def test_the_exact_test_and_the_approximation_meet_where_they_change_over():
    exact = 2 * sum(float(np.prod(np.arange(25 - k + 1, 26)) / np.prod(np.arange(1, k + 1))) for k in range(9)) / 2**25
    assert mcnemar(17, 8) == pytest.approx(exact, abs=0.005)


@pytest.mark.parametrize(
    ("right", "texts", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_has_the_values_of_newcombe_1998(right, texts, low, high):
    assert wilson(right, texts) == pytest.approx((low, high), abs=5e-5)


def test_the_bootstrap_draws_whole_texts_for_both_versions_alike():
    """Drawing how often each kind of text comes up gives the distribution of drawing texts one by one."""
    random = np.random.default_rng(3)
    expected, predicted, other = two_models(random, 150, 0.8, 0.7)
    drawn = random.integers(0, 150, (10_000, 150))
    slow = [
        macro_f1(confusion(expected[rows], predicted[rows], 3)) - macro_f1(confusion(expected[rows], other[rows], 3))
        for rows in drawn
    ]
    scores = bootstrap_macro_f1(expected, [predicted, other], 3, resamples=20_000)
    quick = scores[:, 0] - scores[:, 1]
    assert np.quantile(quick, [0.025, 0.25, 0.5, 0.75, 0.975]) == pytest.approx(
        np.quantile(slow, [0.025, 0.25, 0.5, 0.75, 0.975]), abs=0.006
    )
    assert quick.std() == pytest.approx(np.std(slow), rel=0.05)


def test_the_interval_holds_the_true_difference_in_95_of_100_samples():
    random = np.random.default_rng(4)
    expected, predicted, other = two_models(random, 200_000, 0.8, 0.76)
    truth = macro_f1(confusion(expected, predicted, 3)) - macro_f1(confusion(expected, other, 3))
    held = 0
    for _ in range(400):
        rows = random.integers(0, len(expected), 400)
        scores = bootstrap_macro_f1(expected[rows], [predicted[rows], other[rows]], 3, resamples=1000)
        low, high = percentiles(scores[:, 0] - scores[:, 1])
        held += low <= truth <= high
    assert held / 400 == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize("texts", [40, 300])
def test_equally_good_versions_are_rarely_told_apart(texts):
    """About one in twenty at most, also where so few texts changed that the bootstrap alone is too sure of itself."""
    random = np.random.default_rng(5)
    verdicts = [compare(*two_models(random, texts, 0.85, 0.85), 3).verdict for _ in range(300)]
    assert sum(verdict != "inconclusive" for verdict in verdicts) / 300 <= 0.06


def test_a_clearly_better_version_is_better_and_the_other_way_round_worse():
    expected, predicted, other = two_models(np.random.default_rng(6), 2000, 0.85, 0.75)
    better, worse = compare(expected, predicted, other, 3), compare(expected, other, predicted, 3)
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert better.difference == -worse.difference > 0.05
    assert 0 < better.low < better.difference < better.high
    assert (better.low, better.high) == pytest.approx((-worse.high, -worse.low), abs=0.005)
    assert better.p_value == worse.p_value < 0.001


def test_figures_are_those_worked_out_by_hand():
    expected, predicted, other = texts_where((4, 0, 0, 0), (3, 1, 1, 0), (1, 0, 1, 0), (1, 1, 0, 0), (1, 2, 0, 1))
    found = compare(expected, predicted, other, 3)
    f1_of_this = (8 / 11 + 6 / 8 + 0) / 3
    f1_of_other = (10 / 14 + 0 + 0) / 3
    assert found.macro_f1 == pytest.approx(f1_of_other)
    assert found.difference == pytest.approx(f1_of_this - f1_of_other)
    assert found.accuracy == 0.5
    assert (found.fixed.tolist(), found.broken.tolist(), found.neither.tolist()) == ([4, 5, 6], [7], [9])
    assert found.p_value == mcnemar(3, 1) == 0.625


def test_the_same_texts_give_the_same_figures_each_time():
    sample = two_models(np.random.default_rng(7), 300, 0.8, 0.7)
    first, second = compare(*sample, 3), compare(*sample, 3)
    assert (first.low, first.high) == (second.low, second.high)


def test_four_texts_fixed_and_none_broken_are_not_enough():
    """The bootstrap leaves all four out in one of fifty draws, so its interval alone would say better."""
    found = compare(*texts_where((30, 0, 0, 0), (30, 1, 1, 1), (4, 1, 1, 0)), 2)
    assert found.low > 0
    assert found.p_value == 0.125
    assert found.verdict == "inconclusive"


def test_a_gain_on_a_rare_label_that_costs_most_texts_is_inconclusive():
    found = compare(*texts_where((1500, 0, 0, 0), (60, 0, 1, 0), (30, 1, 1, 0), (5, 1, 1, 1)), 2)
    assert found.low > 0  # macro-F1 is clearly up
    assert found.p_value < 0.01  # and accuracy clearly down
    assert found.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("low", "high", "fixed", "broken", "said"),
    [
        (-0.01, 0.02, 60, 40, "inconclusive"),
        (0.01, 0.02, 60, 50, "better"),
        (0.01, 0.02, 10, 9, "inconclusive"),
        (0.01, 0.02, 12, 2, "better"),
        (-0.02, -0.01, 2, 12, "worse"),
        (-0.02, -0.01, 80, 20, "inconclusive"),
        (0.0, 0.0, 0, 0, "inconclusive"),
    ],
)
def test_the_verdict_follows_the_interval_unless_mcnemar_objects(low, high, fixed, broken, said):
    assert verdict(low, high, fixed, broken, mcnemar(fixed, broken)) == said


def test_ten_thousand_texts_are_compared_in_well_under_two_seconds():
    expected, predicted, other = two_models(np.random.default_rng(8), 10_000, 0.8, 0.78)
    start = time.process_time()
    compare(expected, predicted, other, 3)
    assert time.process_time() - start < 1


def test_labels_in_another_order_are_matched_by_name():
    assert matching_columns("a", ("x", "y", "z"), "b", ("z", "x", "y")) == [1, 2, 0]


def test_versions_with_other_labels_can_not_be_compared():
    with pytest.raises(NotComparable, match=r"'a' has the labels x, y; 'b' has x, y, z\. Only versions with the same"):
        matching_columns("a", ("x", "y"), "b", ("x", "y", "z"))
