"""The HTML report: evaluate's document as one page that needs no network, no script and no other file."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from classifier.calibration import TARGET_PRECISION
from classifier.report.charts import difference_chart, reliability_diagram, risk_coverage_chart
from classifier.report.markup import Content, Markup, element, joined
from classifier.report.tables import ROOMY, confusion_table, label_table, slice_table, version_table
from classifier.report.terms import terms
from classifier.report.words import headline, percent, place, shown_confidence, summary, unbroken

STYLE = Path(__file__).with_name("style.css")
# The page shows the beginning of longer texts; file and line lead to the rest.
TEXT_CHARACTERS = 300
# How many texts of a list are seen at once; the others are folded up below.
UNFOLDED = 8
FOOTER = (
    "Written by clfadmin. This page loads nothing from elsewhere. It holds texts that people wrote: "
    "mind whom you give it to."
)

# Kind of change -> its title, and what is said of each text.
CHANGES = {
    "broken": ("Right before, wrong now", {"was rightly": "before", "is": "after"}),
    "fixed": ("Wrong before, right now", {"was": "before", "is rightly": "after"}),
    "neither": ("Wrong before and now, differently", {"should be": "expected", "was": "before", "is": "after"}),
}

Document = Mapping[str, Any]


def html_report(document: Document, *, made: datetime | None = None) -> str:
    """The page for a document of `evaluate_fully`, or of `evaluate`, whose page then has no slices and no texts.

    `made` is shown as the time of the evaluation. Everything in the document is shown as text, whatever it holds; the
    page's own policy allows nothing but its one style sheet.
    """
    style = STYLE.read_text()
    policy = f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
    title = f"Evaluation of {document['version']}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(style)),
    )
    body = element(
        "body", element("main", _opening(document, title, made), _sections(document)), element("footer", FOOTER)
    )
    return joined(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), "\n")


def _opening(document: Document, title: str, made: datetime | None) -> Markup:
    data = document["data"]
    on = f"{data['name']}, {data['n']:,} texts" + (f", {made:%Y-%m-%d %H:%M} UTC" if made else "")
    kind = document["against"]["verdict"] if "against" in document else "plain"
    return element(
        "header",
        element("p", title, " on ", on, class_="eyebrow"),
        element("h1", headline(document), class_=kind),
        element("ul", [element("li", sentence) for sentence in summary(document)], class_="summary"),
        _cards(document),
    )


def _cards(document: Document) -> Markup:
    sure, low_high = document["sure"], document["macro_f1_interval"]
    accuracy = document["accuracy_interval"]
    precision = "none" if sure["precision"] is None else percent(sure["precision"])
    cards = (
        ("macro-F1", f"{document['macro_f1']:.3f}", f"95 % interval {low_high[0]:.3f} to {low_high[1]:.3f}"),
        ("accuracy", percent(document["accuracy"]), f"95 % interval {100 * accuracy[0]:.1f} to {percent(accuracy[1])}"),
        (
            "right where sure",
            precision,
            f"sure of {percent(sure['coverage'])}, aim {percent(TARGET_PRECISION, 0)} right",
        ),
        ("calibration error", f"{document['ece']:.3f}", f"{document['ece_uncalibrated']:.3f} before calibration"),
    )
    return element(
        "dl",
        [
            element("div", element("dt", name), element("dd", value, element("small", about)))
            for name, value, about in cards
        ],
        class_="cards",
    )


def _sections(document: Document) -> list[Markup]:
    """All parts that this document has something for."""
    parts = [
        _comparison(document["against"], document) if "against" in document else None,
        _section(
            "What is taken for what",
            "Each row is one right label; a cell says how many of its texts got which label.",
            element(
                "div", confusion_table(document), label_table(document), class_="pair" if _fits(document) else None
            ),
        ),
        _confidence(document),
        _slices(document) if "slices" in document else None,
        _mistakes(document["mistakes"]) if document.get("mistakes") else None,
        _suspects(document) if document.get("suspected_label_errors") else None,
        _data(document),
        terms(),
    ]
    return [part for part in parts if part]


def _fits(document: Document) -> bool:
    return len(document["confusion"]["labels"]) <= ROOMY


def _comparison(against: Mapping[str, Any], document: Document) -> Markup:
    left = against["changed"] - len(against["changed_texts"])
    more = element("p", f"{left:,} more are not listed; --changed FILE writes all.", class_="about") if left else None
    return _section(
        f"Against {against['version']}",
        "The difference in macro-F1 with its 95 % interval (paired bootstrap on the same texts).",
        element("div", element("figure", difference_chart(document)), version_table(document), class_="pair"),
        element("h3", f"{against['changed']:,} texts with another label"),
        [_changes(against, change, title, said) for change, (title, said) in CHANGES.items()],
        more,
    )


def _changes(against: Mapping[str, Any], change: str, title: str, said: Mapping[str, str]) -> Markup | None:
    items = [
        _text(item, *((words, item[key]) for words, key in said.items()))
        for item in against["changed_texts"]
        if item["change"] == change
    ]
    heading = element("summary", f"{title}: {against[change]:,}")
    return element("details", heading, element("ol", items, class_="texts")) if items else None


def _confidence(document: Document) -> Markup:
    bars, curve = document["reliability"], document["risk_coverage"]
    keys = [element("span", element("i", class_=f"key {name}"), f"{name} calibration") for name in ("before", "after")]
    measures = [
        ("Calibration error (ECE)", "ece_uncalibrated", "ece"),
        ("Brier score", "brier_uncalibrated", "brier"),
        ("Log loss", "nll_uncalibrated", "nll"),
    ]
    told = ", ".join(f"{name} {document[before]:.3f} → {document[after]:.3f}" for name, before, after in measures)
    return _section(
        "How far its confidence can be trusted",
        f"{told} by a temperature of {document['temperature']:.2f}. "
        f"Mean risk over all coverages: {percent(curve['area'])}.",
        element(
            "div",
            element(
                "figure",
                element("figcaption", "Is it right as often as it says?"),
                element("p", keys, class_="keys"),
                reliability_diagram(bars["before"], bars["after"]),
            ),
            element(
                "figure",
                element("figcaption", "How many are wrong if it answers only when sure?"),
                element(
                    "p", element("span", element("i", class_="key after"), "answering the surest share"), class_="keys"
                ),
                risk_coverage_chart(curve, document["sure"]),
            ),
            class_="pair",
        ),
    )


def _slices(document: Document) -> Markup:
    about = "Where it does better or worse than on all texts together."
    return _section("Parts of the texts", about, slice_table(document))


def _mistakes(mistakes: Sequence[Mapping[str, Any]]) -> Markup:
    shown = [
        _text(
            item,
            ("should be", item["expected"]),
            ("says", f"{item['predicted']} {shown_confidence(item['confidence'])}"),
        )
        for item in mistakes
    ]
    about = "Wrong labels it was surest of. Either the model or the given label is at fault."
    return _section("Most confident mistakes", about, _texts(shown))


def _suspects(document: Document) -> Markup:
    items, total = document["suspected_label_errors"], document["suspected_label_errors_n"]
    shown = [_text(item, ("labelled", item["label"]), ("probably", item["suggested"])) for item in items]
    about = (
        f"{total:,} texts look more like another label than the one they carry (confident learning). "
        f"The {len(items)} clearest are worth a second look; where the version is weak, it is the one that errs."
    )
    return _section("Suspected label errors", about, _texts(shown))


def _data(document: Document) -> Markup:
    data = document["data"]
    facts = [("Files", ", ".join(data["sources"]) if "sources" in data else data["name"]), ("sha256", data["sha256"])]
    facts += [
        (name, f"{data[key]:,}")
        for name, key in (
            ("Texts", "n"),
            ("Left out without text", "without_text"),
            ("Left out without label", "without_label"),
            ("Read only in part, too long", "truncated"),
            ("Hardly readable, always unsure", "unreadable"),
        )
        if key in data
    ]
    facts += [("Computed by", document["runtime"])] if document.get("runtime") else []
    rows = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return _section("What it was measured on", None, element("dl", rows, class_="facts"))


def _section(title: str, about: str | None, *content: Content) -> Markup:
    line = element("p", unbroken(about), class_="about") if about else None
    return element("section", element("h2", title), line, *content)


def _texts(shown: Sequence[Markup]) -> Markup:
    first, more = shown[:UNFOLDED], shown[UNFOLDED:]
    folded = element("details", element("summary", f"{len(more)} more"), element("ol", more, class_="texts"))
    return joined(element("ol", first, class_="texts"), folded if more else None)


def _text(item: Mapping[str, Any], *facts: tuple[str, str]) -> Markup:
    """One text with what was said about it, and where it stands."""
    text: str = item["text"]
    cut = text if len(text) <= TEXT_CHARACTERS else text[:TEXT_CHARACTERS].rstrip() + " …"
    said = [element("span", f"{name} ", element("b", value)) for name, value in facts]
    return element(
        "li",
        element("p", said, class_="said"),
        element("p", cut, dir="auto", class_="text"),
        element("p", place(item), class_="place"),
    )
