"""Whether one version is better than another on the same texts, and how sure that is. numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, erfc, sqrt

import numpy as np

from classifier.errors import NotComparable
from classifier.evaluation import confusion, macro_f1
from classifier.intervals import bootstrap_macro_f1, percentiles

# With fewer texts that only one version has right, McNemar's statistic is too coarse for chi-square and is computed
# exactly, and the bootstrap is too sure of itself: four such texts, all on one side, are enough for it.
FEW = 25
SIGNIFICANT = 0.05

BETTER, WORSE, INCONCLUSIVE = "better", "worse", "inconclusive"


@dataclass(frozen=True)
class Comparison:
    """One version against another on the same texts.

    `macro_f1` and `accuracy` are the other's; `difference` is this version's macro-F1 minus the other's, within `low`
    to `high` (95 %). Of the rows with another label those `fixed` only this version has right, those `broken` only the
    other, and `neither` none of them. `p_value` is McNemar's for the first two.
    """

    macro_f1: float
    accuracy: float
    difference: float
    low: float
    high: float
    fixed: np.ndarray
    broken: np.ndarray
    neither: np.ndarray
    p_value: float
    verdict: str


def compare(expected: np.ndarray, predicted: np.ndarray, other: np.ndarray, labels: int) -> Comparison:
    """Compare `predicted` with the `other` version's labels for the same texts; each int [texts].

    The interval is the paired bootstrap's on the difference in macro-F1 (Efron and Tibshirani 1993).
    """
    this_right, other_right = predicted == expected, other == expected
    fixed, broken = np.flatnonzero(this_right & ~other_right), np.flatnonzero(other_right & ~this_right)
    scores = bootstrap_macro_f1(expected, [predicted, other], labels)
    low, high = percentiles(scores[:, 0] - scores[:, 1])
    p_value = mcnemar(len(fixed), len(broken))
    other_f1 = macro_f1(confusion(expected, other, labels))
    return Comparison(
        macro_f1=other_f1,
        accuracy=float(other_right.mean()),
        difference=macro_f1(confusion(expected, predicted, labels)) - other_f1,
        low=low,
        high=high,
        fixed=fixed,
        broken=broken,
        neither=np.flatnonzero((predicted != other) & ~this_right & ~other_right),
        p_value=p_value,
        verdict=verdict(low, high, len(fixed), len(broken), p_value),
    )


def verdict(low: float, high: float, fixed: int, broken: int, p_value: float) -> str:
    """better or worse where the interval excludes 0 and McNemar's test does not contradict, else inconclusive.

    It contradicts when it is significant (p < 0.05) in the other direction, as when a rare label gains and most texts
    lose. With under 25 texts that only one version has right it must agree: significant, and in the same direction.
    """
    if low <= 0 <= high:
        return INCONCLUSIVE
    better = low > 0
    significant, same_way = p_value < SIGNIFICANT, (fixed > broken) == better
    contradicted = not (significant and same_way) if fixed + broken < FEW else significant and not same_way
    if contradicted:
        return INCONCLUSIVE
    return BETTER if better else WORSE


def mcnemar(fixed: int, broken: int) -> float:
    """McNemar's two-sided p-value for texts that only one of two versions has right (McNemar 1947).

    Under 25 of them the exact binomial test, else chi-square with Edwards' continuity correction.
    """
    texts = fixed + broken
    if texts < FEW:
        tail = sum(comb(texts, count) for count in range(min(fixed, broken) + 1))
        return min(1.0, 2 * tail / 2**texts)
    statistic = max(0, abs(fixed - broken) - 1) ** 2 / texts
    return erfc(sqrt(statistic / 2))  # the upper tail of chi-square with one degree of freedom


def matching_columns(version: str, labels: Sequence[str], other_version: str, other_labels: Sequence[str]) -> list[int]:
    """For each of `labels` the column that it has in the other version. Raises NotComparable for other labels."""
    if set(labels) != set(other_labels):
        raise NotComparable(
            f"{version!r} has the labels {', '.join(labels)}; {other_version!r} has {', '.join(other_labels)}. "
            "Only versions with the same labels can be compared."
        )
    return [other_labels.index(label) for label in labels]
