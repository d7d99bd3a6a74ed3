"""The report's tables: confusion matrix as a heat table, labels, slices, and the two versions of a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

from classifier.report.charts import interval_strip
from classifier.report.markup import Markup, element, joined
from classifier.report.words import percent, signed, slice_name

# Shades of a cell: class h0 is none, h10 the whole row.
SHADES = 10
# With more labels than this a cell has room for its count only.
ROOMY = 8
STRIP_KEY = "line: 95\N{NO-BREAK SPACE}% interval; mark: all texts"

Document = Mapping[str, Any]


def scrolling(name: str, table: Markup) -> Markup:
    """A table that scrolls inside itself where the screen is narrow, by keyboard too."""
    return element("div", table, class_="scroll", role="region", aria_label=name, tabindex=0)


def confusion_table(document: Document) -> Markup:
    """Right labels as rows, predicted ones as columns; the darker, the more of the row's texts."""
    labels: Sequence[str] = document["confusion"]["labels"]
    matrix: Sequence[Sequence[int]] = document["confusion"]["matrix"]
    corner = element(
        "tr", element("td"), element("th", "predicted", scope="colgroup", colspan=len(labels), class_="over")
    )
    names = [element("th", element("span", label), scope="col") for label in labels]
    head = element("tr", element("th", "right label", scope="col"), names)
    rows = [
        element("tr", element("th", label, scope="row"), [_cell(row, at, number) for at in range(len(labels))])
        for number, (label, row) in enumerate(zip(labels, matrix, strict=True))
    ]
    size = "heat" if len(labels) <= ROOMY else "heat many"
    table = element("table", element("thead", corner, head), element("tbody", rows), class_=size)
    return scrolling("Confusion matrix", table)


def _cell(row: Sequence[int], at: int, number: int) -> Markup:
    share = row[at] / sum(row) if sum(row) else 0.0
    kind = "hit" if at == number else "miss"
    below = element("small", percent(share, 0)) if len(row) <= ROOMY else None
    return element("td", f"{row[at]:,}", below, class_=f"{kind} h{round(share * SHADES)}")


def label_table(document: Document) -> Markup:
    """Precision, recall and F1 of each label, and their plain means."""
    scores: Mapping[str, Mapping[str, float]] = document["per_label"]
    rows = [
        _row(label, [f"{each[name]:.3f}" for name in ("precision", "recall", "f1")] + [f"{each['support']:,}"])
        for label, each in scores.items()
    ]
    return _table("Labels", ["label", "precision", "recall", "F1", "texts"], rows)


def slice_table(document: Document) -> Markup:
    """Accuracy with its interval, macro-F1 and size of each slice."""
    rows: list[Markup] = []
    for by, parts in document["slices"].items():
        if len(parts) > 1:
            rows.append(element("tr", element("th", f"by {by}", scope="colgroup", colspan=5), class_="group"))
            rows += [_slice_row(slice_name(by, name), scores, document["accuracy"]) for name, scores in parts.items()]
    return _table("Slices", ["slice", "accuracy", STRIP_KEY, "macro-F1", "texts"], rows, wide=STRIP_KEY)


def _slice_row(name: str, scores: Mapping[str, Any], reference: float) -> Markup:
    small = element("span", "few", class_="badge", title="under 30 texts: says little") if scores["small"] else None
    strip = interval_strip(scores["accuracy"], scores["accuracy_interval"], reference)
    low, high = scores["accuracy_interval"]
    told = f"95 % interval {100 * low:.1f} to {percent(high)}"
    return element(
        "tr",
        element("th", name, " " if small else None, small, scope="row"),
        element("td", percent(scores["accuracy"]), element("span", f" ({told})", class_="hidden"), title=told),
        element("td", strip, title=told, class_="wide"),
        element("td", f"{scores['macro_f1']:.3f}"),
        element("td", f"{scores['n']:,}"),
        class_="small" if small else None,
    )


def version_table(document: Document) -> Markup:
    """Both versions of a comparison and the difference."""
    against = document["against"]
    measures = ("macro-F1", "macro_f1", 1), ("accuracy", "accuracy", 100)
    rows = [
        _row(
            name,
            [_figure(against[key], scale), _figure(document[key], scale), signed(document[key] - against[key])],
        )
        for name, key, scale in measures
    ]
    return _table("Both versions", ["", against["version"], document["version"], "points"], rows)


def _figure(value: float, scale: int) -> str:
    return percent(value) if scale == 100 else f"{value:.3f}"


def _row(name: str, cells: Sequence[str]) -> Markup:
    return element("tr", element("th", name, scope="row"), [element("td", cell) for cell in cells])


def _table(name: str, columns: Sequence[str], rows: Sequence[Markup], *, wide: str | None = None) -> Markup:
    """Column `wide` is left out on narrow screens."""
    heads = [element("th", column, scope="col", class_="wide" if column == wide else None) for column in columns]
    head = element("thead", element("tr", heads))
    return scrolling(name, element("table", head, element("tbody", joined(rows))))
