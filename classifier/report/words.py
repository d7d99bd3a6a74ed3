"""What a person should take home from an evaluation, in words: the same sentences in the report and the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from classifier.slices import MIDDLE_WORDS, SHORT_WORDS, SMALL

# Mean distance of confidence and accuracy: up to where a percentage can be taken literally, and up to where roughly.
HONEST, ROUGH = 0.03, 0.08

VERDICTS = {
    "better": "{} is better than {}",
    "worse": "{} is worse than {}",
    "inconclusive": "No clear difference between {} and {}",
}

# Slice as named in the document -> as people read it.
SLICES: Mapping[tuple[str, str], str] = {
    ("length", "short"): f"short: up to {SHORT_WORDS} words",
    ("length", "middle"): f"middle: {SHORT_WORDS + 1} to {MIDDLE_WORDS} words",
    ("length", "long"): f"long: over {MIDDLE_WORDS} words",
    ("emoji", "with"): "with emoji",
    ("emoji", "without"): "without emoji",
    ("negation", "with"): "with negation",
    ("negation", "without"): "without negation",
}

Document = Mapping[str, Any]


def headline(document: Document) -> str:
    """The verdict in one line, without a full stop."""
    texts = document["data"]["n"]
    if "against" in document:
        against = document["against"]
        return VERDICTS[against["verdict"]].format(document["version"], against["version"])
    if texts < SMALL:
        return f"{texts} texts are too few to tell how good it is"
    label, share = most_common(document)
    if document["accuracy_interval"][0] <= share:
        return f"No better than always answering {label}"
    sure = document["sure"]["precision"]
    where_sure = f", and on {percent(sure, 0)} where it is sure" if sure is not None else ""
    return f"Right on {percent(document['accuracy'], 0)} of the texts{where_sure}"


def summary(document: Document) -> list[str]:
    """A few sentences: the comparison if there is one, labels, the weakest label, confidence, sureness."""
    against = [comparison(document)] if "against" in document else []
    sentences = [*against, labels(document), *weakest(document), confidence(document), sureness(document["sure"])]
    return [unbroken(sentence) for sentence in sentences]


def comparison(document: Document) -> str:
    """Both scores, the interval of their difference and what changed."""
    against = document["against"]
    low, difference, high = (signed(against[name]) for name in ("low", "difference", "high"))
    return (
        f"macro-F1 {document['macro_f1']:.3f} against {against['macro_f1']:.3f}: {difference} points, "
        f"95 % interval {low} to {high}. Of {against['changed']:,} texts with another label than before, "
        f"{against['fixed']:,} became right and {against['broken']:,} wrong "
        f"(McNemar's test: {p_value(against['p_value'])})."
    )


def labels(document: Document) -> str:
    """Accuracy, and what no skill at all would reach."""
    low, high = document["accuracy_interval"]
    label, share = most_common(document)
    return (
        f"{percent(document['accuracy'])} of {document['data']['n']:,} texts are labelled right (95 % interval "
        f"{100 * low:.1f} to {percent(high)}); always answering {label} would reach {percent(share)}."
    )


def weakest(document: Document) -> list[str]:
    """The label with the lowest F1 among those that occur, and what it is mixed up with; [] if all are perfect."""
    names: Sequence[str] = document["confusion"]["labels"]
    matrix: Sequence[Sequence[int]] = document["confusion"]["matrix"]
    present = [name for name in names if document["per_label"][name]["support"]]
    name = min(present, key=lambda name: document["per_label"][name]["f1"])
    scores, at = document["per_label"][name], names.index(name)
    if scores["f1"] == 1:
        return []
    start = f"Weakest on {name} (F1 {scores['f1']:.2f}): "
    if scores["precision"] < scores["recall"]:
        called = [row[at] for row in matrix]
        count, other = _largest_other(called, names, name)
        return [f"{start}{percent(count / sum(called), 0)} of the texts it calls so are {other}."]
    count, other = _largest_other(matrix[at], names, name)
    return [f"{start}{percent(count / scores['support'], 0)} of its texts are taken for {other}."]


def _largest_other(counts: Sequence[int], names: Sequence[str], but: str) -> tuple[int, str]:
    return max((count, name) for count, name in zip(counts, names, strict=True) if name != but)


def confidence(document: Document) -> str:
    """Whether the percentages can be believed, and to which side they are off."""
    error, bars = document["ece"], document["reliability"]["after"]
    texts = sum(bar["texts"] for bar in bars)
    claimed = sum(bar["texts"] * bar["confidence"] for bar in bars) / texts
    off = f"{100 * error:.1f} points off on average"
    if error <= HONEST:
        return f"Its confidence can be taken at its word: {off}."
    side = "too sure" if claimed > document["accuracy"] else "too modest"
    whole = f"it says {percent(claimed, 0)} and is right on {percent(document['accuracy'], 0)}"
    start = "roughly right" if error <= ROUGH else "not to be taken at its word here"
    return f"Its confidence is {start}: {off}, mostly {side} ({whole})."


def sureness(sure: Mapping[str, Any]) -> str:
    """What the threshold means for these texts."""
    start = f"Sure (confidence from {sure['threshold']:.2f} on) of {percent(sure['coverage'])} of the texts"
    return f"{start}." if sure["precision"] is None else f"{start}, {percent(sure['precision'])} of them right."


def most_common(document: Document) -> tuple[str, float]:
    """The label that most texts have, and their share."""
    name, scores = max(document["per_label"].items(), key=lambda item: item[1]["support"])
    return name, scores["support"] / document["data"]["n"]


def slice_name(by: str, name: str) -> str:
    """A slice as people read it; a source is its file's name."""
    return SLICES.get((by, name), name)


def percent(share: float, digits: int = 1) -> str:
    """A share as "74.4 %"."""
    return unbroken(f"{100 * share:.{digits}f} %")


def shown_confidence(confidence: float) -> str:
    """A whole percentage, at most 99: a model that says 100 % is wrong too now and then."""
    return unbroken(f"{min(round(100 * confidence), 99)} %")


def unbroken(sentence: str) -> str:
    """The sentence with no line break between a number and its percent sign."""
    return sentence.replace(" %", "\N{NO-BREAK SPACE}%")


def signed(difference: float) -> str:
    """A difference of two shares in points, with a real minus: "+1.2" or "−0.3"."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def p_value(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def place(item: Mapping[str, Any]) -> str:
    """Where a text stands: "ours.csv:12"."""
    return item["file"] if item["line"] is None else f"{item['file']}:{item['line']}"
