"""The texts in parts: by file, length, emoji and negation, so that a weakness hidden in the mean is seen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from classifier.emoji_words import spell_emoji
from classifier.evaluation import confusion, macro_f1
from classifier.intervals import wilson

# Words as people count them, between blanks. About a third of chat messages each.
SHORT_WORDS, MIDDLE_WORDS = 10, 20
# Under this a slice's figures say little: the interval of its accuracy is wider than 30 points.
SMALL = 30

# English. What turns a statement around, and what does so nearly ("hardly", "lack").
NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|nowhere|nope|cannot|without|hardly|barely|scarcely|rarely|seldom|"
    r"lack|lacks|lacking|aint|arent|cant|couldnt|didnt|doesnt|dont|hadnt|hasnt|havent|isnt|mustnt|shouldnt|wasnt|werent|"
    r"wont|wouldnt)\b|n['’]t\b",
    re.IGNORECASE,
)


class Traits(NamedTuple):
    """What a text is sliced by."""

    words: int
    emoji: bool
    negation: bool


@dataclass(frozen=True)
class TraitColumns:
    """The traits of many texts, each an array [texts]; `source` is the number of each text's file."""

    source: np.ndarray
    words: np.ndarray
    emoji: np.ndarray
    negation: np.ndarray

    @classmethod
    def of(cls, traits: Sequence[Traits], source: Sequence[int]) -> "TraitColumns":
        words, emoji, negation = zip(*traits, strict=True) if traits else ((), (), ())
        return cls(np.array(source, int), np.array(words, int), np.array(emoji, bool), np.array(negation, bool))

    @classmethod
    def joined(cls, parts: Sequence["TraitColumns"]) -> "TraitColumns":
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))


def traits_of(text: str) -> Traits:
    """A text's length in words, and whether it has an emoji (:shortcodes: and emoticons count) or a negating word."""
    return Traits(len(text.split()), spell_emoji(text) != text, NEGATION.search(text) is not None)


def scores_by_slice(
    expected: np.ndarray, predicted: np.ndarray, labels: int, traits: TraitColumns, sources: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """What is sliced by -> slice -> n, accuracy with its 95 % interval, macro_f1, and whether it is small (n < 30).

    `expected` and `predicted` int [texts]. By source only where there are several; slices without texts are left out.
    """
    return {
        by: {name: _scores(expected[mask], predicted[mask], labels) for name, mask in parts.items() if mask.any()}
        for by, parts in _masks(traits, sources).items()
    }


def _masks(traits: TraitColumns, sources: Sequence[str]) -> dict[str, dict[str, np.ndarray]]:
    words = traits.words
    masks = {
        "length": {
            "short": words <= SHORT_WORDS,
            "middle": (words > SHORT_WORDS) & (words <= MIDDLE_WORDS),
            "long": words > MIDDLE_WORDS,
        },
        "emoji": {"with": traits.emoji, "without": ~traits.emoji},
        "negation": {"with": traits.negation, "without": ~traits.negation},
    }
    if len(sources) > 1:
        return {"source": {name: traits.source == number for number, name in enumerate(sources)}, **masks}
    return masks


def _scores(expected: np.ndarray, predicted: np.ndarray, labels: int) -> dict[str, Any]:
    right = int((expected == predicted).sum())
    return {
        "n": len(expected),
        "accuracy": right / len(expected),
        "accuracy_interval": list(wilson(right, len(expected))),
        "macro_f1": macro_f1(confusion(expected, predicted, labels)),
        "small": len(expected) < SMALL,
    }
