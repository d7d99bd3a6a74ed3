"""What a training's data looks like before the first step: rows left out, contradictions, balance, lengths."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from classifier.batching import Examples
from classifier.dataset import MAX_PLACES, Dataset
from classifier.finishing import TrainingData

PERCENTILES = (50, 90, 99)

# One row: its part, "train" or "valid", and its number there.
Place = tuple[str, int]


def data_report(data: TrainingData, train: Examples, valid: Examples, *, max_length: int) -> dict[str, Any]:
    """The report as `train --json` prints it under "data_report"; JSON types only.

    `dropped` counts the rows left out by reason and names the first few. `same_to_the_model` is about texts with the
    same tokens, which differ in case, links or the like at most: rows beyond the first of each in the training part,
    texts of that part that are in the validation part too, and texts with more than one label, which no model can all
    get right. `tokens` are those of one text after cutting at `max_length`.
    """
    parts = {"train": (data.train, train), "valid": (data.valid, valid)}
    return {
        "train": len(train),
        "valid": len(valid),
        "labels": {name: _counts(name, data) for name in data.labels},
        "sources": _sources(data),
        "dropped": _dropped(data),
        "same_to_the_model": _twins(parts),
        "tokens": _tokens(train, valid, max_length),
    }


def _counts(label: str, data: TrainingData) -> dict[str, Any]:
    train, valid = data.train.labels.count(label), data.valid.labels.count(label)
    return {"train": train, "valid": valid, "share": round(train / len(data.train), 4)}


def _sources(data: TrainingData) -> dict[str, dict[str, int]]:
    """Rows of each file in each part."""
    train, valid = Counter(data.train.sources), Counter(data.valid.sources)
    return {name: {"train": train[name], "valid": valid[name]} for name in dict.fromkeys([*train, *valid])}


def _dropped(data: TrainingData) -> dict[str, dict[str, Any]]:
    # Without validation files both parts come from one reading and carry the same counts.
    read = [data.train.dropped] if data.train.files == data.valid.files else [data.train.dropped, data.valid.dropped]
    counts: dict[str, dict[str, Any]] = {
        reason: {
            "n": sum(getattr(dropped, reason) for dropped in read),
            "first": [place for dropped in read for place in dropped.places.get(reason, ())][:MAX_PLACES],
        }
        for reason in ("without_text", "without_label", "repeated")
    }
    return counts | {"in_both_parts": {"n": data.overlap, "first": []}}


def _twins(parts: dict[str, tuple[Dataset, Examples]]) -> dict[str, Any]:
    """Texts that are the same to the model: repeated, on both sides of the split, and labelled differently."""
    groups = _groups({name: examples for name, (_, examples) in parts.items()})
    of_train = [sum(part == "train" for part, _ in group) for group in groups]
    across = [group for group, count in zip(groups, of_train, strict=True) if 0 < count < len(group)]
    conflicts = [group for group in groups if len({_label(parts, place) for place in group}) > 1]
    return {
        "repeated": sum(max(0, count - 1) for count in of_train),
        "across_the_split": {"n": len(across), "first": _shown(parts, across)},
        "conflicting": {
            "n": len(conflicts),
            "rows": sum(map(len, conflicts)),
            "first": _shown(parts, conflicts),
        },
    }


def _groups(parts: dict[str, Examples]) -> list[list[Place]]:
    """Rows with the same tokens, where there are at least two, in order of their first."""
    places = [(name, row) for name, examples in parts.items() for row in range(len(examples))]
    # Numbers for the tokens themselves: of a million texts, two that differ get the same one in 30 million runs.
    hashes = np.array([hash(parts[name].ids(row).tobytes()) for name, row in places])
    _, group_of, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    groups: dict[int, list[Place]] = defaultdict(list)
    for number in np.flatnonzero(sizes[group_of] > 1).tolist():
        groups[int(group_of[number])].append(places[number])
    return list(groups.values())


def _label(parts: dict[str, tuple[Dataset, Examples]], place: Place) -> str:
    part, row = place
    return parts[part][0].labels[row]


def _shown(parts: dict[str, tuple[Dataset, Examples]], groups: Sequence[Sequence[Place]]) -> list[list[str]]:
    """The first few groups, as "chat.csv:17 positive"."""
    return [
        [f"{parts[part][0].place(row)} {_label(parts, (part, row))}" for part, row in group[:MAX_PLACES]]
        for group in groups[:MAX_PLACES]
    ]


def _tokens(train: Examples, valid: Examples, max_length: int) -> dict[str, Any]:
    lengths = np.concatenate([train.lengths, valid.lengths])
    truncated = int(train.truncated.sum() + valid.truncated.sum())
    return {
        **{f"p{share}": int(np.percentile(lengths, share, method="inverted_cdf")) for share in PERCENTILES},
        "longest": int(lengths.max()),
        "max_length": max_length,
        "truncated": {"n": truncated, "share": round(truncated / len(lengths), 4)},
    }
