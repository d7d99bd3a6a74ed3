"""The gate before a swap: the candidate against what is served, on held-out corrections and on data that is named."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.errors import ClassifierError, NotComparable
from clfadmin import console

if TYPE_CHECKING:
    from classifier.corrections import Corrections
    from classifier.registry import Registry
    from classifier.rows import Columns
    from classifier.weighing import Gate
    from clfadmin.settings import Settings


class Worse(ClassifierError):
    """The evidence says that the version is worse. One line; the CLI exits with 3."""


def weigh(
    settings: "Settings", registry: "Registry", version: str, active: str, data: Sequence[Path], columns: "Columns"
) -> "Gate":
    """Loads both versions only where there is something to weigh. Raises DataError, VersionRefused, QueueError."""
    from classifier.weighing import Gate
    from clfadmin.learning import kept

    corrections = kept(settings).corrections.held_out
    if not active or active == version:
        return Gate(note="Nothing else is served, so there is nothing to compare with." if not active else "")
    if not len(corrections) and not data:
        return Gate(against=active, note="No evidence: no corrections are kept, and no --data was named.")
    if active not in registry.names():
        return Gate(against=active, note=f"No evidence: {active}, which is served, is not in this home.")
    try:
        return _weighed(settings, registry, version, active, corrections, data, columns)
    except NotComparable as error:
        return Gate(against=active, note=f"No evidence: {error}")


def _weighed(
    settings: "Settings",
    registry: "Registry",
    version: str,
    active: str,
    corrections: "Corrections",
    data: Sequence[Path],
    columns: "Columns",
) -> "Gate":
    from classifier.predictor import load_predictor
    from classifier.weighing import Gate, on_files, on_rows

    load = partial(load_predictor, runtime=settings.runtime, threads=settings.threads)
    candidate, served = load(registry.get(version)), load(registry.get(active))
    known = corrections.with_labels(candidate.labels)
    evidence = [on_rows(candidate, served, known.dataset())] if len(known) else []
    if data:
        evidence.append(on_files(candidate, served, data, columns))
    missing = "" if data else "Only corrections were weighed; name the old test set with --data."
    return Gate(tuple(evidence), against=active, note=missing)


def show(gate: "Gate") -> None:
    """What was weighed, for people; on standard error, for it comes before what the command itself says."""
    for one in gate.evidence:
        found = one.found
        console.note(
            f"{one.name} ({one.texts:,} texts): macro-F1 {one.macro_f1:.3f}, {gate.against} {found['macro_f1']:.3f}; "
            f"difference {found['difference']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f}), {found['fixed']} "
            f"fixed, {found['broken']} broken: {one.verdict}"
        )
    if gate.note:
        console.note(gate.note)


def refusal(gate: "Gate", version: str) -> str:
    """Why the gate refuses, in one line; empty where it does not."""
    from classifier.comparison import WORSE

    worse = [one.name for one in gate.evidence if one.verdict == WORSE]
    if not worse:
        return ""
    return f"{version} is significantly worse than {gate.against} on {' and '.join(worse)}. --force swaps all the same."
