"""Watches a version on live traffic after a swap, and says when the one before should serve again.

Checks before a commit cannot see everything: a version may fail on texts of this workspace, or be slow on this machine
under load. Until it has proven itself its failures are also answered by the version before.
"""

import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import timedelta

WATCHED_FOR = timedelta(minutes=5)
LEAST_TEXTS = 20
MOST_FAILED = 0.2
SLOWER = 5.0
LEAST_BATCHES = 20
# Batches of the version before that are remembered, for each size.
REMEMBERED = 50


class Guard:
    """Fed by the loop's thread, asked by the heart's. Times are monotonic seconds."""

    def __init__(
        self, *, on_verdict: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_verdict, self._clock = on_verdict, clock
        self._gen = 0
        self._until = 0.0
        self._exempt = 0
        self._texts = self._failed = 0
        self._usual: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._seconds: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._slowness: deque[float] = deque(maxlen=LEAST_BATCHES)
        self._verdict = ""

    def exempt(self, gen: int) -> None:
        """A commit that is a rollback is not watched: there is nothing better to go back to."""
        self._exempt = gen

    def watches(self, gen: int) -> bool:
        """Whether this commit still has to prove itself: for five minutes and until twenty texts were answered."""
        return gen == self._gen and bool(self._until) and not self._verdict and not self._is_over()

    def verdict(self, gen: int) -> str:
        """Why this commit should be rolled back, in a few words; empty while all is well."""
        return self._verdict if gen == self._gen else ""

    def saw(self, gen: int, *, texts: int, failed: int, non_finite: bool, tokens: int, seconds: float) -> None:
        """One batch: of its texts `failed` could not be predicted; `tokens` with padding."""
        if gen != self._gen:
            self._switch(gen)
        watched, size = self.watches(gen), tokens.bit_length()
        self._seconds[size].append(seconds)
        if not watched:
            return
        self._texts += texts
        self._failed += failed
        if self._usual:
            self._slowness.append(seconds / self._usual_seconds(size))
        self._verdict = self._judge(non_finite=non_finite)
        if self._verdict:
            self._on_verdict()

    def _switch(self, gen: int) -> None:
        # What this process served first is not watched: it may have been serving elsewhere for long.
        first = not self._gen
        self._gen, self._verdict = gen, ""
        self._until = 0.0 if first or gen == self._exempt else self._clock() + WATCHED_FOR.total_seconds()
        self._texts = self._failed = 0
        self._usual, self._seconds = self._seconds, defaultdict(lambda: deque(maxlen=REMEMBERED))
        self._slowness.clear()

    def _usual_seconds(self, size: int) -> float:
        """What the version before took for a batch of like size, at the most.

        A slow version gets larger batches, for more is waiting: they may take longer in proportion, and never less.
        """
        nearest = min(self._usual, key=lambda known: abs(known - size))
        return max(statistics.median(self._usual[nearest]) * 2.0 ** max(size - nearest, 0), 1e-6)

    def _is_over(self) -> bool:
        return self._clock() > self._until and self._texts >= LEAST_TEXTS

    def _judge(self, *, non_finite: bool) -> str:
        if non_finite:
            return "a score was not finite"
        # Counted as if the first twenty were over: the fifth failure decides, whatever the rest would have been.
        if self._failed > MOST_FAILED * max(self._texts, LEAST_TEXTS):
            return f"{self._failed} of {self._texts} texts failed"
        if len(self._slowness) == LEAST_BATCHES and (times := statistics.median(self._slowness)) > SLOWER:
            return f"batches take {times:.0f} times as long as before"
        return ""
