"""Temperature, threshold and the measures of honesty, against values computed by hand or known by construction."""

import numpy as np
import pytest

from classifier.calibration import (
    brier,
    ece,
    fit_temperature,
    fit_threshold,
    nll,
    reliability,
    risk_coverage,
    softmax,
    threshold_at,
)


def drawn(texts: int, *, temperature: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax at `temperature` is honest: labels are drawn from exactly those probabilities."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (texts, 3))
    shares = softmax(logits, temperature).cumsum(axis=1)
    return logits, (random.random((texts, 1)) > shares).sum(axis=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found_again(temperature):
    assert fit_temperature(*drawn(20_000, temperature=temperature)) == pytest.approx(temperature, rel=0.05)


def test_the_fitted_temperature_is_the_best_of_those_around_it():
    logits, labels = drawn(500, temperature=1.7)
    fitted = fit_temperature(logits, labels)
    best = nll(softmax(logits, fitted), labels)
    assert all(best <= nll(softmax(logits, fitted * factor), labels) for factor in (0.5, 0.9, 1.1, 2.0))


def test_a_few_texts_that_are_all_right_do_not_make_the_model_certain():
    """Likelihood alone would choose the lowest temperature there is."""
    logits = np.eye(3)[[0, 1, 2] * 4] * 2
    fitted = fit_temperature(logits, np.array([0, 1, 2] * 4))
    assert 0.4 < fitted < 1
    assert fit_temperature(-logits, np.array([0, 1, 2] * 4)) < 5


def test_calibration_makes_overconfident_outputs_honest():
    logits, labels = drawn(5000, temperature=3.0)
    raw, calibrated = softmax(logits, 1.0), softmax(logits, fit_temperature(logits, labels))

    def error(probabilities):
        return ece(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)

    assert error(raw) > 0.2
    assert error(calibrated) < 0.03


def test_the_threshold_is_the_smallest_with_90_percent_precision():
    confidence = np.array([0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5])
    correct = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 0], bool)
    found = fit_threshold(confidence, correct)
    assert (found.threshold, found.coverage, found.precision) == (0.5, 1.0, 0.9)
    worse = fit_threshold(confidence, np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], bool))
    assert (worse.threshold, worse.coverage, worse.precision) == (0.65, 0.7, 1.0)


def test_the_threshold_never_leaves_under_60_percent_sure_and_states_its_precision():
    confidence = np.linspace(0.99, 0.4, 10)
    correct = np.array([1, 1, 0, 0, 1, 0, 1, 0, 0, 0], bool)
    found = fit_threshold(confidence, correct)
    assert found.coverage == 0.6
    assert found.precision == pytest.approx(0.5)


def test_texts_of_equal_confidence_are_sure_together_or_not_at_all():
    confidence = np.array([0.9] * 4 + [0.7] * 6)
    found = fit_threshold(confidence, np.array([1] * 4 + [1, 0] * 3, bool))
    assert (found.threshold, found.coverage) == (0.7, 1.0)
    assert found.precision == pytest.approx(0.7)


def test_a_threshold_nothing_reaches_has_no_precision():
    found = threshold_at(0.99, np.array([0.5, 0.6]), np.array([True, False]))
    assert (found.coverage, found.precision) == (0.0, None)


def test_measures_have_the_values_computed_by_hand():
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    labels = np.array([0, 0])
    assert brier(probabilities, labels) == pytest.approx((0.04 + 0.04 + 0.36 + 0.36) / 2)
    assert nll(probabilities, labels) == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)


def test_ece_weighs_each_bin_by_its_texts():
    confidence = np.repeat([0.6, 0.9], [50, 100])
    correct = np.array([True] * 50 + [False] * 100)
    assert ece(confidence, correct) == pytest.approx((50 * 0.4 + 100 * 0.9) / 150)


def test_the_reliability_diagram_has_15_bars_of_equally_many_texts():
    bars = reliability(np.linspace(0.3, 1, 150), np.arange(150) % 2 == 0)
    assert [bar.texts for bar in bars] == [10] * 15
    assert [bar.confidence for bar in bars] == sorted(bar.confidence for bar in bars)
    assert all(bar.accuracy == 0.5 for bar in bars)


def test_a_bin_for_each_text_is_enough_when_there_are_few():
    assert len(reliability(np.array([0.5, 0.6]), np.array([True, False]))) == 2


def test_softmax_of_huge_logits_is_finite_and_sums_to_one():
    probabilities = softmax(np.array([[1e4, 0.0, -1e4]], np.float32), 0.05)
    assert probabilities.tolist() == [[1.0, 0.0, 0.0]]


def test_the_order_of_texts_with_the_same_confidence_changes_no_figure():
    """Half of them are right, whether the file holds those first or last."""
    confidence, correct = np.full(60, 0.5), np.arange(60) < 30
    assert ece(confidence, correct) == ece(confidence, correct[::-1]) == 0
    assert risk_coverage(confidence, correct) == risk_coverage(confidence, correct[::-1])


def test_the_risk_coverage_curve_answers_the_surest_texts_first():
    found = risk_coverage(np.array([0.6, 0.9, 0.8, 0.7]), np.array([False, True, False, True]))
    assert found.points == ((0.25, 0.0), (0.5, 0.5), (0.75, pytest.approx(1 / 3)), (1.0, 0.5))
    assert found.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_the_risk_coverage_curve_of_many_texts_has_one_point_each_percent():
    random = np.random.default_rng(1)
    found = risk_coverage(random.random(12_345), random.random(12_345) < 0.8)
    assert [round(coverage, 2) for coverage, _ in found.points] == [percent / 100 for percent in range(1, 101)]
    assert found.points[-1][1] == pytest.approx(0.2, abs=0.02)
