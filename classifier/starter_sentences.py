"""Work-chat sentences of our own making, for what the public sources hardly show: the starter learns from them too.

A grammar of phrases written for it (starter/sentences.txt). Each kind of sentence comes with all three
labels in about the same words, so that no word alone gives the label away: "not slow" beside "not helpful" beside "not
in this repo", "oh great, it works" beside "oh great, it crashed". It was not made from the behavioural cases, and the
few they have by chance, such as one emoji alone, are left out.
"""

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from emoji import emojize

from classifier.behaviour import load_cases
from classifier.text import normalise

GRAMMAR = "starter/sentences.txt"
PART = re.compile(r"\[(.+)\]")
SLOT = re.compile(r"\{([a-z ]+[+!0-]?)\}")
ARTICLE = re.compile(r"\ba(?= (?:[aeio]|hour|un))")
WORD = re.compile(r"\w+")
NEGATIVE, NEUTRAL, POSITIVE = LABELS = ("negative", "neutral", "positive")
# What may stand around any sentence without changing what it says.
BEFORE = ("hey, ", "ok so ", "fyi: ", "update: ", "hm, ", "so, ", "well, ", "<@U02ABCDEF> ", "ok, ", "right, ", "yes, ")
BEHIND = (" btw", " for the record", " as of now", " over here", " tbh", " fwiw", ", just saying", " <!here>")
# How often something stands before, behind, an emoji behind, as a picture, a capital in front, a mark at the end.
CHANCE_BEFORE, CHANCE_BEHIND, CHANCE_EMOJI, CHANCE_PICTURE, CHANCE_CAPITAL, CHANCE_MARK = 0.1, 0.05, 0.08, 0.5, 0.5, 0.4
MARKS = {NEGATIVE: (".", ".", "!", "..."), NEUTRAL: (".",), POSITIVE: (".", "!", "!", "!!")}
# Emoji alone: one to three of a feeling, sometimes beside things that say nothing.
MOST_EMOJI = 3


@dataclass(frozen=True)
class Sentence:
    """A message, its label, and the kind of sentence it is an example of."""

    text: str
    label: str
    kind: str


# Kinds of which the negative ones say praise.
IRONIC = ("irony", "ironic frames", "marks", "twists")
# How often each kind is drawn. What the sources show least is drawn most.
SHARES = {
    "plain": 0.03,
    "turn": 0.02,
    "frames": 0.04,
    "negation": 0.12,
    "irony": 0.11,
    "ironic frames": 0.11,
    "marks": 0.115,
    "twists": 0.095,
    "manners": 0.095,
    "courtesy": 0.11,
    "technical": 0.085,
    "figures": 0.04,
    "emoji": 0.03,
}


def sentences(count: int, seed: int) -> list[Sentence]:
    """`count` different sentences, the same for the same seed, the labels equally often, the kinds as SHARES says."""
    random_ = random.Random(f"sentences {seed}")  # noqa: S311 - not a secret
    kinds, weights = list(SHARES), list(SHARES.values())
    cases = {bare(case.text) for case in load_cases()}
    made: dict[str, Sentence] = {}
    while len(made) < count:
        kind = random_.choices(kinds, weights)[0]
        label = LABELS[len(made) % len(LABELS)]
        sentence = Sentence(_text(kind, label, random_), label, kind)
        if bare(sentence.text) not in cases:
            made.setdefault(sentence.text, sentence)
    return list(made.values())


def bare(text: str) -> str:
    """The words of a text as the model reads them, without what stands between them."""
    return " ".join(WORD.findall(normalise(text).casefold()))


@cache
def grammar() -> Mapping[str, Sequence[str]]:
    """The parts of the grammar by name: what fills a slot, and under "kind label" the patterns of a kind."""
    parts: dict[str, list[str]] = {}
    name = ""
    for line in (files("classifier") / GRAMMAR).read_text("utf-8").splitlines():
        if match := PART.fullmatch(line):
            name = match[1]
        elif line and not line.startswith("# "):
            parts.setdefault(name, []).append(line)
    return parts


def _text(kind: str, label: str, random_: random.Random) -> str:
    if kind == "emoji":
        return _emoji_alone(label, random_)
    patterns = grammar()[f"{kind} {label}"]
    text = _filled(random_.choices(patterns, [_weight(pattern) for pattern in patterns])[0], random_)
    return _decorated(text, kind, label, random_)


@cache
def _weight(pattern: str) -> float:
    """How often a pattern is drawn beside others: the more it can say the more often, but not in proportion."""
    return 3 + math.log(_sayings(pattern))


@cache
def _sayings(pattern: str) -> int:
    """How many texts a pattern stands for."""
    return math.prod(sum(map(_sayings, grammar()[slot])) for slot in SLOT.findall(pattern))


def _filled(pattern: str, random_: random.Random) -> str:
    """The pattern with every slot filled; what fills it may have slots of its own."""
    while SLOT.search(pattern):
        pattern = SLOT.sub(lambda match: random_.choice(grammar()[match[1]]), pattern)
    return ARTICLE.sub("an", pattern)


def _decorated(text: str, kind: str, label: str, random_: random.Random) -> str:
    """With what people put around a sentence; an ironic one keeps its own marks alone."""
    chance: Callable[[float], bool] = lambda share: random_.random() < share  # noqa: E731
    if chance(CHANCE_BEFORE):
        text = random_.choice(BEFORE) + text
    if chance(CHANCE_BEHIND) and text[-1].isalnum():
        text += random_.choice(BEHIND)
    if chance(CHANCE_CAPITAL):
        text = text[0].upper() + text[1:]
    if chance(CHANCE_MARK) and text[-1].isalnum():
        text += random_.choice(MARKS[label])
    ironic = kind in IRONIC and label == NEGATIVE
    if chance(CHANCE_EMOJI) and not ironic:
        text += " " + _spelt(random_.choice(_emoji(label)), random_)
    return text


def _emoji_alone(label: str, random_: random.Random) -> str:
    feeling = random_.sample(_emoji(label), random_.randint(1, MOST_EMOJI))
    beside = random_.sample(_emoji(NEUTRAL), 1) if label != NEUTRAL and random_.random() < 0.25 else []
    shown = [_spelt(name, random_) for name in random_.sample(feeling + beside, len(feeling + beside))]
    return random_.choice((" ", "")).join(shown)


def _emoji(label: str) -> list[str]:
    """Names of those that say a label by themselves: where people set them they agree, except in irony."""
    return " ".join(grammar()[f"emoji {label}"]).split()


def _spelt(name: str, random_: random.Random) -> str:
    """A shortcode, or the picture it stands for."""
    code = f":{name}:"
    return emojize(code, language="alias") if random_.random() < CHANCE_PICTURE else code
