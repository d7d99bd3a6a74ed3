"""Whether the evidence at hand speaks against a version: compared with another on corrections and on data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.comparison import BETTER, INCONCLUSIVE, WORSE, matching_columns
from classifier.dataset import Dataset
from classifier.evaluation import DataName
from classifier.full_evaluation import evaluate_fully, outputs_of
from classifier.offline import evaluate_files
from classifier.predictor import Predictor, logits_of
from classifier.rows import Columns
from classifier.sample import sample_in_memory

# Verdict of a gate that had nothing to weigh.
NO_EVIDENCE = "none"
KEPT = (
    "macro_f1",
    "accuracy",
    "difference",
    "low",
    "high",
    "p_value",
    "changed",
    "fixed",
    "broken",
    "neither",
    "verdict",
)


@dataclass(frozen=True)
class Evidence:
    """One comparison: `on` is corrections or data; `macro_f1` is the version's, `found` what evaluate says against the
    other, whose own scores are in it."""

    on: str
    name: str
    texts: int
    macro_f1: float
    found: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        return str(self.found["verdict"])

    def to_dict(self) -> dict[str, Any]:
        against = {name: self.found[name] for name in KEPT}
        return {"on": self.on, "name": self.name, "n": self.texts, "macro_f1": self.macro_f1, "against": against}


@dataclass(frozen=True)
class Gate:
    """All evidence on a version against the one served. `note` says why there is none, or less than there could be."""

    evidence: tuple[Evidence, ...] = ()
    against: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """worse as soon as one comparison says so; better when one does and none is worse."""
        verdicts = [one.verdict for one in self.evidence]
        for verdict in (WORSE, BETTER, INCONCLUSIVE):
            if verdict in verdicts:
                return verdict
        return NO_EVIDENCE

    def to_dict(self, *, forced: bool = False) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "against": self.against or None,
            "forced": forced,
            "note": self.note or None,
            "evidence": [one.to_dict() for one in self.evidence],
        }


def on_rows(predictor: Predictor, against: Predictor, rows: Dataset) -> Evidence:
    """Compare on texts in memory, whose labels both versions know. Raises NotComparable."""
    matching_columns(predictor.version, predictor.labels, against.version, against.labels)
    metrics = evaluate_rows(predictor, rows, against=against)
    return Evidence("corrections", f"held-out {rows.name}", len(rows), metrics["macro_f1"], metrics["against"])


def evaluate_rows(predictor: Predictor, rows: Dataset, *, against: Predictor | None = None) -> dict[str, Any]:
    """evaluate's document for texts in memory. Raises NotComparable."""
    expected = np.array([predictor.labels.index(label) for label in rows.labels])
    sample = sample_in_memory(rows.texts, expected, rows.sources, DataName(rows.name, rows.sha256))
    outputs = [
        outputs_of(one, encoded, logits_of(one.forward, encoded, token_budget=one.token_budget))
        for one in ([predictor, against] if against else [predictor])
        for encoded in [one.encode(rows.texts)]
    ]
    return evaluate_fully(sample, outputs[0], against=outputs[1] if against else None)


def on_files(predictor: Predictor, against: Predictor, paths: Sequence[Path], columns: Columns) -> Evidence:
    """Compare on labelled files. Raises DataError and NotComparable."""
    metrics = evaluate_files(predictor, paths, columns, advance=lambda size, rows: None, against=against).metrics
    data = metrics["data"]
    return Evidence("data", data["name"], data["n"], metrics["macro_f1"], metrics["against"])
