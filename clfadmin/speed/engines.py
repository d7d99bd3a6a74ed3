"""What can compute a version's network: our runtimes, onnxruntime as it comes, and the libraries used elsewhere.

Loaded in a process of its own for each (see child.py): PyTorch and TensorFlow cannot share one.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from classifier.config import ModelConfig
from classifier.encoding import Encoded, load_tokenizer
from classifier.fields import Fields
from classifier.manifest import CONFIG, SERVING, WEIGHTS
from classifier.predictor import Forward, Predictor, compiled_predictor, predictor_from_files
from classifier.weights import read_tensors, version_shapes

TOKENIZER = "tokenizer.json"
# All contenders cut there, whatever the version allows.
MOST_TOKENS = 128
# Batch sizes to choose from: padded tokens, or texts where a library counts those.
TOKENS = (256, 512, 1024, 2048)
TEXTS = (8, 16, 32, 64)

Batch = tuple[np.ndarray, np.ndarray]  # ids and mask, int32 [texts, tokens]


class NotHere(Exception):
    """This contender cannot run here. One line says why."""


@dataclass(frozen=True)
class Model:
    """The files of one version, or of a folder laid out like one."""

    config: ModelConfig
    files: dict[str, bytes]

    @property
    def tensors(self) -> dict[str, np.ndarray]:
        return read_tensors(self.files[WEIGHTS], version_shapes(self.config))


@dataclass(frozen=True)
class Engine:
    """One way to compute a version.

    `classify` gives the labels of texts, in order, in batches of a size out of `sizes`, which counts padded tokens or
    texts (`unit`). `network` computes batches of token ids to logits; None where a library takes only texts.
    """

    about: str
    encode: Callable[[Sequence[str]], list[Encoded]]
    classify: Callable[[list[str], int], list[str]]
    network: Callable[[list[Batch]], list[np.ndarray]] | None
    sizes: tuple[int, ...] = TOKENS
    unit: str = "tokens"


def read_model(folder: Path) -> Model:
    """Raises NotHere for a folder without the files of a version, VersionRefused for a config that makes no sense."""
    try:
        files = {name: (folder / name).read_bytes() for name in (CONFIG, TOKENIZER, WEIGHTS)}
    except OSError as error:
        raise NotHere(f"{folder} holds no version: {error}") from error
    if (folder / SERVING).exists():
        files[SERVING] = (folder / SERVING).read_bytes()
    values = Fields.parse(files[CONFIG], where=CONFIG, code="config").values
    config = ModelConfig.from_dict(values, where=CONFIG)
    return Model(replace(config, max_length=min(config.max_length, MOST_TOKENS)), files)


def _int8(model: Model, threads: int) -> Engine:
    if SERVING not in model.files:
        raise NotHere("the version has no compiled form")
    source = hashlib.sha256(model.files[WEIGHTS]).hexdigest()
    predictor = compiled_predictor("bench", model.config, model.files, source=source, threads=threads)
    return of_predictor(predictor, f"onnxruntime {version('onnxruntime')}")


def _keras(model: Model, threads: int) -> Engine:
    try:
        predictor = predictor_from_files("bench", model.config, model.files, threads=threads)
    except ImportError as error:
        raise NotHere(f"{error.name or error} is not installed") from error
    return of_predictor(predictor, f"tensorflow {version('tensorflow')}")


def _float32(model: Model, threads: int) -> Engine:
    from classifier import serving
    from classifier.serving_graph import float_graph

    # Its further outputs cost nothing: each is what some node gives anyway, and none of them is asked for.
    session: Any = serving.session(float_graph(model.config, model.tensors)[0], threads=threads)

    def forward(input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
        return session.run(["logits"], {"input_ids": input_ids, "attention_mask": attention_mask})[0]

    return of_predictor(as_predictor(model, forward), f"onnxruntime {version('onnxruntime')}")


def as_predictor(model: Model, forward: Forward) -> Predictor:
    """Our text preparation and reading of scores around somebody else's network."""
    tokenizer = load_tokenizer(model.files[TOKENIZER], max_length=model.config.max_length)
    return Predictor("bench", model.config, tokenizer, forward, runtime="other")


def of_predictor(predictor: Predictor, about: str) -> Engine:
    """An engine whose batches are computed one after the other, and whose texts go the way ours go when serving."""

    def classify(texts: list[str], size: int) -> list[str]:
        return [prediction.label for prediction in predictor.classify(texts, token_budget=size)]

    def network(batches: list[Batch]) -> list[np.ndarray]:
        return [predictor.forward(*batch) for batch in batches]

    return Engine(about, predictor.encode, classify, network)


OURS: dict[str, Callable[[Model, int], Engine]] = {"int8": _int8, "keras": _keras, "onnxruntime": _float32}
