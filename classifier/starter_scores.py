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

# Confidence is fitted on these. What developers write on a question page is labelled with more agreement: with it a
# temperature is too sure of a chat, and without it a model is right there more often than it says.
TALK = ("chat", "tweets and reviews")
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
    """`config` with temperature and threshold fitted on equal shares of TALK, and evaluate's object on those."""
    logits, labels = _pooled([part for part in held_out if part.group in TALK])
    config = calibrate(config, logits, labels)
    metrics = evaluate(
        logits,
        labels,
        version=STARTER,
        data=DataName(f"equal shares of {', '.join(TALK)}, held out", ""),
        labels=config.labels,
        temperature=config.temperature,
        threshold=config.threshold,
    )
    return config, metrics


def calibration_errors(config: ModelConfig, held_out: Sequence[HeldOut]) -> dict[str, float]:
    """Expected calibration error of each group with the temperature that the others of TALK ask for.

    So neither the network nor its temperature has seen the group.
    """
    errors: dict[str, float] = {}
    for group in dict.fromkeys(part.group for part in held_out):
        others = _pooled([part for part in held_out if part.group in TALK and part.group != group])
        temperature = calibrate(config, *others).temperature
        found = []
        for part in (part for part in held_out if part.group == group):
            probabilities = softmax(part.logits, temperature)
            found.append(ece(probabilities.max(axis=1), probabilities.argmax(axis=1) == part.labels))
        errors[group] = round(float(np.mean(found)), 4)
    return errors


def held_out_card(config: ModelConfig, held_out: Sequence[HeldOut], plain: Sequence[HeldOut]) -> dict[str, Any]:
    """Scores by group, file and seed beside the plain recipe's, and the calibration error of each group."""
    groups: dict[str, Any] = {}
    for name, parts in (("plain", plain), ("recipe", held_out)):
        for part in parts:
            group = groups.setdefault(part.group, {"texts": len(part.labels), "plain": {}, "recipe": {}, "files": {}})
            scores = part.scores()
            group[name][str(part.seed)] = scores.pop(part.group)
            for file, found in scores.items():
                of_file = group["files"].setdefault(file, {"plain": {}, "recipe": {}})
                of_file[name][str(part.seed)] = found
    for group, error in calibration_errors(config, held_out).items():
        groups[group]["ece"] = error
    return groups


def _pooled(held_out: Sequence[HeldOut]) -> tuple[np.ndarray, np.ndarray]:
    parts = [part.sample() for part in held_out]
    return np.concatenate([part.logits for part in parts]), np.concatenate([part.labels for part in parts])
