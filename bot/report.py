"""How a channel sounded: its days as figures, beside what is usual there. Pure: values in, values and words out.

Nothing here knows a person. Figures are shown for groups of at least five messages by three people; what is under that
is left out of every sum too, or it could be told by subtracting.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from bot.replies import escape, percent
from bot.store import Day, Strong
from bot.usual import Comparison, Count, compare

LEAST_MESSAGES, LEAST_PEOPLE = 5, 3
# What is usual is taken from so many times the span before it, but from four weeks at least; days are kept for 100.
USUAL_SPANS, USUAL_DAYS, KEPT_DAYS = 4, 28, 100
# Below these a difference from the usual says nothing: it is not mentioned.
LEAST_NOW, LEAST_USUAL, LEAST_USUAL_DAYS = 20, 50, 5
# Two swings and five points: seen in one of twenty ordinary weeks, and worth a word.
CLEAR_SWINGS, CLEAR_POINTS = 2.0, 0.05
# Of each label the surest ones; all together a handful.
STRONGEST_OF_LABEL, STRONGEST = 2, 4
# Slack cuts a longer alternative text.
LONGEST_ALT = 1_000
# From the worst to the best, where a version uses these names; other labels come after, the most frequent first.
_ORDER = ("negative", "neutral", "positive")


@dataclass(frozen=True)
class Point:
    """One day. `counts` is empty where there were too few messages or people to show them."""

    day: date
    counts: dict[str, int]

    @property
    def all(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Report:
    """`counts` is all that is shown, by label in the order of `labels`; `hidden` counts days with too few to show."""

    channel: str
    points: tuple[Point, ...]
    labels: tuple[str, ...]
    counts: dict[str, int]
    hidden: int
    changes: dict[str, Comparison]
    strongest: tuple[Strong, ...]

    @property
    def all(self) -> int:
        return sum(self.counts.values())

    @property
    def span(self) -> tuple[date, date]:
        return self.points[0].day, self.points[-1].day


def days_before(span: int) -> int:
    """How many days before the `span` of a report tell what is usual."""
    return max(0, min(max(USUAL_DAYS, USUAL_SPANS * span), KEPT_DAYS - span))


def is_group(messages: int, people: int) -> bool:
    """Whether so many may be counted in public."""
    return messages >= LEAST_MESSAGES and people >= LEAST_PEOPLE


def report_of(
    channel: str, days: Sequence[Day], before: Sequence[Day] = (), strongest: Iterable[Strong] = ()
) -> Report | None:
    """None where there is too little to show. `days` come oldest first; `before` is what is usual."""
    points = tuple(_point(day) for day in days)
    counts = Counter[str]()
    for point in points:
        counts.update(point.counts)
    # A channel of few words: no day can be shown, all of them together can. People of two days may be the same, so
    # only those of one count.
    if not counts and is_group(sum(day.all for day in days), max((day.people for day in days), default=0)):
        for day in days:
            counts.update(day.labels)
    if not counts:
        return None
    labels = ordered(counts)
    hidden = sum(1 for day, point in zip(days, points, strict=True) if day.all and not point.counts)
    changes = _changes(counts, before)
    few = _few_strongest(strongest, labels)
    return Report(channel, points, labels, {label: counts[label] for label in labels}, hidden, changes, few)


def ordered(counts: Counter[str]) -> tuple[str, ...]:
    """Labels as they are shown everywhere: figures, picture and legend agree."""
    known = [label for label in _ORDER if label in counts]
    return (*known, *(label for label, _ in counts.most_common() if label not in _ORDER))


def _point(day: Day) -> Point:
    counts = {label: number for label, number in day.labels.items() if number > 0}
    return Point(day.day, counts if is_group(day.all, day.people) else {})


def _changes(counts: Counter[str], before: Sequence[Day]) -> dict[str, Comparison]:
    """Of each label; empty where it is not known what is usual."""
    usual = [point for point in map(_point, before) if point.counts]
    everything = sum(point.all for point in usual)
    if sum(counts.values()) < LEAST_NOW or everything < LEAST_USUAL or len(usual) < LEAST_USUAL_DAYS:
        return {}
    labels = ordered(counts + Counter(label for point in usual for label in point.counts))
    return {
        label: compare(
            Count(counts[label], sum(counts.values())),
            [Count(point.counts.get(label, 0), point.all) for point in usual],
        )
        for label in labels
    }


def _few_strongest(found: Iterable[Strong], labels: Sequence[str]) -> tuple[Strong, ...]:
    """Neutral says nothing strongly; of the others a few each, the surest first."""
    chosen: list[Strong] = []
    taken = Counter[str]()
    for one in sorted(found, key=lambda one: (-one.confidence, one.ts)):
        if one.label in labels and one.label != "neutral" and taken[one.label] < STRONGEST_OF_LABEL:
            taken[one.label] += 1
            chosen.append(one)
    return tuple(chosen[:STRONGEST])


# In words


def words(report: Report, *, url: str, honesty: str = "") -> str:
    """Slack's mark-up, nothing in it that could ping or quote anybody. `url` is the workspace's address, or ""."""
    lines = [f"*{when(*report.span)} in this channel:* {report.all:,} messages, {shares(report.counts)}."]
    lines.append(change_words(report.changes))
    if report.hidden:
        days = "day" if report.hidden == 1 else "days"
        lines.append(f"{report.hidden} {days} with fewer than five messages or three people left out.")
    if links := [link(one, url) for one in report.strongest if url]:
        lines.append(f"Said most clearly: {', '.join(links)}.")
    return "\n".join(line for line in (*lines, honesty) if line)


def too_few(days: int) -> str:
    """Instead of a report."""
    span = "the last day" if days == 1 else f"the last {days} days"
    return f"In {span} there was too little here to show: figures need five messages by three people."


def shares(counts: dict[str, int]) -> str:
    everything = sum(counts.values())
    return ", ".join(
        f"{escape(label)} {number / everything:.0%}".replace("%", " %") for label, number in counts.items()
    )


def change_words(changes: dict[str, Comparison]) -> str:
    """What is clearly another share than usual; empty where nobody knows what is usual."""
    if not changes:
        return ""
    clear = [(label, one) for label, one in changes.items() if abs(one.z) >= CLEAR_SWINGS]
    clear = [(label, one) for label, one in clear if abs(one.more) >= CLEAR_POINTS]
    if not clear:
        return "About as usual here."
    clear.sort(key=lambda pair: -abs(round(pair[1].more, 6)))
    told = [
        f"{'more' if one.more > 0 else 'less'} {escape(label)} ({_share(one.now)}, usually {_share(one.usual)})"
        for label, one in clear
    ]
    return f"Otherwise than usual here: {', '.join(told)}."


def _share(count: Count) -> str:
    return f"{percent(count.share)} %" if count.some < count.all else "100 %"


def link(one: Strong, url: str) -> str:
    """To the message itself, without a word of it."""
    said = datetime.fromtimestamp(float(one.ts), UTC)
    target = f"{url}archives/{one.channel}/p{one.ts.replace('.', '')}"
    return f"<{target}|{escape(one.label)}, {said.day} {said:%b}>"


def when(first: date, last: date) -> str:
    """23 to 29 November 2026, as short as it can be told."""
    if first == last:
        return f"{last.day} {last:%B %Y}"
    start = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        start += f" {first:%B}" + (f" {first.year}" if first.year != last.year else "")
    return f"{start} to {last.day} {last:%B %Y}"


def alternative(report: Report) -> str:
    """The picture in words, for those who do not see it."""
    text = (
        f"Chart of {when(*report.span)}. Above: the share of each label by day. Below: messages by day. "
        f"Altogether {report.all:,} messages: {_plain(report.counts)}."
    )
    end = " Hatched days: too few to show." if any(not point.counts for point in report.points) else ""
    for point in report.points:
        counts = {label: point.counts[label] for label in report.labels if label in point.counts}
        told = f" {point.day.day} {point.day:%b}: {point.all}, {_plain(counts)}." if counts else ""
        if len(text) + len(told) + len(end) > LONGEST_ALT:
            break
        text += told
    return text + end


def _plain(counts: dict[str, int]) -> str:
    everything = sum(counts.values())
    return ", ".join(f"{label} {round(100 * number / everything)} %" for label, number in counts.items())
