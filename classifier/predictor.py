"""A version ready to serve: texts in, predictions out. Loads TensorFlow only when a Keras version is loaded."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from classifier.calibration import softmax
from classifier.config import ModelConfig
from classifier.encoding import Encoded, batches_by_length, encode, load_tokenizer, pad
from classifier.errors import VersionRefused
from classifier.version import Version
from classifier.weights import read_tensors, version_shapes

# Room for 64 chat messages of 64 tokens; more than this a batch does not get faster on a CPU.
TOKEN_BUDGET = 4096
# How far a score may lie from the one stored at training: other CPUs round differently, other weights
# differ by far more.
CANARY_TOLERANCE = 1e-3
# How close to the threshold an unreadable text may come.
DOUBT = 0.95

Forward = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Prediction:
    """What the model says about one text. `label` is always the likeliest; `sure` is confidence >= the threshold.

    `scores` holds the calibrated probability of every label, in the version's order; `confidence` is the label's.
    """

    label: str
    confidence: float
    scores: dict[str, float]
    sure: bool
    truncated: bool
    emoji: str


@dataclass(frozen=True)
class Canary:
    """A text and the scores the version gave it when it was made."""

    text: str
    scores: dict[str, float]


class Predictor:
    """Owns one loaded network. Safe to call from several threads."""

    def __init__(
        self,
        version: str,
        config: ModelConfig,
        tokenizer: Tokenizer,
        forward: Forward,
        *,
        runtime: str,
        canaries: Sequence[Canary] = (),
    ) -> None:
        self.version = version
        self.config = config
        self.labels = config.labels
        self.runtime = runtime
        self.canaries = tuple(canaries)
        self.tokenizer = tokenizer
        self.forward = forward

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Texts as this version's token ids, in order."""
        return encode(self.tokenizer, texts)

    def logits(self, encoded: Sequence[Encoded], *, tokens: int = 0) -> np.ndarray:
        """Raw outputs, float32 [texts, labels], of one batch padded to its longest text (or to `tokens`)."""
        return self.forward(*pad(encoded, tokens=tokens))

    def predict(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        """Predictions for one batch, computed together as given: cut it by padded tokens first."""
        if not encoded:
            return []
        probabilities = softmax(self.logits(encoded), self.config.temperature)
        return [self._prediction(row, item) for row, item in zip(probabilities, encoded, strict=True)]

    def classify(self, texts: Sequence[str], *, token_budget: int = TOKEN_BUDGET) -> list[Prediction]:
        """Predictions for any number of texts, in order, in batches of similar length and `token_budget` tokens."""
        encoded = self.encode(texts)
        predictions: dict[int, Prediction] = {}
        for rows in batches_by_length([len(item.ids) for item in encoded], token_budget):
            predictions.update(zip(rows, self.predict([encoded[row] for row in rows]), strict=True))
        return [predictions[row] for row in range(len(texts))]

    def _prediction(self, probabilities: np.ndarray, encoded: Encoded) -> Prediction:
        if not encoded.readable:
            probabilities = doubted(probabilities, self.config.threshold)
        best = int(probabilities.argmax())
        label, confidence = self.labels[best], float(probabilities[best])
        return Prediction(
            label=label,
            confidence=confidence,
            scores=dict(zip(self.labels, map(float, probabilities), strict=True)),
            sure=encoded.readable and confidence >= self.config.threshold,
            truncated=encoded.truncated,
            emoji=self.config.emoji[label],
        )


def logits_of(forward: Forward, encoded: Sequence[Encoded]) -> np.ndarray:
    """Raw outputs for any number of texts, float32 [texts, labels], in order, computed in batches of similar length."""
    logits: dict[int, np.ndarray] = {}
    for rows in batches_by_length([len(item.ids) for item in encoded], TOKEN_BUDGET):
        logits.update(zip(rows, forward(*pad([encoded[row] for row in rows])), strict=True))
    return np.stack([logits[row] for row in range(len(encoded))])


def doubted(probabilities: np.ndarray, threshold: float) -> np.ndarray:
    """Probabilities [labels] mixed with the uniform distribution until the likeliest is under `threshold`.

    For a text with next to nothing to read: the network answers all the same, and often with confidence.
    """
    top, even = float(probabilities.max()), 1 / len(probabilities)
    allowed = max(even, DOUBT * threshold)
    if top <= allowed:
        return probabilities
    share = (allowed - even) / (top - even)
    return share * probabilities + (1 - share) * even


def load_predictor(version: Version, *, runtime: str = "auto", threads: int | None = None) -> Predictor:
    """Load and warm up `version` from the very bytes whose sha256 was checked.

    `runtime` is "auto" or "keras". `threads` is what TensorFlow may use; it holds for the whole process and from its
    first use on. Raises VersionRefused when files are damaged, missing or do not fit together.
    """
    if runtime not in ("auto", "keras"):
        raise VersionRefused("runtime", f"No runtime {runtime!r}. Known: auto, keras.")
    files = version.read_verified()
    return predictor_from_files(version.name, version.config, files, threads=threads)


def predictor_from_files(
    name: str, config: ModelConfig, files: Mapping[str, bytes], *, threads: int | None = None
) -> Predictor:
    """A predictor from a version's files in memory: tokenizer.json, weights.safetensors and, if there, canary.jsonl."""
    tensors = read_tensors(files["weights.safetensors"], version_shapes(config))
    tokenizer = load_tokenizer(files["tokenizer.json"], max_length=config.max_length)
    if tokenizer.get_vocab_size() > config.architecture.vocab_size:
        raise VersionRefused(
            "tokenizer",
            f"tokenizer.json knows {tokenizer.get_vocab_size()} tokens, the network of {name!r} only "
            f"{config.architecture.vocab_size}. Train or import the version again.",
        )
    from classifier import network

    model = network.build_classifier(config)
    network.load_weights(model, tensors)
    predictor = Predictor(
        name,
        config,
        tokenizer,
        network.serving_function(model, threads=threads),
        runtime="keras",
        canaries=parse_canaries(files.get("canary.jsonl", b"")),
    )
    predictor.classify(["warm up"])  # traces the graph, so that the first message does not wait for it
    return predictor


def run_canary(predictor: Predictor, version: Version) -> None:
    """Predict the version's canary texts and compare every score with the stored one.

    Raises VersionRefused("canary") when one is further off than `CANARY_TOLERANCE` or there are no canary texts.
    """
    if not predictor.canaries:
        raise VersionRefused("canary", f"Version {version.name!r} has no canary texts. Train it again.")
    predictions = predictor.classify([canary.text for canary in predictor.canaries])
    for number, (canary, prediction) in enumerate(zip(predictor.canaries, predictions, strict=True), start=1):
        off = worst_difference(canary.scores, prediction.scores)
        # Written so that a score that is no number is refused too.
        if not off <= CANARY_TOLERANCE:
            raise VersionRefused(
                "canary",
                f"Version {version.name!r} does not reproduce its canary text {number} (that line of canary.jsonl): "
                f"a score is off by {off:.4f}, allowed is {CANARY_TOLERANCE}. Nothing was changed; train it again.",
            )


def worst_difference(expected: Mapping[str, float], scores: Mapping[str, float]) -> float:
    """Largest difference of a score; infinite when the labels are not the same."""
    if expected.keys() != scores.keys():
        return float("inf")
    return float(np.max(np.abs([expected[label] - scores[label] for label in expected])))


def make_canaries(predictor: Predictor, texts: Sequence[str]) -> bytes:
    """canary.jsonl for these texts, with the scores that `predictor` gives them."""
    predictions = predictor.classify(texts)
    lines = [
        json.dumps({"text": text, "scores": prediction.scores}, ensure_ascii=False)
        for text, prediction in zip(texts, predictions, strict=True)
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def parse_canaries(data: bytes) -> list[Canary]:
    """The canary texts of a version. Raises VersionRefused("canary") for lines that are none."""
    try:
        rows = [json.loads(line) for line in data.decode().splitlines() if line.strip()]
        return [
            Canary(
                text=str(row["text"]),
                scores={str(label): float(score) for label, score in row["scores"].items()},
            )
            for row in rows
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VersionRefused("canary", "canary.jsonl cannot be read. Train or import the version again.") from error
