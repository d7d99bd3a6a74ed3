"""Is a share clearly higher than it usually is here? Pure, standard library only."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class Count:
    """`some` of `all` messages of a day, or of several."""

    some: int
    all: int

    @property
    def share(self) -> float:
        return self.some / self.all if self.all else 0.0


@dataclass(frozen=True)
class Comparison:
    """`z`: by how many of its usual swings the share is off, above 0 for more. Swings are those between days here."""

    now: Count
    usual: Count
    z: float

    @property
    def more(self) -> float:
        """In points of share: 0.2 for 18 % that became 38 %."""
        return self.now.share - self.usual.share


def total(days: Sequence[Count]) -> Count:
    return Count(sum(day.some for day in days), sum(day.all for day in days))


def compare(now: Count, before: Sequence[Count]) -> Comparison:
    """How far `now` is from the days before it.

    Messages of a day belong together (a broken build, a launch), so days swing more than single messages would make
    them. By how much is taken from the days themselves: Pearson's dispersion of a quasi-binomial model (McCullagh and
    Nelder 1989, section 4.5), at least 1. The usual share is drawn to one half by one message, so that no zero makes
    everything look unlikely, and its own uncertainty counts too.
    """
    usual = total(before)
    share = (usual.some + 0.5) / (usual.all + 1)
    spread = share * (1 - share)
    swings = sum((day.some - day.all * share) ** 2 / (day.all * spread) for day in before if day.all)
    dispersion = max(1.0, swings / max(1, sum(1 for day in before if day.all) - 1))
    if not now.all or not usual.all:
        return Comparison(now, usual, 0.0)
    error = sqrt(spread * dispersion * (1 / now.all + 1 / usual.all))
    return Comparison(now, usual, (now.share - share) / error)
