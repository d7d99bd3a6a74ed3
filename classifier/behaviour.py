"""What a careful reader of a work chat would answer: short hand-written cases that test one ability at a time.

An average over thousands of texts hides what a model can't do at all. So each group holds messages that need one
ability (behavioural testing: Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList"),
most of them as pairs that differ in a few words and in their label, where a guess from the remaining words gets one
side wrong (contrast sets: Gardner et al. 2020, "Evaluating Models' Local Decision Boundaries via Contrast Sets").

Never train, tune or calibrate on these cases: a model that has seen them says nothing by passing, and there is no
second set of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

CASES = "behaviour.jsonl"

# What counts once: a pair by its id, or a case alone by its place among the cases.
Unit = tuple[str, int]


@dataclass(frozen=True)
class Case:
    """One message as Slack sends it, and its label: negative, neutral or positive.

    `pair` is shared by the two sides of a minimal pair and "" for a case alone.
    """

    group: str
    text: str
    label: str
    pair: str = ""


def load_cases() -> tuple[Case, ...]:
    """All cases, in the order of the file: group after group, the two sides of a pair together."""
    lines = (files("classifier") / CASES).read_text("utf-8").splitlines()
    return tuple(Case(**json.loads(line)) for line in lines)


def score(cases: Sequence[Case], labels_predicted: Sequence[str]) -> dict[str, dict[str, int | float]]:
    """By group, in the order of the cases: `cases`, `right`, `pairs`, `pairs_right` (counts) and `rate`, from 0 to 1.

    `rate` is the share of right units, where a unit is a pair, right only when both sides are, or a case alone.
    `labels_predicted` holds one label a case, in the order of the cases; ValueError if their numbers differ.
    """
    verdicts: dict[str, dict[Unit, list[bool]]] = {}
    for number, (case, predicted) in enumerate(zip(cases, labels_predicted, strict=True)):
        unit = (case.pair, 0 if case.pair else number)
        verdicts.setdefault(case.group, {}).setdefault(unit, []).append(predicted == case.label)
    return {group: _summary(units) for group, units in verdicts.items()}


def _summary(units: Mapping[Unit, Sequence[bool]]) -> dict[str, int | float]:
    pairs = [all(sides) for (pair, _), sides in units.items() if pair]
    return {
        "cases": sum(len(sides) for sides in units.values()),
        "right": sum(sum(sides) for sides in units.values()),
        "pairs": len(pairs),
        "pairs_right": sum(pairs),
        "rate": sum(all(sides) for sides in units.values()) / len(units),
    }
