"""What held-out groups say of the starter's recipe: scores beside the plain recipe's, and how honest its confidence is.

numpy only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.calibration import ece, softmax
from classifier.config import ModelConfig
from classifier.evaluation import DataName, confusion, evaluate, macro_f1
from classifier.finishing import calibrate
from classifier.starter import STARTER

# Macro-F1 of the recipe that the starter was made with before, under the same hold-outs, by group and seed: an adapter
# of rank 16 in all layers, one epoch over labels as they stand, no newspaper snippets, no sentences of our own.
PLAIN: dict[str, dict[int, float]] = {
    "chat": {1: 0.621, 2: 0.605},
    "developers": {1: 0.812},
    "tweets and reviews": {},
}
# And of single files of a group; that group was measured with film snippets too, which are not used any more.
PLAIN_FILES = {"hutto/tweets.jsonl": 0.691, "hutto/amazonReviewSnippets.jsonl": 0.520}
# Texts of each group and seed that confidence is fitted on: as many as the smallest group has, so that all count alike.
EQUAL_SHARE = 3000
SAMPLE_SEED = 5


@dataclass(frozen=True)
class HeldOut:
    """A group no text of which was read, by one seed: logits, labels and files of its texts, one after another."""

    group: str
    seed: int
    logits: np.ndarray
    labels: np.ndarray
    files: np.ndarray

    def scores(self) -> dict[str, float]:
        """Macro-F1 of all of the group's texts under its name, and of each file where there are more."""
        files = list(dict.fromkeys(self.files.tolist()))
        parts = {self.group: np.ones(len(self.labels), bool)}
        parts |= {file: self.files == file for file in files} if len(files) > 1 else {}
        return {name: round(self._macro_f1(rows), 4) for name, rows in parts.items()}

    def sample(self) -> "HeldOut":
        """At most EQUAL_SHARE of the texts, always the same."""
        rows = np.random.default_rng(SAMPLE_SEED).permutation(len(self.labels))[:EQUAL_SHARE]
        return HeldOut(self.group, self.seed, self.logits[rows], self.labels[rows], self.files[rows])

    def _macro_f1(self, rows: np.ndarray) -> float:
        return macro_f1(confusion(self.labels[rows], self.logits[rows].argmax(axis=1), self.logits.shape[1]))


def calibrated(config: ModelConfig, held_out: Sequence[HeldOut]) -> tuple[ModelConfig, dict[str, Any]]:
    """`config` with temperature and threshold fitted on equal shares of all groups, and evaluate's object on those."""
    logits, labels = _pooled(held_out)
    config = calibrate(config, logits, labels)
    metrics = evaluate(
        logits,
        labels,
        version=STARTER,
        data=DataName("equal shares of the held-out groups", ""),
        labels=config.labels,
        temperature=config.temperature,
        threshold=config.threshold,
    )
    return config, metrics


def calibration_errors(config: ModelConfig, held_out: Sequence[HeldOut]) -> dict[str, float]:
    """Expected calibration error of each group with the temperature that the other groups ask for.

    So neither the network nor its temperature has seen the group.
    """
    errors: dict[str, float] = {}
    for group in dict.fromkeys(part.group for part in held_out):
        others = _pooled([part for part in held_out if part.group != group])
        temperature = calibrate(config, *others).temperature
        found = []
        for part in (part for part in held_out if part.group == group):
            probabilities = softmax(part.logits, temperature)
            found.append(ece(probabilities.max(axis=1), probabilities.argmax(axis=1) == part.labels))
        errors[group] = round(float(np.mean(found)), 4)
    return errors


def held_out_card(config: ModelConfig, held_out: Sequence[HeldOut]) -> dict[str, Any]:
    """Scores by group and seed beside the plain recipe's, and the calibration error; null was not measured."""
    groups: dict[str, Any] = {}
    for part in held_out:
        group = groups.setdefault(part.group, {"texts": len(part.labels), "plain": {}, "recipe": {}, "files": {}})
        scores = part.scores()
        group["plain"][str(part.seed)] = PLAIN[part.group].get(part.seed)
        group["recipe"][str(part.seed)] = scores.pop(part.group)
        for file, found in scores.items():
            group["files"].setdefault(file, {})[str(part.seed)] = found
    for group, error in calibration_errors(config, held_out).items():
        groups[group]["ece"] = error
    return groups


def _pooled(held_out: Sequence[HeldOut]) -> tuple[np.ndarray, np.ndarray]:
    parts = [part.sample() for part in held_out]
    return np.concatenate([part.logits for part in parts]), np.concatenate([part.labels for part in parts])
