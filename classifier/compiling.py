"""Makes a version's compiled form, and decides on held-out text whether it may serve. No TensorFlow.

The Keras weights stay the only source: serving.onnx is written from them and carries their sha256.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from classifier.calibration import softmax
from classifier.comparison import mcnemar
from classifier.config import ModelConfig
from classifier.encoding import Encoded, batches_by_length, pad
from classifier.errors import VersionRefused
from classifier.evaluation import confusion, macro_f1
from classifier.manifest import SERVING, WEIGHTS
from classifier.predictor import Predictor, compiled_predictor, logits_of
from classifier.quantisation import DenseInput, fit, write_inputs
from classifier.weights import read_tensors, version_shapes

# Texts whose activations decide the rounding, and token rows kept of them for each dense layer.
FIT_TEXTS, FIT_ROWS = 512, 1024
FIT_BUDGET = 2048
# What the compiled form may change at most.
LEAST_SAME, LEAST_SAME_SURE, SURE = 0.98, 0.995, 0.7
MOST_F1_LOST, CHANCE = 0.005, 0.05


@dataclass(frozen=True)
class Agreement:
    """How the compiled form compares with Keras on the same texts.

    `same` is the share with the same label, `same_sure` that among the texts of which Keras is sure (confidence 0.7 and
    more; 1 where there are none); `change` is the mean over the texts of the largest change of a probability; `p_value`
    is McNemar's test of the labels that became right or wrong.
    """

    texts: int
    same: float
    same_sure: float
    change: float
    macro_f1: float
    macro_f1_keras: float
    p_value: float

    @property
    def reason(self) -> str:
        """Why the compiled form may not serve; empty when it may."""
        if not math.isfinite(self.change):
            return "the compiled form gives scores that are no numbers"
        if self.same < LEAST_SAME:
            return f"the compiled form changes the label of {1 - self.same:.1%} of {self.texts} texts"
        if self.same_sure < LEAST_SAME_SURE:
            return f"the compiled form changes {1 - self.same_sure:.1%} of the labels Keras is sure of"
        # Of a few hundred texts three changed labels may move macro-F1 by more: that alone shows nothing.
        if self.macro_f1_keras - self.macro_f1 > MOST_F1_LOST and self.p_value < CHANCE:
            return f"the compiled form has macro-F1 {self.macro_f1:.3f}, Keras {self.macro_f1_keras:.3f}"
        return ""

    def to_dict(self) -> dict[str, Any]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Compiled:
    """A version's compiled form and a predictor that serves it; both None where Keras serves, with the reason why.

    `inputs` is the file of its rounding (quantisation.py), which makes the same form anew.
    """

    data: bytes | None
    predictor: Predictor | None
    agreement: Agreement | None
    reason: str
    inputs: bytes = b""

    def to_dict(self) -> dict[str, Any]:
        """What `clfadmin train --json` prints as "serving"."""
        return {
            "runtime": "onnx" if self.data else "keras",
            "agreement": self.agreement.to_dict() if self.agreement else None,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Checked:
    """Texts on which the compiled form must agree, with Keras' logits, float [texts, labels], and the right labels."""

    encoded: Sequence[Encoded]
    logits: np.ndarray
    labels: np.ndarray


def compiled_form(
    keras: Predictor, files: Mapping[str, bytes], fit_texts: Sequence[Encoded], checked: Checked
) -> Compiled:
    """The compiled form of the version that `keras` serves, fitted on `fit_texts`, if it agrees on the `checked` ones.

    `files` are the version's: tokenizer.json and weights.safetensors. Never raises for a form that cannot be had: Keras
    serves then.
    """
    try:
        tensors = read_tensors(files[WEIGHTS], version_shapes(keras.config))
        inputs = fit_inputs(keras.config, tensors, fit_texts)
        data = compile_network(keras.config, tensors, inputs, files[WEIGHTS])
        return replace(check_form(keras, files, data, checked), inputs=write_inputs(inputs))
    except ImportError as error:
        return Compiled(None, None, None, f"{error.name} is not installed")
    except VersionRefused as error:
        return Compiled(None, None, None, str(error))


