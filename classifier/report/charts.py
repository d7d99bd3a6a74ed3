"""The report's pictures as inline SVG: colours come from the page's style, a point hovered says its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from classifier.intervals import wilson
from classifier.report.markup import Markup, element
from classifier.report.words import percent, signed

# One unit is a CSS pixel where a chart is shown at full width; narrow enough that letters stay readable on a phone.
WIDTH, HEIGHT = 460, 360
LEFT, RIGHT, TOP, BOTTOM = 66, 16, 14, 46
STRIP = 260
POINT_TEXTS = 20
NAME = 13  # letters of a version's name that fit beside a chart

# One of the document's reliability bins: texts, confidence, accuracy.
Bar = Mapping[str, Any]


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` laid out between the pixels `start` and `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """At most six round values."""
        span = self.high - self.low
        step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if span / step <= 5.01 or step == 0.25)
        first = ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, int(self.high / step + 1e-9) + 1)]


def reliability_diagram(before: Sequence[Bar], after: Sequence[Bar]) -> Markup:
    """How often each bin is right against its mean confidence, before and after calibration (Wilson's interval).

    Where texts are few, neighbouring bins are drawn as one point.
    """
    before, after = _merged(before), _merged(after)
    lowest = min(min(bar["confidence"], bar["accuracy"]) for bar in (*before, *after))
    low = int(lowest * 10) / 10 if lowest < 0.9 else 0.9
    x, y = Axis(low, 1, LEFT, WIDTH - RIGHT), Axis(low, 1, HEIGHT - BOTTOM, TOP)
    return _chart(
        "Reliability diagram",
        f"Accuracy against confidence in {len(after)} groups of texts. Honest is on the diagonal.",
        _frame(x, y, "confidence", "share that is right"),
        element("line", x1=x(low), y1=y(low), x2=x(1), y2=y(1), class_="ideal"),
        element("text", "too modest", x=x(low) + 10, y=TOP + 18, class_="hint"),
        element("text", "too sure", x=WIDTH - RIGHT - 10, y=y(low) - 10, class_="hint end"),
        [_whisker(bar, x, y) for bar in after],
        _curve(before, x, y, "before"),
        _curve(after, x, y, "after"),
    )


def risk_coverage_chart(curve: Mapping[str, Any], sure: Mapping[str, Any]) -> Markup:
    """The share of wrong labels when only the surest texts are answered, with the version's threshold marked."""
    points: Sequence[tuple[float, float]] = curve["points"]
    highest = max(risk for _, risk in points)
    step = 0.05 if highest <= 0.25 else 0.1
    top = min(1.0, max(step, ceil(highest / step) * step))
    x, y = Axis(0, 1, LEFT, WIDTH - RIGHT), Axis(0, top, HEIGHT - BOTTOM, TOP)
    line = " ".join(f"{x(coverage)},{y(risk)}" for coverage, risk in points)
    return _chart(
        "Risk-coverage curve",
        f"Answering all texts {percent(points[-1][1])} of the labels are wrong; answering only the surest, fewer.",
        _frame(x, y, "share of the texts answered, the surest first", "share of these that is wrong"),
        element("polygon", points=f"{x(points[0][0])},{y(0)} {line} {x(1)},{y(0)}", class_="area"),
        element("polyline", points=line, class_="curve after"),
        _threshold(sure, x, y),
    )


def difference_chart(document: Mapping[str, Any]) -> Markup:
    """The interval of the difference in macro-F1 beside zero."""
    against = document["against"]
    low, value, high = against["low"], against["difference"], against["high"]
    reach = 1.35 * max(abs(low), abs(high), 0.005)
    x, middle = Axis(-reach, reach, 14, WIDTH - 14), 40
    return _chart(
        "Difference in macro-F1",
        f"{signed(value)} points, 95 % interval {signed(low)} to {signed(high)}.",
        element("line", x1=14, x2=WIDTH - 14, y1=middle, y2=middle, class_="grid"),
        element("line", x1=x(0), x2=x(0), y1=12, y2=68, class_="zero"),
        element("line", x1=x(low), x2=x(high), y1=middle, y2=middle, class_=f"interval {against['verdict']}"),
        element("circle", cx=x(value), cy=middle, r=6, class_=f"dot {against['verdict']}"),
        element("text", signed(value), x=x(value), y=24, class_="note middle"),
        element("text", signed(low), x=x(low) - 8, y=middle + 4, class_="tick end"),
        element("text", signed(high), x=x(high) + 8, y=middle + 4, class_="tick"),
        element("text", "0", x=x(0), y=84, class_="tick middle"),
        element("text", f"← {against['version'][:NAME]} better", x=14, y=84, class_="hint"),
        element("text", f"{document['version'][:NAME]} better →", x=WIDTH - 14, y=84, class_="hint end"),
        height=92,
    )


def interval_strip(value: float, interval: Sequence[float], reference: float) -> Markup:
    """A share with its interval on a line from 0 to 1, and a mark where all texts together stand."""
    x = Axis(0, 1, 4, STRIP - 4)
    return element(
        "svg",
        element("line", x1=4, x2=STRIP - 4, y1=9, y2=9, class_="grid"),
        element("line", x1=x(reference), x2=x(reference), y1=2, y2=16, class_="zero"),
        element("line", x1=x(interval[0]), x2=x(interval[1]), y1=9, y2=9, class_="interval"),
        element("circle", cx=x(value), cy=9, r=4, class_="dot"),
        viewBox=f"0 0 {STRIP} 18",
        class_="strip",
        aria_hidden="true",
    )


def _chart(name: str, description: str, *content: Any, height: int = HEIGHT) -> Markup:
    return element(
        "svg",
        element("title", name),
        element("desc", description),
        *content,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label=f"{name}. {description}",
        class_="chart",
    )


def _frame(x: Axis, y: Axis, across: str, up: str) -> Iterator[Markup]:
    for value in x.ticks():
        yield element("line", x1=x(value), x2=x(value), y1=y.start, y2=y.end, class_="grid")
        yield element("text", percent(value, 0), x=x(value), y=y.start + 17, class_="tick middle")
    for value in y.ticks():
        yield element("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="grid")
        yield element("text", percent(value, 0), x=x.start - 6, y=y(value) + 4, class_="tick end")
    yield element("text", across, x=(x.start + x.end) / 2, y=HEIGHT - 8, class_="axis middle")
    yield element("text", up, x=-(y.start + y.end) / 2, y=13, transform="rotate(-90)", class_="axis middle")


def _merged(bars: Sequence[Bar]) -> list[Bar]:
    """The bins, neighbours taken together so that each point stands for enough texts to mean something."""
    texts = np.array([bar["texts"] for bar in bars])
    points = min(len(bars), max(1, int(texts.sum()) // POINT_TEXTS))
    return [
        {
            "texts": int(texts[group].sum()),
            **{
                name: float(np.average([bars[at][name] for at in group], weights=texts[group]))
                for name in ("confidence", "accuracy")
            },
        }
        for group in np.array_split(np.arange(len(bars)), points)
    ]


def _curve(bars: Sequence[Bar], x: Axis, y: Axis, name: str) -> Iterator[Markup]:
    points = " ".join(f"{x(bar['confidence'])},{y(bar['accuracy'])}" for bar in bars)
    yield element("polyline", points=points, class_=f"curve {name}")
    for bar in bars:
        told = (
            f"{name} calibration: says {percent(bar['confidence'])}, "
            f"right {percent(bar['accuracy'])} ({bar['texts']:,} texts)"
        )
        place = {"cx": x(bar["confidence"]), "cy": y(bar["accuracy"])}
        yield element("circle", element("title", told), r=4, class_=f"dot {name}", **place)


def _whisker(bar: Bar, x: Axis, y: Axis) -> Markup:
    low, high = wilson(round(bar["accuracy"] * bar["texts"]), bar["texts"])
    at = x(bar["confidence"])
    return element("line", x1=at, x2=at, y1=y(max(low, y.low)), y2=y(high), class_="whisker")


def _threshold(sure: Mapping[str, Any], x: Axis, y: Axis) -> Iterator[Markup]:
    if sure["precision"] is None:
        return
    across, up = x(sure["coverage"]), y(1 - sure["precision"])
    told = f"threshold {sure['threshold']:.2f}"
    lines = (told, f"{percent(sure['coverage'], 0)} answered,", f"{percent(1 - sure['precision'])} of them wrong")
    # The curve rises: above it there is room on the left, below it on the right.
    left = sure["coverage"] > 0.5
    beside, first = (across - 8, TOP + 20) if left else (across + 8, HEIGHT - BOTTOM - 46)
    yield element("line", x1=across, x2=across, y1=y.start, y2=y.end, class_="zero")
    yield element("circle", element("title", told), cx=across, cy=up, r=6, class_="dot mark")
    for number, line in enumerate(lines):
        yield element("text", line, x=beside, y=first + 18 * number, class_="note end" if left else "note")
