"""A version's canary texts: a few texts with the scores it gave when it was made, repeated before it serves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from classifier.errors import VersionRefused
from classifier.version import Version

if TYPE_CHECKING:
    from classifier.predictor import Predictor

# How far a score may lie from the stored one: other CPUs round differently, other weights differ by far more. In int8
# a difference in the last bit may move a value by a whole step.
TOLERANCE, TOLERANCE_COMPILED = 1e-3, 1e-2


@dataclass(frozen=True)
class Canary:
    """A text and the scores the version gave it when it was made, by Keras and (unless empty) by the compiled form."""

    text: str
    scores: dict[str, float]
    compiled: dict[str, float] = field(default_factory=dict[str, float])

    def off_by(self, runtime: str, scores: Mapping[str, float]) -> float:
        """Largest difference of a score from the stored one; infinite where the labels are not the same."""
        stored = self.compiled if runtime == "onnx" else self.scores
        if stored.keys() != scores.keys():
            return float("inf")
        return float(np.max(np.abs([stored[label] - scores[label] for label in stored])))

    def reproduced(self, runtime: str, scores: Mapping[str, float]) -> bool:
        """Whether `scores` are the stored ones, within what another CPU may change. False for what is no number."""
        return self.off_by(runtime, scores) <= tolerance(runtime)


def tolerance(runtime: str) -> float:
    """The largest difference of a score that is no fault."""
    return TOLERANCE_COMPILED if runtime == "onnx" else TOLERANCE


def run_canary(predictor: "Predictor", version: Version) -> None:
    """Predict the version's canary texts and compare every score with the stored one.

    Raises VersionRefused("canary") when one is further off than `TOLERANCES` allows or there are no canary texts.
    """
    if not predictor.canaries:
        raise VersionRefused("canary", f"Version {version.name!r} has no canary texts. Train it again.")
    predictions = predictor.classify([canary.text for canary in predictor.canaries])
    for number, (canary, prediction) in enumerate(zip(predictor.canaries, predictions, strict=True), start=1):
        if not canary.reproduced(predictor.runtime, prediction.scores):
            off, allowed = canary.off_by(predictor.runtime, prediction.scores), tolerance(predictor.runtime)
            raise VersionRefused(
                "canary",
                f"Version {version.name!r} does not reproduce its canary text {number} (that line of canary.jsonl): "
                f"a score is off by {off:.4f}, allowed is {allowed}. Nothing was changed; train it again.",
            )


def make_canaries(texts: Sequence[str], keras: "Predictor", compiled: "Predictor | None" = None) -> bytes:
    """canary.jsonl for these texts, with the scores that `keras` and, where there is one, `compiled` give them."""
    lines: list[str] = []
    for number, prediction in enumerate(keras.classify(texts)):
        row = {"text": texts[number], "scores": prediction.scores}
        if compiled:
            # Alone: the scores of a text must not depend on its neighbours anyway.
            row["compiled"] = compiled.classify([texts[number]])[0].scores
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines).encode()


def parse_canaries(data: bytes) -> list[Canary]:
    """The canary texts of a version. Raises VersionRefused("canary") for lines that are none."""
    try:
        rows = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
        return [Canary(str(row["text"]), _scores(row["scores"]), _scores(row.get("compiled", {}))) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VersionRefused("canary", "canary.jsonl cannot be read. Train or import the version again.") from error


def _scores(values: Mapping[str, float]) -> dict[str, float]:
    return {str(label): float(score) for label, score in values.items()}
