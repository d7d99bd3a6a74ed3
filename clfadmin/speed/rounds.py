"""Measures contenders in turn on the same texts. A round asks each once, so that a slow minute hits all alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from clfadmin.speed.contender import KERAS, Contender

WAYS = ("network", "text")
# Fewer than these have no quartiles worth the name.
LEAST_ROUNDS = 4
Tick = Callable[[float, float, str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Texts fall into `blocks` of the same mix of lengths; each of `rounds` takes the next block, and none begins after
    `seconds` once there are LEAST_ROUNDS. `tries` at each batch size come first, on one block of `sweep_blocks`;
    `singles` texts are timed alone, over all rounds.
    """

    blocks: int = 10
    rounds: int = 10
    seconds: float = 90.0
    sweep_blocks: int = 20
    tries: int = 1
    singles: int = 100


@dataclass(frozen=True)
class Spread:
    """A median with the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        """Whole numbers, such as "1,020 (990–1,044)"."""
        return f"{self.median:,.0f} ({self.low:,.0f}–{self.high:,.0f})"


@dataclass
class Taken:
    """What was measured of one contender: messages a second of each round by way, seconds of each text alone."""

    rates: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})
    singles: list[list[float]] = field(default_factory=list[list[float]])
    labels: list[str] = field(default_factory=list[str])


def blocks_of(lengths: Sequence[int], count: int) -> list[list[int]]:
    """Row numbers in `count` groups of the same mix of lengths; those left over at the end are dropped."""
    ordered = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    whole = len(ordered) // count * count
    return [ordered[start:whole:count] for start in range(count)]


def compare(contenders: Sequence[Contender], texts: Sequence[str], plan: Plan, tick: Tick) -> list[dict[str, Any]]:
    """One document for each contender; the first is the one the ratios compare with. Raises Unavailable."""
    answers = [contender.ask("give", texts=list(texts)) for contender in contenders]
    lengths: list[int] = answers[0]["lengths"]
    blocks = blocks_of(lengths, plan.blocks)
    total, done = len(contenders) + plan.rounds, 0
    for contender in contenders:
        tick(done, total, f"batch size of {contender.kind.title}")
        choose_size(contender, blocks_of(lengths, plan.sweep_blocks)[0], tries=plan.tries)
        done += 1
    taken = [Taken() for _ in contenders]
    end = time.monotonic() + plan.seconds
    for number in range(plan.rounds):
        if number >= LEAST_ROUNDS and time.monotonic() >= end:
            break
        tick(done, total, f"round {number + 1} of {plan.rounds}")
        alone = blocks[number % plan.blocks][:: max(1, len(blocks[0]) * plan.rounds // plan.singles)]
        for place in turn(len(contenders), number):
            _measure(contenders[place], taken[place], blocks[number % plan.blocks], alone)
        done += 1
    every = [row for block in blocks for row in block]
    exact = next((mine for one, mine in zip(contenders, taken, strict=True) if one.kind is KERAS), taken[0])
    return [
        {
            **summary(mine, taken[0], exact.labels),
            "name": contender.kind.name,
            "title": contender.kind.title,
            "about": contender.about,
            "batch": {"size": contender.size, "unit": contender.unit},
            "padding": 1 - sum(lengths[row] for row in every) / _padded(contender, every),
        }
        for contender, mine in zip(contenders, taken, strict=True)
    ]


def turn(count: int, number: int) -> list[int]:
    """The order of a round: each contender begins one in turn, so that nobody always follows the same."""
    return [(number + place) % count for place in range(count)]


def choose_size(contender: Contender, rows: Sequence[int], *, tries: int) -> None:
    """Set the batch size with the best of `tries` times."""
    way = "network" if contender.has_network else "text"
    best: dict[int, float] = {}
    for size in contender.sizes:
        contender.size = size
        contender.seconds(way, rows)  # shapes are met for the first time, which costs some libraries much
        best[size] = min(contender.seconds(way, rows) for _ in range(tries))
    contender.size = min(best, key=lambda size: best[size])


def _measure(contender: Contender, taken: Taken, rows: Sequence[int], alone: Sequence[int]) -> None:
    if contender.has_network:
        taken.rates["network"].append(len(rows) / contender.seconds("network", rows))
    answer = contender.ask("text", rows=list(rows), size=contender.size)
    taken.rates["text"].append(len(rows) / answer["seconds"])
    taken.labels += answer["labels"]
    taken.singles.append(contender.ask("single", rows=list(alone), size=contender.size)["seconds"])


def _padded(contender: Contender, rows: Sequence[int]) -> int:
    return contender.ask("padded", rows=list(rows), size=contender.size)["tokens"]


def summary(mine: Taken, first: Taken, labels: Sequence[str]) -> dict[str, Any]:
    """`ratio` and `single_ratio` say how many times as fast the first one is, `same_labels` how many are `labels`."""
    rates = {way: values for way, values in mine.rates.items() if values}
    every = sorted(1000 * second for seconds in mine.singles for second in seconds)
    medians, firsts = ([statistics.median(seconds) for seconds in one.singles] for one in (mine, first))
    return {
        "per_second": {way: asdict(Spread.of(values)) for way, values in rates.items()},
        "ratio": {way: ratio(first.rates[way], values) for way, values in rates.items()},
        "single_ms": {"median": statistics.median(every), "p95": every[int(0.95 * (len(every) - 1))]},
        "single_ratio": ratio(medians, firsts),
        "same_labels": sum(map(str.__eq__, mine.labels, labels)) / len(labels),
    }


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over the rounds of each round's own ratio: what slowed the machine slowed both."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
