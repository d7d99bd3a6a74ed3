"""All that evaluate says about a version: measures, slices, mistakes, suspected labels, and a comparison."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from classifier.comparison import Comparison, compare, matching_columns
from classifier.encoding import Encoded
from classifier.evaluation import evaluate, served_probabilities
from classifier.mistakes import LISTED, Suspects, surest_mistakes, suspected_label_errors
from classifier.predictor import Predictor
from classifier.sample import Place, Sample
from classifier.slices import scores_by_slice

# Of the texts broken, of those fixed and of those wrong either way; `clfadmin evaluate --changed FILE` writes all.
CHANGED_LISTED = 40

# Rows and what is said about each.
Listing = list[tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Outputs:
    """What a version made of a sample's texts: `logits` float32 [texts, labels], `readable` bool [texts].

    Texts that are not `readable` are served as unsure; of `truncated` texts only the beginning was read. `runtime` is
    what computed the logits.
    """

    version: str
    labels: tuple[str, ...]
    temperature: float
    threshold: float
    logits: np.ndarray
    readable: np.ndarray
    truncated: int = 0
    runtime: str = ""

    @classmethod
    def joined(cls, parts: Sequence["Outputs"]) -> "Outputs":
        """One version's outputs for one text after another."""
        return replace(
            parts[0],
            logits=np.concatenate([part.logits for part in parts]),
            readable=np.concatenate([part.readable for part in parts]),
            truncated=sum(part.truncated for part in parts),
        )

    @property
    def predicted(self) -> np.ndarray:
        return self.logits.argmax(axis=1)

    def in_order_of(self, other: "Outputs") -> np.ndarray:
        """The predicted labels as places in the other version's order, int [texts]. Raises NotComparable."""
        columns = matching_columns(other.version, other.labels, self.version, self.labels)
        return self.logits[:, columns].argmax(axis=1)


def outputs_of(predictor: Predictor, encoded: Sequence[Encoded], logits: np.ndarray) -> Outputs:
    """The predictor's `logits` for these texts with what else evaluation needs of it."""
    config = predictor.config
    return Outputs(
        version=predictor.version,
        labels=config.labels,
        temperature=config.temperature,
        threshold=config.threshold,
        logits=logits,
        readable=np.array([item.readable for item in encoded], bool),
        truncated=sum(item.truncated for item in encoded),
        runtime=predictor.runtime,
    )


def evaluate_fully(sample: Sample, outputs: Outputs, *, against: Outputs | None = None) -> dict[str, Any]:
    """The document of `clfadmin evaluate --json`, which is also all that the report shows. JSON types only.

    Texts are in its lists alone: at most 20 mistakes, 20 suspected label errors, 40 changed texts of a kind. Raises
    NotComparable, ValueError without texts, and what looking up the texts raises.
    """
    expected, labels = sample.expected, outputs.labels
    document = evaluate(
        outputs.logits,
        expected,
        version=outputs.version,
        data=sample.data,
        labels=labels,
        temperature=outputs.temperature,
        threshold=outputs.threshold,
        readable=outputs.readable,
    )
    document["runtime"] = outputs.runtime
    document["data"] |= _data_facts(sample, outputs)
    document["slices"] = scores_by_slice(expected, outputs.predicted, len(labels), sample.traits, sample.sources)
    probabilities = served_probabilities(outputs.logits, outputs.temperature, outputs.threshold, outputs.readable)
    suspects = suspected_label_errors(probabilities, expected)
    document["suspected_label_errors_n"] = len(suspects.rows)
    lists: dict[str, Listing] = {
        "mistakes": _mistakes(probabilities, expected, labels),
        "suspected_label_errors": _suspects(suspects, expected, labels),
    }
    if against is None:
        return document | _with_places(lists, sample)
    pair = _Pair.of(sample, outputs, against)
    found = compare(expected, pair.after, pair.before, len(labels))
    lists["changed_texts"] = [
        (row, pair.change(row))
        for rows in (found.broken, found.fixed, found.neither)
        for row in rows[:CHANGED_LISTED].tolist()
    ]
    placed = _with_places(lists, sample)
    compared = {"version": against.version, **_figures(found), "changed_texts": placed.pop("changed_texts")}
    return document | placed | {"against": compared}


def changed_texts(sample: Sample, outputs: Outputs, against: Outputs) -> Iterator[dict[str, Any]]:
    """Every text whose label the version `against` gave otherwise, in the order of the files."""
    pair = _Pair.of(sample, outputs, against)
    for row, place in sample.look_up(set(np.flatnonzero(pair.before != pair.after).tolist())):
        yield _placed(place, pair.change(row))


@dataclass(frozen=True)
class _Pair:
    """The labels of two versions for the same texts, each int [texts], places in `labels`."""

    labels: Sequence[str]
    expected: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @classmethod
    def of(cls, sample: Sample, outputs: Outputs, against: Outputs) -> "_Pair":
        return cls(outputs.labels, sample.expected, against.in_order_of(outputs), outputs.predicted)

    def change(self, row: int) -> dict[str, str]:
        expected, before, after = (self.labels[int(each[row])] for each in (self.expected, self.before, self.after))
        change = "broken" if before == expected else "fixed" if after == expected else "neither"
        return {"expected": expected, "before": before, "after": after, "change": change}


def _with_places(lists: Mapping[str, Listing], sample: Sample) -> dict[str, Any]:
    """The lists with the texts themselves, which are looked up once for all."""
    places = dict(sample.look_up({row for listing in lists.values() for row, _ in listing}))
    return {name: [_placed(places[row], facts) for row, facts in listing] for name, listing in lists.items()}


def _placed(place: Place, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": place.text, **facts, "file": place.file, "line": place.line}


def _data_facts(sample: Sample, outputs: Outputs) -> dict[str, Any]:
    return {
        "sources": list(sample.sources),
        "without_text": sample.dropped.without_text,
        "without_label": sample.dropped.without_label,
        "unreadable": int((~outputs.readable).sum()),
        "truncated": outputs.truncated,
    }


def _mistakes(probabilities: np.ndarray, expected: np.ndarray, labels: Sequence[str]) -> Listing:
    return [
        (
            row,
            {
                "expected": labels[int(expected[row])],
                "predicted": labels[int(probabilities[row].argmax())],
                "confidence": float(probabilities[row].max()),
            },
        )
        for row in surest_mistakes(probabilities, expected).tolist()
    ]


def _suspects(suspects: Suspects, expected: np.ndarray, labels: Sequence[str]) -> Listing:
    listed = zip(suspects.rows.tolist(), suspects.suggested.tolist(), suspects.margin.tolist(), strict=True)
    return [
        (row, {"label": labels[int(expected[row])], "suggested": labels[suggested], "margin": margin})
        for row, suggested, margin in islice(listed, LISTED)
    ]


def _figures(found: Comparison) -> dict[str, Any]:
    return {
        "macro_f1": found.macro_f1,
        "accuracy": found.accuracy,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
        "changed": len(found.fixed) + len(found.broken) + len(found.neither),
        "fixed": len(found.fixed),
        "broken": len(found.broken),
        "neither": len(found.neither),
        "verdict": found.verdict,
    }
