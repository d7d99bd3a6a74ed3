"""A version ready to serve: texts in, predictions out. Loads TensorFlow only where Keras serves."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from classifier.calibration import softmax
from classifier.canary import Canary, parse_canaries, run_canary
from classifier.config import ModelConfig
from classifier.cpu import cores
from classifier.encoding import Encoded, batches_by_length, encode, load_tokenizer, pad
from classifier.errors import VersionRefused
from classifier.manifest import SERVING, WEIGHTS
from classifier.version import Version
from classifier.weights import read_tensors, version_shapes

RUNTIMES = ("auto", "onnx", "keras")
# Padded tokens of a batch. Room for 64 chat messages of 64 tokens; more than this Keras does not get faster.
TOKEN_BUDGET = 4096
# The same for a thread of the compiled form: it is fastest while what lies between two layers stays in a core's cache.
TOKENS_A_THREAD = 512
# How close to the threshold an unreadable text may come.
DOUBT = 0.95

Forward = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Prediction:
    """What the model says about one text. `label` is always the likeliest; `sure` is confidence >= the threshold.

    `scores` holds the calibrated probability of every label, in the version's order; `confidence` is the label's.
    `language` is the text's where that is clearly none the version was trained for; then it is never sure.
    """

    label: str
    confidence: float
    scores: dict[str, float]
    sure: bool
    truncated: bool
    emoji: str
    language: str = ""


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
        reason: str = "",
        token_budget: int = TOKEN_BUDGET,
        canaries: Sequence[Canary] = (),
    ) -> None:
        self.version = version
        self.config = config
        self.labels = config.labels
        self.languages = config.languages
        self.runtime = runtime  # "onnx" or "keras"
        self.reason = reason  # why Keras serves; empty for "onnx"
        self.token_budget = token_budget
        self.canaries = tuple(canaries)
        self.tokenizer = tokenizer
        self.forward = forward

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Texts as this version's token ids, in order."""
        return encode(self.tokenizer, texts, languages=self.languages)

    def logits(self, encoded: Sequence[Encoded], *, tokens: int = 0) -> np.ndarray:
        """Raw outputs, float32 [texts, labels], of one batch padded to its longest text (or to `tokens`)."""
        return self.forward(*pad(encoded, tokens=tokens))

    def predict(self, encoded: Sequence[Encoded]) -> list[Prediction]:
        """Predictions for one batch, computed together as given: cut it by padded tokens first."""
        if not encoded:
            return []
        probabilities = softmax(self.logits(encoded), self.config.temperature)
        return [self._prediction(row, item) for row, item in zip(probabilities, encoded, strict=True)]

    def classify(self, texts: Sequence[str], *, token_budget: int | None = None) -> list[Prediction]:
        """Predictions for any number of texts, in order, in batches of similar length and `token_budget` tokens."""
        encoded = self.encode(texts)
        predictions: dict[int, Prediction] = {}
        for rows in batches_by_length([len(item.ids) for item in encoded], token_budget or self.token_budget):
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
            language=encoded.language,
        )


def logits_of(forward: Forward, encoded: Sequence[Encoded], *, token_budget: int = TOKEN_BUDGET) -> np.ndarray:
    """Raw outputs for any number of texts, float32 [texts, labels], in order, computed in batches of similar length."""
    logits: dict[int, np.ndarray] = {}
    for rows in batches_by_length([len(item.ids) for item in encoded], token_budget):
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

    `runtime` "auto" takes the compiled form where the version has one that works here, else Keras; the predictor's
    `reason` says why. `threads` None takes all cores; for Keras it holds for the whole process and from its first use
    on. Raises VersionRefused when files are damaged, missing or do not fit together.
    """
    if runtime not in RUNTIMES:
        raise VersionRefused("runtime", f"No runtime {runtime!r}. Known: {', '.join(RUNTIMES)}.")
    if runtime == "keras":
        return _load_keras(version, threads, reason="asked for")
    if SERVING not in version.manifest.files:
        reason = "the version has no compiled form"
    else:
        try:
            return _load_compiled(version, threads)
        except VersionRefused as error:
            if error.code not in ("onnx", "canary"):
                raise
            reason = str(error)
    if runtime == "onnx":
        raise VersionRefused(
            "runtime", f"{version.name!r} can't be served by onnxruntime: {reason}. Use --runtime auto."
        )
    return _load_keras(version, threads, reason=reason)


def _load_keras(version: Version, threads: int | None, *, reason: str) -> Predictor:
    if importlib.util.find_spec("tensorflow") is None:
        raise VersionRefused(
            "runtime", f"{version.name!r} needs TensorFlow, which is not installed (Keras serves it: {reason})."
        )
    return predictor_from_files(version.name, version.config, version.read_verified(), threads=threads, reason=reason)


def _load_compiled(version: Version, threads: int | None) -> Predictor:
    """Served by onnxruntime. Raises VersionRefused, with "onnx" or "canary" where Keras may do better."""
    # The weights are checked, not kept: they would take more memory than all the rest.
    files = version.read_verified(without=[WEIGHTS])
    source = version.manifest.files[WEIGHTS].sha256
    predictor = compiled_predictor(version.name, version.config, files, source=source, threads=threads)
    run_canary(predictor, version)
    return predictor


def compiled_predictor(
    name: str, config: ModelConfig, files: Mapping[str, bytes], *, source: str, threads: int | None = None
) -> Predictor:
    """A predictor from a version's files in memory: tokenizer.json, serving.onnx and, if there, canary.jsonl.

    `source` is the sha256 of the weights the version holds.
    """
    try:
        from classifier import serving
    except ImportError as error:
        raise VersionRefused("onnx", f"onnxruntime can't be imported ({error})") from error
    threads = threads or cores()
    forward = serving.forward(files[SERVING], source=source, labels=len(config.labels), threads=threads)
    return _predictor(name, config, files, forward, runtime="onnx", token_budget=threads * TOKENS_A_THREAD)


def predictor_from_files(
    name: str, config: ModelConfig, files: Mapping[str, bytes], *, threads: int | None = None, reason: str = ""
) -> Predictor:
    """A Keras predictor from a version's files in memory: tokenizer.json, weights.safetensors, perhaps canary.jsonl."""
    from classifier import network

    tensors = read_tensors(files[WEIGHTS], version_shapes(config))
    model = network.build_classifier(config)
    network.load_weights(model, tensors)
    forward = network.serving_function(model, threads=threads)
    return _predictor(name, config, files, forward, runtime="keras", reason=reason)


def _predictor(
    name: str, config: ModelConfig, files: Mapping[str, bytes], forward: Forward, *, runtime: str, **more: Any
) -> Predictor:
    tokenizer = load_tokenizer(files["tokenizer.json"], max_length=config.max_length)
    if tokenizer.get_vocab_size() > config.architecture.vocab_size:
        raise VersionRefused(
            "tokenizer",
            f"tokenizer.json knows {tokenizer.get_vocab_size()} tokens, the network of {name!r} only "
            f"{config.architecture.vocab_size}. Train or import the version again.",
        )
    canaries = parse_canaries(files.get("canary.jsonl", b""))
    predictor = Predictor(name, config, tokenizer, forward, runtime=runtime, canaries=canaries, **more)
    predictor.classify(["warm up"])  # the first run traces or allocates, and no message should wait for that
    return predictor
