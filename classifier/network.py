"""The Keras network: a plain BERT encoder with a head on top, and steps two and three of text to probabilities.

TensorFlow is loaded by importing this module, so everybody but training.py imports it inside functions.
"""

# Keras ships no types; what is guessed from its source calls most tensors Optional or a string.
# pyright: reportArgumentType=false, reportCallIssue=false, reportOptionalSubscript=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false, reportAssignmentType=false
# pyright: reportReturnType=false, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportIndexIssue=false, reportIncompatibleMethodOverride=false, reportGeneralTypeIssues=false

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from classifier.config import ModelConfig
from classifier.encoder import INITIALISER_DEVIATION, EncoderLayer, Pooling, build_encoder, keras, layers, ops, tf


def build_head(config: ModelConfig) -> keras.Sequential:
    """Dense layers from a pooled vector [batch, hidden] to logits [batch, labels]. The softmax belongs to the loss."""
    start = keras.initializers.TruncatedNormal(stddev=INITIALISER_DEVIATION)
    stack: list[layers.Layer] = [keras.Input((config.architecture.hidden_size,))]
    for size in config.head.hidden:
        stack += [layers.Dense(size, activation="relu"), layers.Dropout(config.head.dropout)]
    if not config.head.hidden:
        stack.append(layers.Dropout(config.head.dropout))
    stack.append(layers.Dense(len(config.labels), kernel_initializer=start))
    return keras.Sequential(stack, name="head")


def build_classifier(config: ModelConfig, *, precision: str = "float32") -> keras.Model:
    """Encoder, pooling and head with fresh weights: (input_ids, attention_mask) to logits [batch, labels].

    The parts are its layers "encoder", "pooling" and "head".
    """
    encoder = build_encoder(config.architecture, precision=precision)
    input_ids = keras.Input((None,), dtype="int32", name="input_ids")
    attention_mask = keras.Input((None,), dtype="int32", name="attention_mask")
    embedding = encoder([input_ids, attention_mask])
    pooled = Pooling(config.pooling, name="pooling")(embedding, attention_mask)
    return keras.Model([input_ids, attention_mask], build_head(config)(pooled), name="classifier")


def embed(encoder: keras.Model, input_ids: np.ndarray, attention_mask: np.ndarray) -> np.ndarray:
    """Step two: ids and mask, int32 [batch, tokens], to one vector for each token, float32 [batch, tokens, hidden]."""
    return ops.convert_to_numpy(encoder([input_ids, attention_mask], training=False))


def classify(
    classifier: keras.Model, embedding: np.ndarray, attention_mask: np.ndarray, *, temperature: float = 1.0
) -> np.ndarray:
    """Step three: embedding [batch, tokens, hidden] and mask [batch, tokens] to probabilities [batch, labels]."""
    pooled = classifier.get_layer("pooling")(embedding, attention_mask)
    logits = classifier.get_layer("head")(pooled, training=False)
    return ops.convert_to_numpy(ops.softmax(logits / temperature))


def load_weights(model: keras.Model, tensors: Mapping[str, np.ndarray]) -> None:
    """Fill an encoder or a classifier from checkpoint tensors; for a classifier without head tensors, the encoder only.

    Raises KeyError for a tensor of the encoder that is missing: weights.read_tensors gives the better message.
    """
    with_head = "head.0.weight" in tensors
    for names, variable, is_matrix in _places(model):
        if names[0].startswith("head.") and not with_head:
            continue
        parts = [tensors[name].T if is_matrix else tensors[name] for name in names]
        variable.assign(np.concatenate(parts, axis=-1))


def read_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """The tensors of an encoder or classifier under their checkpoint names; LoRA is merged into the matrices."""
    tensors: dict[str, np.ndarray] = {}
    for names, variable, is_matrix in _places(model, merged=True):
        for name, part in zip(names, np.split(np.asarray(variable), len(names), axis=-1), strict=True):
            tensors[name] = np.ascontiguousarray(part.T if is_matrix else part)
    return tensors


