"""A channel that turns clearly more negative than its own usual: when that is said, and in which words. Pure.

Is the share of these labels today, or since yesterday, so high that the channel's own last weeks make it unlikely? That
is asked often, so it must be very unlikely; and it must be large enough to matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

from slack_sdk.models.blocks import ActionsBlock, ButtonElement, ContextBlock, MarkdownTextObject, SectionBlock

from bot.choices import Alerts
from bot.replies import escape
from bot.report import LEAST_PEOPLE, is_group, link
from bot.store import Day, Strong
from bot.usual import Comparison, Count, compare, total

# What is usual: four weeks, as far as there were messages enough on a day to count it.
USUAL_DAYS = 28
LEAST_DAYS, LEAST_USUAL, LEAST_NOW = 7, 100, 30
# Of the messages of the moment so many at least must bear the label: three angry words are no mood.
LEAST_BAD = 10
EVIDENCE = 3
SELDOM_ACTION, OFF_ACTION = "alerts_seldom", "alerts_off"


@dataclass(frozen=True)
class Limits:
    """`swings` of the usual between days, `points` of share; `rest` until the next alert in the same channel."""

    swings: float
    points: float
    rest: timedelta


LIMITS = {
    # Played with channels of 40 messages a day whose days swing as days do, asked six times a day: five false alarms in
    # 1,200 days; of changes from 20 to 50 % and from 10 to 35 % 18 of 20 each were found within two days. SELDOM: none
    # in 2,100 days, and about half of such changes. tests/bot/test_alerts.py plays a part of it again.
    Alerts.USUAL: Limits(swings=3.5, points=0.15, rest=timedelta(days=2)),
    Alerts.SELDOM: Limits(swings=5.5, points=0.25, rest=timedelta(days=7)),
}


@dataclass(frozen=True)
class Alert:
    """`days`: what it is about, one or two days."""

    channel: str
    days: tuple[date, ...]
    labels: tuple[str, ...]
    comparison: Comparison


def alert(days: Sequence[Day], labels: Sequence[str], wanted: Alerts) -> Alert | None:
    """Whether to say something. `days` come oldest first and end with today, which is not over yet."""
    limits = LIMITS.get(wanted)
    if not limits or not days:
        return None
    for recent in (1, 2):
        window, before = days[-recent:], days[-recent - USUAL_DAYS : -recent]
        now = total([_count(day, labels) for day in window])
        usual = [_count(day, labels) for day in before if is_group(day.all, day.people)]
        if not _is_enough(now, window, usual):
            continue
        found = compare(now, usual)
        if found.z >= limits.swings and found.more >= limits.points and now.some >= LEAST_BAD:
            return Alert(window[-1].channel, tuple(day.day for day in window), tuple(labels), found)
    return None


def _is_enough(now: Count, window: Sequence[Day], usual: Sequence[Count]) -> bool:
    """Whether there are messages, days and people enough to tell."""
    people = max(day.people for day in window)
    known = len(usual) >= LEAST_DAYS and sum(one.all for one in usual) >= LEAST_USUAL
    return known and now.all >= LEAST_NOW and people >= LEAST_PEOPLE


def is_resting(last: date | None, today: date, wanted: Alerts) -> bool:
    """Whether it is too soon after the last one."""
    return last is not None and today - last < LIMITS[wanted].rest


def _count(day: Day, labels: Sequence[str]) -> Count:
    return Count(sum(day.labels.get(label, 0) for label in labels), sum(day.labels.values()))


# In words


def text(found: Alert) -> str:
    now, usual = found.comparison.now, found.comparison.usual
    since = "today" if len(found.days) == 1 else "since yesterday"
    names = " or ".join(escape(label) for label in found.labels)
    return (
        f"*More {names} than usual here {since}:* {now.some} of {now.all} messages ({100 * now.share:.0f} %); "
        f"usually {100 * usual.share:.0f} %, by {usual.all:,} messages of the last four weeks."
    )


def blocks(found: Alert, strongest: Sequence[Strong], *, url: str, wanted: Alerts) -> list[dict[str, Any]]:
    """The words, the messages that show it, and two buttons to hear less of it."""
    made: list[Any] = [SectionBlock(text=_mrkdwn(text(found)))]
    evidence = [one for one in strongest if one.label in found.labels][:EVIDENCE]
    if evidence and url:
        made.append(SectionBlock(text=_mrkdwn(f"Said most clearly: {', '.join(link(one, url) for one in evidence)}.")))
    less = [ButtonElement(text="Less often", action_id=SELDOM_ACTION, value=found.channel)]
    if wanted is Alerts.SELDOM:
        less = []
    off = ButtonElement(text="No more of these", action_id=OFF_ACTION, value=found.channel)
    made.append(ActionsBlock(elements=[*less, off]))
    rest = LIMITS[wanted].rest.days
    made.append(
        ContextBlock(
            elements=[_mrkdwn(f"Labels can be wrong, and nobody is counted by name. Not again within {rest} days.")]
        )
    )
    return [cast("dict[str, Any]", block.to_dict()) for block in made]


def _mrkdwn(words: str) -> MarkdownTextObject:
    return MarkdownTextObject(text=words, verbatim=True)
