"""Which words a label hangs on, by occlusion (Zeiler and Fergus 2014): what its probability loses without them.

An answer about the model and not about the language: of two words that say the same, neither is missed while the other
is there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from classifier.encoding import Encoded, batches_by_length
from classifier.pastes import LEVEL_LINE, LOG_LINE
from classifier.predictor import Prediction

# The text is read again once for each part left out: these many parts at first, and as many single words of those parts
# that weigh most. A tenth of a second for a long message on two cores, whatever its length.
PARTS = 32
WORDS = 24
# Less is within what a synonym would do, and a list of everything explains nothing.
LEAST = 0.02
SHOWN = 5
# A part is shown word by word when one of its words does this share of what the whole part does.
CARRIES = 0.5

# What must not be taken apart, or what is left would be read as something else: code, quoted lines, Slack's <...> and
# :emoji:. Then single characters of scripts without spaces, then words with what clings to them.
PIECE = re.compile(
    r"```.*?(?:```|\Z)"
    r"|^[ \t]*(?:&gt;&gt;&gt;|>>>).*\Z"
    r"|^[ \t]*(?:&gt;|>)[^\n]*"
    r"|`[^`\n]+`"
    r"|<[^<>\n]*>"
    r"|:[\w+'-]{1,100}:(?::skin-tone-[2-6]:)?"
    r"|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
    r"|(?:(?!<[^<>\n]*>|:[\w+'-]{1,100}:|[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|`)\S)+"
    r"|`+",
    re.DOTALL | re.MULTILINE,
)
LINE = re.compile(r"[^\n]+")


@dataclass(frozen=True)
class Weight:
    """`text[start:end]` of the original text; without it the label's probability is lower by `weight`.

    Below zero: it is higher, the words speak against the label.
    """

    start: int
    end: int
    weight: float


Span = tuple[int, int]


class Model(Protocol):
    """What is needed of a predictor."""

    @property
    def token_budget(self) -> int: ...
    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]: ...
    def predict(self, encoded: Sequence[Encoded]) -> Sequence[Prediction]: ...


def explain(model: Model, text: str, label: str) -> list[Weight]:
    """The words of a Slack message that weigh most for `label`, heaviest first; none where no word stands out.

    Raises what the model raises.
    """
    spans = _read_part(model, text, spans_of(text))
    if not spans:
        return []
    text = text[: spans[-1][1]]
    parts = _together(spans, -(-len(spans) // PARTS))
    without = [_without(text, part[0][0], part[-1][1]) for part in parts]
    base, *left = _probabilities(model, [text, *without], label)
    weights = [Weight(part[0][0], part[-1][1], base - chance) for part, chance in zip(parts, left, strict=True)]
    finer = _finer(model, text, label, parts, weights, base)
    ranked = sorted(finer, key=lambda one: -abs(one.weight))
    return [one for one in ranked if abs(one.weight) >= LEAST][:SHOWN]


def spans_of(text: str) -> list[Span]:
    """Where the words of a Slack message stand, in order. A line that is part of a log counts as one word."""
    found: list[Span] = []
    for piece in PIECE.finditer(text):
        if found and piece.start() < found[-1][1]:
            continue  # inside a log line
        line = LINE.match(text, text.rfind("\n", 0, piece.start()) + 1)
        if line and (LOG_LINE.match(line[0]) or LEVEL_LINE.match(line[0])):
            found.append((line.start(), max(line.end(), piece.end())))
        else:
            found.append(piece.span())
    return found


def _read_part(model: Model, text: str, spans: list[Span]) -> list[Span]:
    """Without the words beyond what the model reads: leaving one out would let others move up."""
    if not spans or not model.encode([text])[0].truncated:
        return spans
    fits, too_many = 0, len(spans)
    while fits + 1 < too_many:
        middle = (fits + too_many) // 2
        if model.encode([text[: spans[middle - 1][1]]])[0].truncated:
            too_many = middle
        else:
            fits = middle
    return spans[:fits]


def _together(spans: list[Span], size: int) -> list[list[Span]]:
    return [spans[first : first + size] for first in range(0, len(spans), size)]


def _without(text: str, start: int, end: int) -> str:
    return f"{text[:start]} {text[end:]}"


def _probabilities(model: Model, texts: Sequence[str], label: str) -> list[float]:
    """The label's probability for each text, computed in batches of similar length."""
    encoded = model.encode(texts)
    chances: dict[int, float] = {}
    for rows in batches_by_length([len(one.ids) for one in encoded], model.token_budget):
        predictions = model.predict([encoded[row] for row in rows])
        chances.update((row, one.scores[label]) for row, one in zip(rows, predictions, strict=True))
    return [chances[row] for row in range(len(texts))]


def _finer(
    model: Model, text: str, label: str, parts: list[list[Span]], weights: list[Weight], base: float
) -> list[Weight]:
    """The heaviest parts word by word, where single words carry them."""
    if len(parts[0]) == 1:
        return weights
    order = sorted(range(len(parts)), key=lambda number: -abs(weights[number].weight))
    chosen = order[: max(1, WORDS // len(parts[0]))]
    words = [(number, *span) for number in chosen for span in parts[number]]
    chances = _probabilities(model, [_without(text, start, end) for _, start, end in words], label)
    finer = [weights[number] for number in order if number not in chosen]
    for number in chosen:
        of_part = zip(words, chances, strict=True)
        single = [Weight(start, end, base - chance) for (part, start, end), chance in of_part if part == number]
        heaviest = max(abs(one.weight) for one in single)
        finer += single if heaviest >= CARRIES * abs(weights[number].weight) else [weights[number]]
    return finer
