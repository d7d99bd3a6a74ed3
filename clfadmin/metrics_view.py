"""The measures of a version as tables and sentences for people, the same after `train` and `evaluate`."""

from collections.abc import Mapping, Sequence
from typing import Any

from clfadmin import console

# With more labels than this the confusion matrix does not fit a terminal, and its largest numbers are told instead.
MATRIX_LABELS = 8
# How many texts of a list are shown, and how much of each; --json and --report hold more.
TEXTS, TEXT_CHARACTERS = 5, 80
KINDS, CHANGED = ("broken", "fixed"), 3

Document = Mapping[str, Any]
Item = Mapping[str, Any]


def show_metrics(metrics: Document) -> None:
    """The verdict, scores by label, one line each on quality and honesty, then slices and texts where there are any."""
    from classifier.report.words import headline, summary

    console.say(f"{metrics['version']} on {metrics['data']['name']} ({metrics['data']['n']:,} texts)")
    console.say(headline(metrics))
    console.say("")
    _show_labels(metrics)
    console.say("")
    for sentence in summary(metrics):
        console.say(sentence)
    console.say(_before_and_after(metrics))
    if "slices" in metrics:
        _show_slices(metrics["slices"])
    _show_texts(metrics)


def _show_labels(metrics: Document) -> None:
    """One table: the scores of each label, then what its texts were taken for."""
    labels: Sequence[str] = metrics["confusion"]["labels"]
    few = len(labels) <= MATRIX_LABELS
    taken = [f"→ {label}" for label in labels] if few else ["most often taken for"]
    numbers = ["precision", "recall", "F1", "texts"]
    rows: list[list[str]] = []
    for label, row in zip(labels, metrics["confusion"]["matrix"], strict=True):
        scores = metrics["per_label"][label]
        shown = [f"{scores[name]:.3f}" for name in ("precision", "recall", "f1")]
        cells = [f"{count:,}" for count in row] if few else [_largest(row, labels, but=label)]
        rows.append([label, *shown, f"{scores['support']:,}", *cells])
    console.table(["label", *numbers, *taken], rows, right=[*numbers, *taken] if few else numbers)


def _largest(row: Sequence[int], labels: Sequence[str], *, but: str) -> str:
    count, label = max((count, label) for count, label in zip(row, labels, strict=True) if label != but)
    return f"{label} {count:,}" if count else ""


def _before_and_after(metrics: Document) -> str:
    measures = ("calibration error", "ece"), ("Brier", "brier"), ("log loss", "nll")
    told = (f"{name} {metrics[key]:.3f} ({metrics[f'{key}_uncalibrated']:.3f})" for name, key in measures)
    return f"macro-F1 {metrics['macro_f1']:.3f}, {', '.join(told)}; in brackets before calibration"


def _show_slices(slices: Mapping[str, Mapping[str, Item]]) -> None:
    from classifier.report.words import percent, slice_name

    rows = [
        [slice_name(by, name), percent(part["accuracy"]), f"{part['macro_f1']:.3f}", _size(part)]
        for by, parts in slices.items()
        if len(parts) > 1
        for name, part in parts.items()
    ]
    if rows:
        console.say("")
        console.table(["slice", "accuracy", "macro-F1", "texts"], rows, right=["accuracy", "macro-F1", "texts"])


def _size(part: Item) -> str:
    return f"{part['n']:,}{' (few)' if part['small'] else ''}"


def _show_texts(metrics: Document) -> None:
    """The first few of each list of texts."""
    from classifier.report.words import shown_confidence

    _show_list(
        "Most confident mistakes",
        "label → predicted",
        [
            (f"{item['expected']} → {item['predicted']} {shown_confidence(item['confidence'])}", item)
            for item in metrics.get("mistakes", [])[:TEXTS]
        ],
    )
    _show_list(
        f"Texts that look more like another label: {metrics.get('suspected_label_errors_n', 0):,}",
        "label → probably",
        [
            (f"{item['label']} → {item['suggested']}", item)
            for item in metrics.get("suspected_label_errors", [])[:TEXTS]
        ],
    )
    if "against" in metrics:
        against = metrics["against"]
        _show_list(
            f"Texts with another label than from {against['version']}: {against['changed']:,}",
            "before → now",
            [(f"{item['before']} → {item['after']}, {item['change']}", item) for item in _some(against)],
        )


def _some(against: Document) -> list[Item]:
    """A few of those broken and a few of those fixed."""
    of = {change: [item for item in against["changed_texts"] if item["change"] == change] for change in KINDS}
    return [item for items in of.values() for item in items[:CHANGED]]


def _show_list(title: str, about: str, items: Sequence[tuple[str, Item]]) -> None:
    from classifier.report.words import place

    if items:
        console.say("")
        console.say(title)
        console.table([about, "text", "where"], [[said, _short(item["text"]), place(item)] for said, item in items])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_CHARACTERS else line[: TEXT_CHARACTERS - 1].rstrip() + "…"
