"""The data report of a training as a few lines for people."""

from collections.abc import Mapping, Sequence
from typing import Any

# Labels and sources that are told one by one; a file with more shows the largest.
MOST_LABELS, MOST_SOURCES = 8, 6
# Of the rows and texts that are named, how many are shown; --json holds more.
PLACES = 3
REASONS = {
    "without_text": "without text",
    "without_label": "without label",
    "repeated": "repeated",
    "in_both_parts": "whose text is validated on",
}


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """What was read, left out and found odd; data without oddities takes three lines."""
    lines = [f"data: {report['train']:,} texts to train on, {report['valid']:,} to validate on"]
    if len(report["sources"]) > 1:
        lines.append(f"sources: {_sources(report['sources'])}")
    lines.append(f"labels: {_labels(report['labels'])}")
    lines += _dropped(report["dropped"])
    lines += _twins(report["same_to_the_model"])
    lines.append(f"length: {_tokens(report['tokens'])}")
    return lines


def _sources(sources: Mapping[str, Mapping[str, int]]) -> str:
    told = [f"{name} {counts['train']:,} + {counts['valid']:,}" for name, counts in sources.items()]
    return _first(told, MOST_SOURCES)


def _labels(labels: Mapping[str, Mapping[str, Any]]) -> str:
    by_size = sorted(labels.items(), key=lambda item: -item[1]["train"])
    told = [f"{name} {counts['train']:,} ({counts['share']:.0%})" for name, counts in by_size]
    rarest, commonest = by_size[-1][1]["train"], by_size[0][1]["train"]
    advice = "; consider --class-weight auto" if commonest > 5 * rarest else ""
    return _first(told, MOST_LABELS) + advice


def _dropped(dropped: Mapping[str, Mapping[str, Any]]) -> list[str]:
    told: list[str] = []
    for reason, found in dropped.items():
        if found["n"]:
            places = f" ({_first(found['first'], PLACES, found['n'])})" if found["first"] else ""
            told.append(f"{found['n']:,} {REASONS[reason]}{places}")
    return [f"left out: {', '.join(told)}"] if told else []


def _twins(twins: Mapping[str, Any]) -> list[str]:
    """Only what is there to be mended."""
    lines: list[str] = []
    if conflicts := twins["conflicting"]["n"]:
        shown = "; ".join(" and ".join(group[:2]) for group in twins["conflicting"]["first"][:PLACES])
        lines.append(f"contradictions: {conflicts:,} texts have several labels: {shown}{_more(conflicts, PLACES)}")
    told: list[str] = []
    if twins["repeated"]:
        told.append(f"{twins['repeated']:,} training texts repeat another")
    if across := twins["across_the_split"]["n"]:
        told.append(f"{across:,} are validated on too, which flatters the scores")
    if told:
        lines.append(f"alike to the model: {', '.join(told)}")
    return lines


def _tokens(tokens: Mapping[str, Any]) -> str:
    cut = tokens["truncated"]
    told = f"half of the texts have up to {tokens['p50']} tokens, 99 % up to {tokens['p99']}"
    return f"{told}; {cut['n']:,} ({cut['share']:.1%}) are cut at {tokens['max_length']}" if cut["n"] else told


def _first(told: Sequence[str], most: int, count: int | None = None) -> str:
    count = len(told) if count is None else count
    return ", ".join(told[:most]) + _more(count, most)


def _more(count: int, most: int) -> str:
    return f" and {count - most:,} more" if count > most else ""
