"""What every fault shares: how often, on which stage, and the verdict on what was counted."""

import os
import platform
import random
import resource
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.ledger import Count
from tests.chaos.stage import Stage, set_up
from tests.waiting import Stuck

# In small a run is one of the tests, beside others on the same cores: a time is then judged with this much patience.
QUICK_PATIENCE = 3.0
# Above this share of the machine taken by others a missed time says little about us.
BUSY = 0.15
SETTLES = 90.0


@dataclass
class Row:
    """One fault's line in the table. `seconds` is the slowest recovery, `target` what it may take at most.

    `missed` are targets that were not met, in words; `late` are times among them, `busy` the share of the machine that
    other work took meanwhile. `corner` counts the cases D1 to D4: none is provoked here, since history is readable.
    """

    fault: str
    title: str
    trials: int
    messages: int = 0
    lost: int = 0
    duplicates: int = 0
    corner: int = 0
    seconds: float | None = None
    target: float | None = None
    note: str = ""
    skipped: str = ""
    busy: float = 0.0
    took: float = 0.0
    missed: list[str] = field(default_factory=list[str])
    late: list[str] = field(default_factory=list[str])
    counts: Count = field(default_factory=Count, repr=False)

    @property
    def fine(self) -> bool:
        return not (self.lost or self.duplicates or self.missed or self.late)

    def recovered(self, seconds: float) -> None:
        """One recovery; the slowest is kept."""
        self.seconds = max(self.seconds or 0.0, seconds)

    def demand(self, fulfilled: bool, otherwise: str) -> None:
        if not fulfilled:
            self.missed.append(otherwise)

    def document(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "counts"}


@dataclass
class Scene:
    """One run: where it may write, how small it is, and which chances it takes."""

    folder: Path
    home: Path
    quick: bool
    seed: int
    say: Callable[[str], None]
    dice: random.Random = field(init=False)
    number: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def of(self, full: int, quick: int) -> int:
        """A count: in full, or in small."""
        return quick if self.quick else full

    @contextmanager
    def stage(self, **more: Any) -> Generator[Stage]:
        self.number += 1
        folder = self.folder / f"stage-{self.number}"
        with set_up(folder, self.home, seed=self.dice.randrange(2**32), **more) as stage:
            yield stage

    @contextmanager
    def play(self, row: Row, *, settles: float = SETTLES, **more: Any) -> Generator[Stage]:
        """A stage for one fault. Messages are counted once all have replies, or none came for `settles` seconds.

        What did not happen in time is a missed target, and the counting goes on.
        """
        before, started = _times(), time.monotonic()
        with self.stage(**more) as stage:
            try:
                yield stage
            except Stuck as stuck:
                row.missed.append(f"{stuck}; no trial after that was played")
            self._count(row, stage, settles)
        row.busy, row.took = round(_others(before, _times()), 3), round(time.monotonic() - started, 1)

    def _count(self, row: Row, stage: Stage, settles: float) -> None:
        stage.proxy.heal()
        stage.sandbox.clear_faults()
        try:
            stage.ledger.wait(settles)
        except Stuck as stuck:
            self.say(f"{row.fault}: {stuck}")
        row.counts = stage.ledger.count()
        row.messages, row.lost, row.duplicates = row.counts.messages, row.counts.lost, row.counts.duplicates

    def judge(self, row: Row) -> None:
        """Once all of a row is known: times against their targets, and a line about it."""
        most = (row.target or 0.0) * (QUICK_PATIENCE if self.quick else 1.0)
        if row.target and row.seconds and row.seconds > most:
            row.late.append(f"slowest recovery {row.seconds:.1f} s, target {row.target:g} s")
        verdict = (
            "fine" if row.fine else "; ".join([f"lost {row.lost}, duplicates {row.duplicates}", *row.missed, *row.late])
        )
        self.say(f"{row.fault} {row.title}: {row.trials} trials, {row.messages} messages, {row.took:.0f} s: {verdict}")


def _times() -> tuple[float, float, float]:
    """Processor seconds so far: the whole machine's, those used by anybody, those of ours and our ended children."""
    machine = psutil.cpu_times()
    ours = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(machine[:8]), sum(machine[:8]) - machine.idle - getattr(machine, "iowait", 0.0), ours


def _others(before: tuple[float, float, float], after: tuple[float, float, float]) -> float:
    whole, used, ours = (late - early for early, late in zip(before, after, strict=True))
    return max(0.0, (used - ours) / whole) if whole else 0.0


def machine(valkey: str) -> dict[str, Any]:
    """What the figures were measured on, without a name of it."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "python": platform.python_version(),
        "valkey": valkey,
    }
