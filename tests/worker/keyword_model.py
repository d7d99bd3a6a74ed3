"""A model that knows a dozen words: real predictions, no TensorFlow, and words that make it fail as models fail."""

import os
import signal
import time
from collections.abc import Callable, Sequence

from classifier.canary import Canary
from classifier.encoding import Encoded
from classifier.predictor import Prediction
from worker.loading import Loaded, LoadFailed

GOOD = ("good", "great", "love", "thanks", "happy")
BAD = ("bad", "awful", "hate", "broken", "sad")
RAISES, KILLS, NOT_A_NUMBER, SLOW = "raises", "kills", "nan", "slow"
VOCABULARY = ("[UNK]", "[CLS]", "[SEP]", *GOOD, *BAD, RAISES, KILLS, NOT_A_NUMBER, SLOW)
IDS = {word: number for number, word in enumerate(VOCABULARY)}
LABELS = ("negative", "neutral", "positive")
EMOJI = dict(zip(LABELS, (":disappointed:", ":neutral_face:", ":slightly_smiling_face:"), strict=True))
SHA = "0" * 64
SLOW_SECONDS = 0.3


class KeywordPredictor:
    """Scores by counting words. `sharp` versions are surer, so that two versions differ in every score."""

    runtime = "keywords"
    token_budget = 4096
    languages: tuple[str, ...] = ()

    def __init__(self, *, sharp: bool = False, slow_seconds: float = SLOW_SECONDS) -> None:
        self._weight = 4.0 if sharp else 2.0
        self._slow_seconds = slow_seconds
        self.batches: list[int] = []
        self.encodings = 0
        self.canaries = tuple(
            Canary(text, self.predict(self.encode([text]))[0].scores) for text in ("good", "bad build", "today")
        )

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        self.encodings = getattr(self, "encodings", 0) + len(texts)
        return [
            Encoded([IDS["[CLS]"], *(IDS.get(word, 0) for word in text.lower().split()), IDS["[SEP]"]], truncated=False)
            for text in texts
        ]

    def predict(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        self.batches.append(len(encoded))
        words = [[VOCABULARY[number] for number in one.ids] for one in encoded]
        if any(KILLS in row for row in words):
            os.kill(os.getpid(), signal.SIGKILL)
        if any(RAISES in row for row in words):
            raise ValueError("a model that can't read one text fails for the whole batch")
        if any(SLOW in row for row in words):
            time.sleep(self._slow_seconds)
        return [self._prediction(row) for row in words]

    def _prediction(self, words: Sequence[str]) -> Prediction:
        good, bad = (sum(word in known for word in words) * self._weight for known in (GOOD, BAD))
        powers = [1.0 + bad, 1.5, 1.0 + good]
        scores = {label: power / sum(powers) for label, power in zip(LABELS, powers, strict=True)}
        if NOT_A_NUMBER in words:
            scores["neutral"] = float("nan")
        label = max(LABELS, key=lambda name: scores[name])
        return Prediction(label, scores[label], scores, scores[label] >= 0.5, truncated=False, emoji=EMOJI[label])


def load_words(**predictors: Callable[[], KeywordPredictor]) -> Callable[[str, str], Loaded]:
    """A loader of these versions; any other is missing. Names are given with _ for -."""
    known = {name.replace("_", "-"): make for name, make in predictors.items()}

    def load(name: str, sha256: str) -> Loaded:
        if name not in known:
            raise LoadFailed("missing", f"No model version {name!r} here.")
        return Loaded(name, sha256, known[name]())

    return load


def words(slow_seconds: float = SLOW_SECONDS) -> Callable[[str, str], Loaded]:
    """Versions "words" and "words-b", which is surer; what starts with "broken" is refused."""
    known = load_words(
        words=lambda: KeywordPredictor(slow_seconds=slow_seconds),
        words_b=lambda: KeywordPredictor(sharp=True, slow_seconds=slow_seconds),
    )

    def load(name: str, sha256: str) -> Loaded:
        if name.startswith("broken"):
            raise LoadFailed("sha256", f"{name!r} was changed.")
        return known(name, sha256)

    return load