def check_form(keras: Predictor, files: Mapping[str, bytes], data: bytes, checked: Checked) -> Compiled:
    """serving.onnx `data` with a predictor, if it agrees with Keras. Raises VersionRefused("onnx")."""
    source = hashlib.sha256(files[WEIGHTS]).hexdigest()
    predictor = compiled_predictor(keras.version, keras.config, {**files, SERVING: data}, source=source)
    logits = logits_of(predictor.forward, checked.encoded, token_budget=predictor.token_budget)
    agreed = agreement(checked.logits, logits, checked.labels, temperature=keras.config.temperature)
    if agreed.reason:
        return Compiled(None, None, agreed, agreed.reason)
    return Compiled(data, predictor, agreed, "")


def agreement(keras: np.ndarray, compiled: np.ndarray, labels: np.ndarray, *, temperature: float) -> Agreement:
    """Compare logits, float [texts, labels] each, on texts whose right labels are `labels`, int [texts]."""
    before, after = softmax(keras, temperature), softmax(compiled, temperature)
    same = before.argmax(axis=1) == after.argmax(axis=1)
    sure = before.max(axis=1) >= SURE
    scores = [macro_f1(confusion(labels, which.argmax(axis=1), keras.shape[1])) for which in (after, before)]
    right, right_before = after.argmax(axis=1) == labels, before.argmax(axis=1) == labels
    return Agreement(
        texts=len(labels),
        same=float(same.mean()),
        same_sure=float(same[sure].mean()) if sure.any() else 1.0,
        change=float(np.abs(after - before).max(axis=1).mean()),
        macro_f1=scores[0],
        macro_f1_keras=scores[1],
        p_value=mcnemar(int((right & ~right_before).sum()), int((right_before & ~right).sum())),
    )


def fit_inputs(
    config: ModelConfig, tensors: Mapping[str, np.ndarray], texts: Sequence[Encoded]
) -> dict[str, DenseInput]:
    """How each dense layer's input is rounded, from the activations of some of `texts`: training texts will do."""
    from classifier import serving
    from classifier.serving_graph import dense_kernels, float_graph

    data, taps = float_graph(config, tensors)
    outputs = serving.outputs_of(data)
    samples: dict[str, list[np.ndarray]] = {name: [] for name in taps}
    texts = [texts[row] for row in np.linspace(0, len(texts) - 1, min(len(texts), FIT_TEXTS)).astype(int)]
    share = min(1.0, FIT_ROWS / sum(len(text.ids) for text in texts))
    random = np.random.default_rng(0)
    for rows in batches_by_length([len(text.ids) for text in texts], FIT_BUDGET):
        input_ids, attention_mask = pad([texts[row] for row in rows])
        kept = (attention_mask > 0) & (random.random(attention_mask.shape) < share)
        # So that no batch is without a row. Where [CLS] is pooled, the last layer sees nothing else.
        kept[0 : None if config.pooling == "cls" else 1, 0] = True
        values = dict(zip(taps, outputs(list(taps.values()), input_ids, attention_mask), strict=True))
        for name, value in values.items():
            samples[name].append(value[kept[:, : value.shape[1]]])
    kernels = dense_kernels(config, tensors)
    return {name: fit(np.concatenate(rows), kernels[name][0]) for name, rows in samples.items()}


def compile_network(
    config: ModelConfig, tensors: Mapping[str, np.ndarray], inputs: Mapping[str, DenseInput], weights: bytes
) -> bytes:
    """serving.onnx for `tensors`, which are what the file `weights` holds. The same bytes for the same arguments."""
    from classifier.serving_graph import int8_graph

    return int8_graph(config, tensors, inputs, source=hashlib.sha256(weights).hexdigest())
