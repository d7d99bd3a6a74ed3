"""Which texts deserve a look: the mistakes a version is surest of, and labels that are probably wrong. numpy only."""

from dataclasses import dataclass

import numpy as np

LISTED = 20


@dataclass(frozen=True)
class Suspects:
    """Texts whose given label is probably wrong, the clearest first.

    `rows` are their numbers, `suggested` the labels they probably should have, `margin` by how much more probable
    those are than the given ones.
    """

    rows: np.ndarray
    suggested: np.ndarray
    margin: np.ndarray


def surest_mistakes(probabilities: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The rows that are labelled wrong with the most confidence, at most 20, the surest first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != expected)
    order = np.argsort(-probabilities[wrong].max(axis=1), kind="stable")
    return wrong[order[:LISTED]]


def suspected_label_errors(probabilities: np.ndarray, expected: np.ndarray) -> Suspects:
    """The off-diagonal of the confident joint of confident learning (Northcutt, Jiang and Chuang 2021).

    `probabilities` float [texts, labels], of texts the model was not trained on; `expected` int [texts], the given
    labels. Each label's threshold is the mean probability it gets on the texts that carry it. A text is suspected when
    its likeliest label among those that reach their threshold is another than the given one.
    """
    labels = probabilities.shape[1]
    own = probabilities[np.arange(len(expected)), expected]
    texts = np.bincount(expected, minlength=labels)
    # A label that nobody gave has no threshold, and so can't be suggested.
    threshold = np.full(labels, np.inf)
    np.divide(np.bincount(expected, weights=own, minlength=labels), texts, out=threshold, where=texts > 0)
    reaching = np.where(probabilities >= threshold, probabilities, 0.0)
    suggested, best = reaching.argmax(axis=1), reaching.max(axis=1)
    rows = np.flatnonzero((best > 0) & (suggested != expected))
    margin = best[rows] - own[rows]
    order = np.argsort(-margin, kind="stable")
    return Suspects(rows[order], suggested[rows[order]], margin[order])
