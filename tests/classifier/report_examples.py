"""Documents of evaluations for the report's tests: a version with some skill, perhaps beside another one."""

from typing import Any

import numpy as np

from classifier.evaluation import DataName
from classifier.full_evaluation import Outputs, evaluate_fully
from classifier.sample import sample_in_memory

LABELS = ("negative", "neutral", "positive")
HOSTILE = '</style><script>alert(1)</script><img src=x onerror="alert(2)"> &amp; \u202etxt.exe\x00\ud83d'


def answers(texts: int, *, seed: int, skill: float, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits and right labels; these are the same for every seed and skill, the last label the most common."""
    random = np.random.default_rng(1)
    shares = np.arange(2, labels + 2) / np.arange(2, labels + 2).sum()
    truth = random.choice(labels, texts, p=shares)
    noise = np.random.default_rng(seed).normal(size=(texts, labels))
    return noise + np.eye(labels)[truth] * skill, truth


def example(
    texts: int = 400,
    *,
    text: str = "text",
    version: str = "v",
    skill: float = 2.0,
    against: float | None = None,
    labels: tuple[str, ...] = LABELS,
) -> dict[str, Any]:
    """The document of a version of this skill; `against` is the skill of another one named "old"."""
    logits, truth = answers(texts, seed=2, skill=skill, labels=len(labels))
    words = [f"{text} {number}" + " more" * (number % 25) for number in range(texts)]
    files = [f"{text}.csv"] * (texts // 2) + ["b.csv"] * (texts - texts // 2)
    sample = sample_in_memory(words, truth, files, DataName("a.csv + b.csv", "f" * 64))

    def outputs(name: str, logits: np.ndarray) -> Outputs:
        return Outputs(name, labels, 1.1, 0.7, logits, np.ones(texts, bool))

    if against is None:
        return evaluate_fully(sample, outputs(version, logits))
    other, _ = answers(texts, seed=3, skill=against, labels=len(labels))
    return evaluate_fully(sample, outputs(version, logits), against=outputs("old", other))
