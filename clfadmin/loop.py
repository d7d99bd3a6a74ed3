"""`clfadmin loop`: from corrections to a better version that serves, in one go or on a schedule.

Each step is the command of that name, and could be run alone: look at the corrections, train --feedback, weigh the new
version on held-out corrections and on data, swap. Where the evidence says worse nothing is swapped; the exit code is 3.
"""

import re
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clfadmin import console
from clfadmin.options import Home, Json, LabelColumn, RedisUrl, TextColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from classifier.recipe import TrainConfig
    from clfadmin.settings import Settings

EXAMPLE = "Example: clfadmin loop --data ours.csv --every 7d --yes"
FAILED, REFUSED = 1, 3
SPAN = re.compile(r"([1-9]\d{0,3})([mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}
# Fewer new corrections are no reason to train again.
LEAST = 20
STEPS = 4


@dataclass(frozen=True)
class Round:
    """What one round came to: `state` is as in swap-model, or waiting (too few corrections), kept (not swapped)."""

    state: str
    version: str = ""
    why: str = ""
    gate: dict[str, Any] | None = None

    @property
    def code(self) -> int:
        return {"refused": REFUSED, "aborted": FAILED, "conflict": FAILED}.get(self.state, 0)

    def to_dict(self) -> dict[str, Any]:
        return {"state": self.state, "version": self.version or None, "why": self.why or None, "gate": self.gate or {}}


def loop(
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[BASE...]", show_default=False, help="Base data to learn too; none: go on from what serves."
        ),
    ] = None,
    *,
    weigh_on: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", show_default=False, help="The old test set to weigh it on. Repeatable."),
    ] = None,
    anchor: Annotated[
        list[Path] | None,
        typer.Option("--anchor", metavar="FILE", show_default="examples/chat.csv, 100 sentences", help="As in train."),
    ] = None,
    least: Annotated[
        int, typer.Option(min=1, metavar="N", help="Wait until so many corrections can be learned that it has not.")
    ] = LEAST,
    every: Annotated[
        str | None, typer.Option("--every", metavar="SPAN", show_default="once", help="Again each 12h, 7d and so on.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Swap without asking, unless it is worse.")] = False,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Learn from corrections, prove it, and swap: train --feedback, evaluate, swap-model in one command."""
    from classifier.recipe import TrainConfig
    from clfadmin import settings

    pause = _span(every)
    chosen = settings.load(home=home, redis_url=redis_url)
    config = TrainConfig(
        data=data or (), anchor=anchor or (), feedback=True, text_column=text_column, label_column=label_column
    )
    while True:
        done = _round(chosen, config, weigh_on or (), least=least, yes=yes, again=pause is not None)
        if json:
            console.document(done.to_dict())
        else:
            console.say(_sentence(done))
        if pause is None:
            raise typer.Exit(done.code)
        console.note(f"The next round is in {every}; Ctrl-C ends it.")
        time.sleep(pause.total_seconds())


def _round(
    settings: "Settings", config: "TrainConfig", data: "Sequence[Path]", *, least: int, yes: bool, again: bool
) -> Round:
    """On a schedule a round that fails is told, and the next one may do better."""
    from classifier.errors import ClassifierError, Interrupted
    from worker.connection import QueueError

    try:
        return run_round(settings, config, data, least=least, yes=yes)
    except Interrupted:
        raise
    except (ClassifierError, QueueError) as error:
        if not again:
            raise
        return Round("failed", why=str(error))


def run_round(settings: "Settings", config: "TrainConfig", data: "Sequence[Path]", *, least: int, yes: bool) -> Round:
    """One round. Raises what its steps raise."""
    from clfadmin.learning import kept, learn

    _step(1, "looking at the corrections")
    corrections = kept(settings).corrections
    fresh = len(set(_messages(corrections.to_learn)) - _learned(settings))
    if fresh < least:
        return Round("waiting", why=f"{fresh} corrections can be learned that were not yet; it begins at {least}")
    console.note(
        f"{len(corrections.to_learn):,} corrections to learn, {fresh:,} of them new, "
        f"{len(corrections.held_out):,} held out"
    )

    _step(2, "training")
    outcome = learn(settings, config, (), quietly=True)
    if outcome.feedback:
        from clfadmin.learning import lines

        for line in lines(outcome.feedback):
            console.note(line)

    name = outcome.version.name
    _step(3, f"weighing {name} against what is served")
    return _weighed(settings, config, data, name, yes=yes)


def _weighed(settings: "Settings", config: "TrainConfig", data: "Sequence[Path]", name: str, *, yes: bool) -> Round:
    from classifier.registry import Registry
    from classifier.rows import Columns
    from clfadmin.gate import refusal, show, weigh

    registry = Registry(settings.home)
    active = registry.active()
    columns = Columns(config.text_column, config.label_column)
    gate = weigh(settings, registry, name, active.version if active else "", data, columns)
    show(gate)
    if why := refusal(gate, name):
        return Round("refused", name, why, gate.to_dict())

    _step(4, f"swapping to {name}")
    if not yes and not _asked(f"The evidence says {gate.verdict}. Serve {name} now?"):
        return Round("kept", name, f"serve it with `clfadmin swap-model {name}`", gate.to_dict())
    state = _swapped(settings, name)
    return Round(state, name, gate=gate.to_dict())


def _swapped(settings: "Settings", name: str) -> str:
    """The same swap with the same checks as the command's; how it ended. It was weighed just now."""
    from clfadmin.swap_model import swap_to

    outcome = swap_to(settings, name)
    if outcome.reason:
        console.note(outcome.reason)
    return outcome.state.value


def _asked(question: str) -> bool:
    """Where nobody can answer, no."""
    return sys.stdin.isatty() and typer.confirm(question, err=True)


def _learned(settings: "Settings") -> set[str]:
    """The messages that what is served has learned from."""
    from classifier.corrections import learned_messages
    from classifier.manifest import CORRECTIONS
    from classifier.registry import Registry

    registry = Registry(settings.home)
    active = registry.active()
    if active is None or active.version not in registry.names():
        return set()
    file = registry.get(active.version).path / CORRECTIONS
    return set(learned_messages(file.read_bytes())) if file.is_file() else set()


def _messages(corrections: Any) -> list[str]:
    return [row.message for row in corrections.rows]


def _step(number: int, what: str) -> None:
    console.note(f"step {number} of {STEPS}: {what}")


def _span(every: str | None) -> timedelta | None:
    if every is None:
        return None
    found = SPAN.fullmatch(every)
    if not found:
        raise typer.BadParameter("Write a number and m, h or d, such as 7d.", param_hint="--every")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _sentence(done: Round) -> str:
    match done.state:
        case "failed":
            return f"This round failed: {done.why}"
        case "waiting":
            return f"Nothing to do: {done.why}."
        case "refused":
            return f"Not swapped: {done.why}"
        case "aborted" | "conflict":
            return f"{done.version} is stored; the swap ended as {done.state}: see `clfadmin status`."
        case "kept":
            return f"{done.version} is stored and not served; {done.why}."
        case _:
            return f"{done.version} is {done.state}."
