"""What people type after /sentiment, understood: pure, from a text to what they want."""

import re
from dataclasses import dataclass

MOST_DAYS = 90
USUAL_DAYS = 7

_QUOTED = re.compile(r'["“”„«](?P<text>.*)["“”»]', re.DOTALL)
_REPORT = re.compile(r"report(?:\s+(?P<count>\d{1,6})\s*(?P<unit>d|days?|w|weeks?)?)?")


@dataclass(frozen=True)
class Help:
    """What can be typed here."""


@dataclass(frozen=True)
class OpenSettings:
    pass


@dataclass(frozen=True)
class Change:
    """One field of the channel's choice."""

    field: str
    value: str


@dataclass(frozen=True)
class Opt:
    """Out: leave my messages alone, everywhere."""

    out: bool


@dataclass(frozen=True)
class Report:
    days: int


@dataclass(frozen=True)
class Status:
    pass


@dataclass(frozen=True)
class Read:
    """Label this text, for the asker alone."""

    text: str


@dataclass(frozen=True)
class Wrong:
    """Nearly understood. One line for whoever typed it."""

    why: str


Wish = Help | OpenSettings | Change | Opt | Report | Status | Read | Wrong

_FIXED: dict[str, Wish] = {
    "": Help(),
    "help": Help(),
    "settings": OpenSettings(),
    "on": Change("listen", "on"),
    "off": Change("listen", "off"),
    "mentions": Change("listen", "mentions"),
    "thread": Change("reply", "thread"),
    "reactions": Change("reply", "reaction"),
    "ephemeral": Change("reply", "ephemeral"),
    "silent": Change("reply", "none"),
    "opt out": Opt(out=True),
    "opt in": Opt(out=False),
    "status": Status(),
}
_SAME = {"reaction": "reactions", "mention": "mentions", "opt-out": "opt out", "opt-in": "opt in", "threads": "thread"}


def understood(text: str) -> Wish:
    """A text between quotation marks is always a text, so that "on" can be asked about too."""
    said = text.strip()
    quoted = _QUOTED.fullmatch(said)
    if quoted:
        return Read(quoted["text"].strip()) if quoted["text"].strip() else Help()
    word = " ".join(said.casefold().split())
    fixed = _FIXED.get(_SAME.get(word, word))
    if fixed is not None:
        return fixed
    report = _REPORT.fullmatch(word)
    return _report(report["count"], report["unit"] or "d") if report else Read(said)


def _report(count: str | None, unit: str) -> Wish:
    days = USUAL_DAYS if count is None else int(count) * (7 if unit.startswith("w") else 1)
    if not 1 <= days <= MOST_DAYS:
        return Wrong(f"A report covers 1 to {MOST_DAYS} days, such as `/sentiment report 7d`.")
    return Report(days)


def help_text(name: str) -> str:
    """`name` is the bot's, escaped."""
    return "\n".join(
        [
            "*What I understand*",
            "`/sentiment some text` labels it, and only you see the answer. In quotation marks anything is a text.",
            "`/sentiment settings` all that this channel can choose, in one window",
            "`/sentiment on`, `off`, `mentions` which messages of this channel I answer",
            "`/sentiment thread`, `reactions`, `ephemeral`, `silent` how I answer: below the message, by a reaction, "
            "to its author alone, or not at all",
            "`/sentiment opt out`, `opt in` whether I read your messages, in all channels",
            "`/sentiment report 7d` how this channel sounded lately",
            "`/sentiment status` what is set here, and which model answers",
            "On any message, _More actions_ › _Sentiment of a message_ shows all scores, the words that weighed "
            "most, and a menu to set the right label.",
            f"Invite me with `/invite @{name}`.",
        ]
    )
