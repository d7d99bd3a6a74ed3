"""How good and how honest a version is on labelled texts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from classifier.calibration import brier, ece, nll, reliability, risk_coverage, softmax, threshold_at
from classifier.intervals import bootstrap_macro_f1, percentiles, wilson
from classifier.predictor import doubted


@dataclass(frozen=True)
class DataName:
    """What a version was evaluated on."""

    name: str
    sha256: str


def evaluate(
    logits: np.ndarray,
    expected: np.ndarray,
    *,
    version: str,
    data: DataName,
    labels: Sequence[str],
    temperature: float,
    threshold: float,
    readable: np.ndarray | None = None,
) -> dict[str, Any]:
    """The measures of one version on one set of texts: the part of evaluate's document that needs no text.

    `logits` float [texts, labels], not divided by the temperature; `expected` int [texts], numbers of the right labels;
    `readable` bool [texts], all of them unless given. Every measure uses the likeliest label; only `sure` looks at the
    threshold. Intervals are 95 %: Wilson's of the accuracy, the bootstrap's of macro-F1. Raises ValueError if there is
    no text.
    """
    if not len(expected):
        raise ValueError("Nothing to evaluate: no texts.")
    probabilities, raw = served_probabilities(logits, temperature, threshold, readable), softmax(logits, 1.0)
    predicted = logits.argmax(axis=1)
    confidence, correct = probabilities.max(axis=1), predicted == expected
    before, after = reliability(raw.max(axis=1), correct), reliability(confidence, correct)
    sure, curve = threshold_at(threshold, confidence, correct), risk_coverage(confidence, correct)
    matrix = confusion(expected, predicted, len(labels))
    return {
        "version": version,
        "data": {"name": data.name, "sha256": data.sha256, "n": len(expected)},
        "accuracy": float(correct.mean()),
        "accuracy_interval": list(wilson(int(correct.sum()), len(expected))),
        "macro_f1": macro_f1(matrix),
        "macro_f1_interval": list(percentiles(bootstrap_macro_f1(expected, [predicted], len(labels)))),
        "per_label": {label: _scores(matrix, number) for number, label in enumerate(labels)},
        "confusion": {"labels": list(labels), "matrix": matrix.tolist()},
        "temperature": temperature,
        "ece": ece(confidence, correct),
        "ece_uncalibrated": ece(raw.max(axis=1), correct),
        "brier": brier(probabilities, expected),
        "brier_uncalibrated": brier(raw, expected),
        "nll": nll(probabilities, expected),
        "nll_uncalibrated": nll(raw, expected),
        "sure": {"threshold": sure.threshold, "coverage": sure.coverage, "precision": sure.precision},
        "reliability": {"before": [asdict(bar) for bar in before], "after": [asdict(bar) for bar in after]},
        "risk_coverage": {"area": curve.area, "points": [list(point) for point in curve.points]},
    }


def served_probabilities(
    logits: np.ndarray, temperature: float, threshold: float, readable: np.ndarray | None = None
) -> np.ndarray:
    """Probabilities as the version answers with: calibrated, and in doubt about texts that are not `readable`."""
    probabilities = softmax(logits, temperature)
    if readable is not None:
        for row in np.flatnonzero(~readable):
            probabilities[row] = doubted(probabilities[row], threshold)
    return probabilities


def confusion(expected: np.ndarray, predicted: np.ndarray, labels: int) -> np.ndarray:
    """Texts by right label (rows) and predicted label (columns), int [labels, labels]."""
    return np.bincount(expected * labels + predicted, minlength=labels * labels).reshape(labels, labels)


def macro_f1(matrix: np.ndarray) -> float:
    """Mean F1 over the labels that occur, as right or as predicted ones; one that never comes up can't be judged."""
    occurring = np.flatnonzero(matrix.sum(axis=0) + matrix.sum(axis=1))
    return float(np.mean([_scores(matrix, int(number))["f1"] for number in occurring]))


def _scores(matrix: np.ndarray, label: int) -> dict[str, float | int]:
    """Precision and recall are 0 where nothing was predicted or nothing was there."""
    hits, predicted, support = int(matrix[label, label]), int(matrix[:, label].sum()), int(matrix[label].sum())
    return {
        "precision": hits / predicted if predicted else 0.0,
        "recall": hits / support if support else 0.0,
        "f1": 2 * hits / (predicted + support) if predicted + support else 0.0,
        "support": support,
    }