def dense_places(model: keras.Model) -> Iterator[tuple[list[str], layers.Dense]]:
    """Each dense layer with the names of its checkpoint tensors, less ".weight" and ".bias"."""
    encoder = model if model.name == "encoder" else model.get_layer("encoder")
    for number, layer in enumerate(_encoder_layers(encoder)):
        prefix = f"encoder.layer.{number}"
        yield [f"{prefix}.attention.self.{part}" for part in ("query", "key", "value")], layer.qkv
        yield [f"{prefix}.attention.output.dense"], layer.attention
        yield [f"{prefix}.intermediate.dense"], layer.inner
        yield [f"{prefix}.output.dense"], layer.outer
    if model is not encoder:
        dense = [layer for layer in model.get_layer("head").layers if isinstance(layer, layers.Dense)]
        yield from (([f"head.{index}"], layer) for index, layer in enumerate(dense))


def encoder_dense(model: keras.Model) -> list[layers.Dense]:
    """The encoder's dense layers: those that LoRA adapts."""
    return [dense for names, dense in dense_places(model) if not names[0].startswith("head.")]


def lora_factors(model: keras.Model) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """LoRA's a [in, rank] and b [rank, out] for each matrix it adapts, under the matrix's checkpoint name."""
    factors: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for names, dense in dense_places(model):
        if dense.lora_enabled:
            down, ups = np.asarray(dense.lora_kernel_a), np.split(np.asarray(dense.lora_kernel_b), len(names), axis=-1)
            factors.update({f"{name}.weight": (down, up) for name, up in zip(names, ups, strict=True)})
    return factors


def _encoder_layers(encoder: keras.Model) -> list[EncoderLayer]:
    return [layer for layer in encoder.layers if isinstance(layer, EncoderLayer)]


def _places(model: keras.Model, *, merged: bool = False) -> Iterator[tuple[list[str], keras.Variable, bool]]:
    """Checkpoint names, the variable they fill side by side, and whether it lies the other way round, as [in, out]."""
    encoder = model if model.name == "encoder" else model.get_layer("encoder")
    embeddings = encoder.get_layer("embeddings")
    for name in ("word", "position", "token_type"):
        yield [f"embeddings.{name}_embeddings.weight"], getattr(embeddings, name)._embeddings, False
    norms = {"embeddings.LayerNorm": embeddings.norm}
    for number, layer in enumerate(_encoder_layers(encoder)):
        norms[f"encoder.layer.{number}.attention.output.LayerNorm"] = layer.attention_norm
        norms[f"encoder.layer.{number}.output.LayerNorm"] = layer.outer_norm
    for name, norm in norms.items():
        yield [f"{name}.weight"], norm.gamma, False
        yield [f"{name}.bias"], norm.beta, False
    for names, dense in dense_places(model):
        # `kernel` is the sum with LoRA where that is enabled, `_kernel` the variable beneath.
        yield [f"{name}.weight" for name in names], dense.kernel if merged else dense._kernel, True
        yield [f"{name}.bias" for name in names], dense.bias, False


def serving_function(model: keras.Model, *, threads: int | None = None) -> Callable[..., np.ndarray]:
    """(ids, mask) to logits [batch, labels] as numpy, compiled once for every batch and length.

    `threads` holds for the whole process and only until TensorFlow has run anything; later calls keep what was set.
    """
    set_threads(threads)
    shape = tf.TensorSpec((None, None), tf.int32)

    @tf.function(input_signature=[shape, shape], autograph=False)
    def compiled(input_ids, attention_mask):
        return model([input_ids, attention_mask], training=False)

    return lambda input_ids, attention_mask: compiled(input_ids, attention_mask).numpy()


def set_threads(threads: int | None) -> None:
    """Cores for one operation. Does nothing once TensorFlow has started to compute."""
    if threads is None:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # too late: another model of this process is loaded already
        return
