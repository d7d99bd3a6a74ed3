"""Which texts are predicted together, how many are taken at once, and how one bad text fails alone. No Redis here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# How long a batch may keep those who come next waiting. Larger ones gain no speed on a CPU, they only pad more.
TARGET_SECONDS = 0.1
# Batches' worth of jobs read at once, so that texts of like length can go together and little is padding.
SORTED_TOGETHER = 4
FIRST_BUDGET = 512
# Room for one text of 256 tokens up to 64 chat messages of 64: beyond that a CPU does not get faster.
SMALLEST_BUDGET, LARGEST_BUDGET = 256, 4096
MOST_SLOTS = 128
# A chat message has about this many tokens; what is measured replaces it within a few batches.
USUAL_TOKENS = 32.0
STEP = 1.25


@dataclass(frozen=True)
class Failed:
    """A text that could not be predicted. `error` is the exception's class alone: its words might quote the text."""

    error: str


class Pace:
    """How many padded tokens make a batch, adjusted so that a full one takes about a tenth of a second.

    `fixed` (CLF_TOKEN_BUDGET) switches that off.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self._fixed = fixed is not None
        self.budget = fixed or FIRST_BUDGET
        self._tokens_a_text = USUAL_TOKENS

    def slots(self) -> int:
        """How many jobs to hold at once: a few batches of texts as they have been lately."""
        return max(1, min(MOST_SLOTS, int(SORTED_TOGETHER * self.budget / self._tokens_a_text)))

    def batch_done(self, *, texts: int, tokens: int, seconds: float, most: int = LARGEST_BUDGET) -> None:
        """Learn from a batch of `tokens`, padding included; beyond `most` the runtime that serves gets slower."""
        self._tokens_a_text += 0.2 * (tokens / texts - self._tokens_a_text)
        # A small batch says nothing about the speed of a full one: most of its time is overhead.
        if self._fixed or tokens < self.budget / 2:
            return
        largest = min(LARGEST_BUDGET, most)
        if seconds * STEP < TARGET_SECONDS:
            self.budget = min(largest, int(self.budget * STEP))
        elif seconds > TARGET_SECONDS * STEP:
            self.budget = max(SMALLEST_BUDGET, int(self.budget / STEP))
        self.budget = min(largest, self.budget)


def each(function: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T]) -> list[R | Failed]:
    """`function` of all items at once; where that fails, of halves, until what makes it fail stands alone."""
    try:
        answers = list(function(items))
    # Whatever a model or tokenizer raises on one text must not cost the others their answer.
    except Exception as error:
        if len(items) == 1:
            return [Failed(type(error).__name__)]
        half = len(items) // 2
        return [*each(function, items[:half]), *each(function, items[half:])]
    if len(answers) != len(items):
        raise AssertionError(f"{len(items)} texts, {len(answers)} answers: nobody knows which is whose")
    return list[R | Failed](answers)
