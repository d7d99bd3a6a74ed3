"""Honest confidence, live: how often labels that people judged were right, among those the version was sure of. Pure.

A judged label is one that at least one person set or confirmed; what counts as the truth is the label agreed on. People
correct what is wrong more than they confirm what is right, so these figures are likely lower than the version's real
ones; the sentence that shows them says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

# What is promised is measured: of what was said with this much confidence, as much should be right.
SURE = 0.9
# Under this many cases a rate says next to nothing; the number of cases is shown alone.
LEAST_CASES = 10
BIAS = "People correct what is wrong more often than they confirm what is right, so the real share is likely higher."


@dataclass(frozen=True)
class Case:
    """One judged message: what the version said, how sure it was (0 to 1), and the label people agreed on."""

    label: str
    confidence: float
    agreed: str


@dataclass(frozen=True)
class Honesty:
    """Of `cases` judged labels said with at least `confidence`, `right` were. `low` to `high`: 95 % interval of the
    share. `judged` counts all judged labels, whatever their confidence, of which `judged_right` were right."""

    confidence: float
    cases: int
    right: int
    low: float
    high: float
    judged: int
    judged_right: int

    @property
    def share(self) -> float | None:
        """None without a case."""
        return self.right / self.cases if self.cases else None


def honesty(cases: Iterable[Case], *, confidence: float = SURE) -> Honesty:
    """Messages whose votes are tied have no agreed label: leave them out before."""
    judged = list(cases)
    sure = [case for case in judged if case.confidence >= confidence]
    right = sum(case.label == case.agreed for case in sure)
    low, high = wilson(right, len(sure))
    return Honesty(
        confidence=confidence,
        cases=len(sure),
        right=right,
        low=low,
        high=high,
        judged=len(judged),
        judged_right=sum(case.label == case.agreed for case in judged),
    )


def wilson(right: int, cases: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): sound for few cases and for shares near 0 and 1."""
    if not cases:
        return 0.0, 1.0
    z, share = 1.96, right / cases
    middle = share + z * z / (2 * cases)
    half = z * sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases))
    whole = 1 + z * z / cases
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def sentence(found: Honesty) -> str:
    """For people, in one or two sentences; with few cases no share is claimed."""
    at_least = _percent(found.confidence)
    if not found.cases:
        return f"Nobody has judged a label yet that was given with {at_least} or more."
    counted = f"Of {_number(found.cases, 'judged label')} given with {at_least} or more, {found.right} were right"
    if found.cases < LEAST_CASES:
        return f"{counted}: too few to tell a share. {BIAS}"
    interval = f"95 % interval {_percent(found.low)} to {_percent(found.high)}"
    return f"{counted} ({_percent(found.right / found.cases)}; {interval}). {BIAS}"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
