"""A channel's choice and its figures in words, for windows, App Home and answers: pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.choices import Alerts, Choice, Correct, Digest, Foreign, Listen, ReplyMode, Unsure
from bot.replies import escape, percent
from bot.store import Day

# Below this a count would say something about single people.
LEAST_MESSAGES, LEAST_PEOPLE = 5, 3

LISTEN = {
    Listen.ON: "Every message",
    Listen.MENTIONS: "Only messages that name me",
    Listen.OFF: "None: I am off here",
}
REPLY = {
    ReplyMode.THREAD: "In the message's thread",
    ReplyMode.REACTION: "By a reaction",
    ReplyMode.EPHEMERAL: "To its author alone",
    ReplyMode.NONE: "Not at all: I only count",
}
UNSURE = {Unsure.SAY: "Say that I am unsure", Unsure.SILENT: "Keep quiet"}
FOREIGN = {Foreign.UNSURE: "Say that I am unsure", Foreign.SILENT: "Keep quiet"}
CORRECT = {
    Correct.EVERYONE: "Everyone here",
    Correct.AUTHOR: "Only who wrote the message",
    Correct.MANAGERS: "Only those who may change this window",
}
DIGEST = {Digest.OFF: "None", Digest.DAILY: "Every day", Digest.WEEKLY: "Every week"}
ALERTS = {
    Alerts.OFF: "None",
    Alerts.USUAL: "When this channel turns clearly more negative than usual",
    Alerts.SELDOM: "The same, only when it is very clear",
}


@dataclass(frozen=True)
class Lately:
    """Some days of a channel together. `people` is the most of one day: who they are, and so how many, nobody knows."""

    labels: dict[str, int]
    messages: int
    people: int

    @property
    def may_be_shown(self) -> bool:
        return self.messages >= LEAST_MESSAGES and self.people >= LEAST_PEOPLE


def lately(days: Sequence[Day]) -> Lately:
    labels: dict[str, int] = {}
    for day in days:
        for label, count in day.labels.items():
            labels[label] = labels.get(label, 0) + count
    return Lately(labels, sum(day.all for day in days), max((day.people for day in days), default=0))


def figures(found: Lately) -> str:
    """On one line. Counts stay unsaid for a group so small that they would be about somebody."""
    if not found.may_be_shown:
        return f"too few messages to show (at least {LEAST_MESSAGES} by {LEAST_PEOPLE} people on a day)"
    ranked = sorted(found.labels.items(), key=lambda one: (-one[1], one[0]))
    total = sum(found.labels.values()) or 1
    shares = [f"{escape(label)} {percent(count / total)} %" for label, count in ranked[:5]]
    more = [f"{len(ranked) - 5} more"] if len(ranked) > 5 else []
    return f"{found.messages} messages · " + " · ".join(shares + more)


def summary(choice: Choice) -> str:
    """What a channel chose, on one line; what is as usual is left out."""
    if choice.listen is Listen.OFF:
        return "off"
    shown = {
        ReplyMode.THREAD: "reply in the thread",
        ReplyMode.REACTION: "reactions only",
        ReplyMode.EPHEMERAL: "shown to the author alone",
        ReplyMode.NONE: "nothing shown",
    }
    labels = ", ".join(escape(label) for label in choice.labels[:5]) + (" and more" if len(choice.labels) > 5 else "")
    said = {
        "every message": choice.listen is Listen.ON,
        "only messages that name me": choice.listen is Listen.MENTIONS,
        shown[choice.reply]: True,
        "posts inside threads too": choice.threads,
        f"only {labels}": bool(choice.labels),
        f"from {choice.confidence} %": choice.confidence > 0,
        "quiet when unsure": choice.unsure is Unsure.SILENT,
        f"quiet {choice.quiet_from} to {choice.quiet_to} ({escape(choice.zone)})": bool(choice.quiet_from),
        f"learns from corrections, keeps them {choice.keep_days} days": choice.learn,
        f"{choice.digest.value} digest": choice.digest is not Digest.OFF,
        "alerts": choice.alerts is Alerts.USUAL,
        "few alerts": choice.alerts is Alerts.SELDOM,
    }
    return ", ".join(words for words, holds in said.items() if holds)
