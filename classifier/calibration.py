"""Honest confidence: one temperature, one threshold, and the measures that tell how honest. numpy only."""

from dataclasses import dataclass

import numpy as np

# Golden-section search between these; config.json allows more.
LOWEST, HIGHEST = 0.05, 20.0
# A dozen validation texts that are all right ask for absolute certainty. So temperature 1 counts as known beforehand,
# with this deviation of its logarithm: as much evidence as a few texts, nothing against hundreds.
PRIOR_DEVIATION = 0.5
GOLDEN = (5**0.5 - 1) / 2
SEARCH_STEPS = 60  # narrows the range to 1e-12 of its width

# What `sure` should mean, and how many texts must keep it for a reply to be worth reading.
TARGET_PRECISION = 0.90
LEAST_COVERAGE = 0.60

BINS = 15
CURVE_POINTS = 100


@dataclass(frozen=True)
class Threshold:
    """Where `sure` begins, the share of texts that reach it and how many of those are right (None when none does)."""

    threshold: float
    coverage: float
    precision: float | None


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Calibrated probabilities, float64 [texts, labels]; each row sums to 1."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that minimises the negative log-likelihood (Guo et al. 2017), with a weak pull towards 1.

    `logits` float [texts, labels], `labels` int [texts], of texts the model was not trained on. Found by golden-section
    search over the temperature's logarithm.
    """

    def cost(log_temperature: float) -> float:
        pull = (log_temperature / PRIOR_DEVIATION) ** 2 / 2
        return len(labels) * nll(softmax(logits, np.exp(log_temperature)), labels) + pull

    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(SEARCH_STEPS):
        inner, outer = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if cost(inner) < cost(outer):
            high = outer
        else:
            low = inner
    return float(np.exp((low + high) / 2))


def fit_threshold(confidence: np.ndarray, correct: np.ndarray) -> Threshold:
    """The smallest threshold with 90 % precision, but never one that leaves under 60 % of the texts sure.

    `confidence` float [texts] of the likeliest label, `correct` bool [texts]. Where 90 % would leave too few, the
    threshold is the one that leaves 60 %, and `precision` says what it reaches there.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    precision = np.cumsum(correct[order]) / np.arange(1, len(order) + 1)
    # A threshold takes all texts of equal confidence or none: only the last of such a run can be its end.
    ends = np.flatnonzero(np.append(np.diff(sorted_confidence) < 0, True))
    least = int(np.ceil(LEAST_COVERAGE * len(order))) - 1
    reaching = ends[(precision[ends] >= TARGET_PRECISION) & (ends >= least)]
    end = reaching[-1] if len(reaching) else ends[ends >= least][0]
    return threshold_at(float(sorted_confidence[end]), confidence, correct)


def threshold_at(threshold: float, confidence: np.ndarray, correct: np.ndarray) -> Threshold:
    """What a given threshold means for these texts."""
    sure = confidence >= threshold
    precision = float(correct[sure].mean()) if sure.any() else None
    return Threshold(threshold, float(sure.mean()), precision)


def nll(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood of the right label, in nats."""
    right = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(right, 1e-300)).mean())


def brier(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean squared distance from the one-hot label, summed over the labels: 0 is best, 2 worst (Brier 1950)."""
    expected = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - expected) ** 2).sum(axis=1).mean())


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram: texts of similar confidence, how sure the model was and how often right."""

    texts: int
    confidence: float
    accuracy: float


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> list[Bin]:
    """The reliability diagram's bars: `bins` groups of (nearly) equally many texts, by rising confidence."""
    order = np.argsort(confidence, kind="stable")
    right = _shared_by_ties(confidence, correct)
    return [
        Bin(len(group), float(confidence[group].mean()), float(right[group].mean()))
        for group in np.array_split(order, bins)
        if len(group)
    ]


def ece(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Expected calibration error over 15 bins of equal mass (Nguyen and O'Connor 2015): 0 is best."""
    bars = reliability(confidence, correct)
    texts = sum(bar.texts for bar in bars)
    return sum(bar.texts * abs(bar.confidence - bar.accuracy) for bar in bars) / texts if texts else 0.0


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve (Geifman and El-Yaniv 2017): answering only the surest share, how many are wrong.

    `points` are (coverage, risk) by rising coverage, at most 100; `area` is the mean risk over all coverages.
    """

    points: tuple[tuple[float, float], ...]
    area: float


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> RiskCoverage:
    """The curve of these texts: `confidence` float [texts] of the likeliest label, `correct` bool [texts]."""
    texts = len(confidence)
    wrong = 1 - _shared_by_ties(confidence, correct)[np.argsort(-confidence, kind="stable")]
    risk = np.cumsum(wrong) / np.arange(1, texts + 1)
    shown = np.unique(-(-texts * np.arange(1, CURVE_POINTS + 1) // CURVE_POINTS)) - 1
    return RiskCoverage(tuple((float((row + 1) / texts), float(risk[row])) for row in shown), float(risk.mean()))


def _shared_by_ties(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Each text's share of right ones among those of exactly its confidence, so that their order changes nothing."""
    _, group, texts = np.unique(confidence, return_inverse=True, return_counts=True)
    return (np.bincount(group, weights=correct) / texts)[group]
