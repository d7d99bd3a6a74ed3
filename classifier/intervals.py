"""How far measures may be off because only so many texts were looked at: 95 % intervals. numpy only."""

from collections.abc import Sequence

import numpy as np

RESAMPLES = 4000  # the ends of the interval then vary by about 2 % of its width
SEED = 1
ENDS = (0.025, 0.975)
NORMAL = 1.959964  # the standard normal's 97.5 % quantile
# Values held at a time, 32 MB of them.
CHUNK_VALUES = 1 << 22


def wilson(right: int, texts: int) -> tuple[float, float]:
    """Score interval of the share `right` of `texts` (Wilson 1927); without texts anything is possible."""
    if not texts:
        return 0.0, 1.0
    share, square = right / texts, NORMAL**2
    middle = (share + square / (2 * texts)) / (1 + square / texts)
    reach = NORMAL / (1 + square / texts) * (share * (1 - share) / texts + square / (4 * texts**2)) ** 0.5
    return max(0.0, middle - reach), min(1.0, middle + reach)


def percentiles(values: np.ndarray) -> tuple[float, float]:
    """The bootstrap's percentile interval (Efron and Tibshirani 1993, chapter 13)."""
    low, high = np.quantile(values, ENDS)
    return float(low), float(high)


def bootstrap_macro_f1(
    expected: np.ndarray, predictions: Sequence[np.ndarray], labels: int, *, resamples: int = RESAMPLES
) -> np.ndarray:
    """macro-F1 of each prediction on the same resampled texts: float [resamples, predictions]; seeded.

    `expected` and each of `predictions` int [texts]. Texts that agree in all of these are interchangeable, so instead
    of drawing texts with replacement we draw how often each such group comes up: multinomial, the same distribution.
    """
    columns = [expected, *predictions]
    sizes = [labels] * len(columns)
    groups, counts = np.unique(np.ravel_multi_index(columns, sizes), return_counts=True)
    one_hot = [np.eye(labels)[column] for column in np.unravel_index(groups, sizes)]  # each [groups, labels]
    random = np.random.default_rng(SEED)
    texts, step = len(expected), max(1, CHUNK_VALUES // len(counts))
    parts: list[np.ndarray] = []
    for start in range(0, resamples, step):
        drawn = random.multinomial(texts, counts / texts, size=min(step, resamples - start)).astype(float)
        support = drawn @ one_hot[0]
        scores = [_macro_f1(support, drawn @ taken, drawn @ (one_hot[0] * taken)) for taken in one_hot[1:]]
        parts.append(np.stack(scores, axis=1))
    return np.concatenate(parts)


def _macro_f1(support: np.ndarray, predicted: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Each argument float [resamples, labels]; labels that do not occur in a resample do not count there."""
    total = support + predicted
    f1 = 2 * hits / np.maximum(total, 1)
    return f1.sum(axis=1) / (total > 0).sum(axis=1)
