"""How good and how honest a version is on labelled texts. numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.calibration import brier, ece, nll, softmax, threshold_at


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
) -> dict[str, Any]:
    """All measures of one version on one set of texts: the document that `clfadmin evaluate --json` prints.

    `logits` float [texts, labels], not divided by the temperature; `expected` int [texts], numbers of the right labels.
    Every measure uses the likeliest label; only `sure` looks at the threshold. Raises ValueError without texts.
    """
    if not len(expected):
        raise ValueError("Nothing to evaluate: no texts.")
    probabilities = softmax(logits, temperature)
    predicted = probabilities.argmax(axis=1)
    confidence, correct = probabilities.max(axis=1), predicted == expected
    raw = softmax(logits, 1.0)
    sure = threshold_at(threshold, confidence, correct)
    matrix = confusion(expected, predicted, len(labels))
    return {
        "version": version,
        "data": {"name": data.name, "sha256": data.sha256, "n": len(expected)},
        "accuracy": float(correct.mean()),
        "macro_f1": macro_f1(matrix),
        "per_label": {label: _scores(matrix, number) for number, label in enumerate(labels)},
        "confusion": {"labels": list(labels), "matrix": matrix.tolist()},
        "ece": ece(confidence, correct),
        "ece_uncalibrated": ece(raw.max(axis=1), correct),
        "brier": brier(probabilities, expected),
        "nll": nll(probabilities, expected),
        "sure": {"threshold": sure.threshold, "coverage": sure.coverage, "precision": sure.precision},
    }


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
