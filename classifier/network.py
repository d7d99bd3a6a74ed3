"""The Keras network: a plain BERT encoder with a head on top, and steps two and three of text to probabilities.

TensorFlow is loaded by importing this module, so everybody but training.py imports it inside functions.
"""

# Keras ships no types; what is guessed from its source calls most tensors Optional or a string.
# pyright: reportArgumentType=false, reportCallIssue=false, reportOptionalSubscript=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false, reportAssignmentType=false
# pyright: reportReturnType=false, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportIndexIssue=false, reportIncompatibleMethodOverride=false, reportGeneralTypeIssues=false

import os
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from classifier.config import Architecture, ModelConfig
from classifier.quiet import quiet_stderr

# Read by TensorFlow and Keras when they are first imported.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

with quiet_stderr():
    import keras
    import tensorflow as tf
    from keras import layers, ops

# Its warnings are advice to programmers, such as that a graph was traced often.
tf.get_logger().setLevel("ERROR")

# Added to attention scores at padding, before the softmax: exp() of it is exactly 0 in float32.
MASKED = -1e9
# BERT's own rate (Devlin et al. 2019, appendix A.2), active in training only.
ENCODER_DROPOUT = 0.1
# BERT's own initialiser for layers that no checkpoint fills.
INITIALISER_DEVIATION = 0.02


class EncoderLayer(layers.Layer):
    """One transformer layer as BERT has it: attention, then two dense layers, LayerNorm after each residual."""

    def __init__(self, architecture: Architecture, **options) -> None:
        super().__init__(**options)
        hidden, epsilon = architecture.hidden_size, architecture.layer_norm_eps
        self.heads = architecture.heads
        self.head_size = hidden // architecture.heads
        self.qkv = layers.Dense(3 * hidden, name="qkv")  # query, key and value in one product
        self.attention = layers.Dense(hidden, name="attention")
        self.attention_norm = layers.LayerNormalization(epsilon=epsilon, name="attention_norm")
        activation = {"gelu": _exact_gelu, "relu": ops.relu}[architecture.hidden_act]
        self.inner = layers.Dense(architecture.intermediate_size, activation=activation, name="inner")
        self.outer = layers.Dense(hidden, name="outer")
        self.outer_norm = layers.LayerNormalization(epsilon=epsilon, name="outer_norm")
        self.dropout = layers.Dropout(ENCODER_DROPOUT)

    def build(self, hidden_shape, bias_shape=None) -> None:
        for layer in (self.qkv, self.attention, self.attention_norm, self.inner, self.outer_norm):
            layer.build(hidden_shape)
        self.outer.build((*hidden_shape[:-1], self.inner.units))

    def call(self, hidden, bias, training=False):
        """Hidden states [batch, tokens, hidden] and score bias [batch, 1, 1, tokens] to new hidden states."""
        attended = self.attention(self.attend(hidden, bias))
        hidden = self.attention_norm(hidden + self.dropout(attended, training=training))
        fed = self.outer(self.inner(hidden))
        return self.outer_norm(hidden + self.dropout(fed, training=training))

    def attend(self, hidden, bias):
        """Scaled dot-product attention over all heads (Vaswani et al. 2017), [batch, tokens, hidden]."""
        batch, tokens, size = ops.shape(hidden)
        split = ops.reshape(self.qkv(hidden), (batch, tokens, 3, self.heads, self.head_size))
        query, key, value = ops.unstack(ops.transpose(split, (2, 0, 3, 1, 4)), axis=0)
        scores = ops.matmul(query * self.head_size**-0.5, ops.swapaxes(key, -1, -2)) + bias
        context = ops.matmul(ops.softmax(scores), value)
        return ops.reshape(ops.transpose(context, (0, 2, 1, 3)), (batch, tokens, size))

    def compute_output_shape(self, hidden_shape, bias_shape=None):
        return hidden_shape


class Embeddings(layers.Layer):
    """Sum of word, position and token-type embeddings, normalised. All tokens are of type 0: one text at a time."""

    def __init__(self, architecture: Architecture, **options) -> None:
        super().__init__(**options)
        start = keras.initializers.TruncatedNormal(stddev=INITIALISER_DEVIATION)
        hidden = architecture.hidden_size
        self.word = layers.Embedding(architecture.vocab_size, hidden, start, name="word")
        self.position = layers.Embedding(architecture.max_positions, hidden, start, name="position")
        self.token_type = layers.Embedding(architecture.type_vocab_size, hidden, start, name="token_type")
        self.norm = layers.LayerNormalization(epsilon=architecture.layer_norm_eps, name="norm")
        self.dropout = layers.Dropout(ENCODER_DROPOUT)

    def build(self, ids_shape) -> None:
        for table in (self.word, self.position, self.token_type):
            table.build(ids_shape)
        self.norm.build((*ids_shape, self.word.output_dim))

    def call(self, input_ids, training=False):
        positions = self.position(ops.arange(ops.shape(input_ids)[1]))
        summed = self.word(input_ids) + positions + self.token_type.embeddings[0]
        return self.dropout(self.norm(summed), training=training)

    def compute_output_shape(self, ids_shape):
        return (*ids_shape, self.word.output_dim)


class Pooling(layers.Layer):
    """One vector for each text, from its tokens alone: padding takes no part in the mean and cannot win the maximum."""

    def __init__(self, how: str, **options) -> None:
        super().__init__(**options)
        self.how = how

    def call(self, hidden, attention_mask):
        """Hidden states [batch, tokens, hidden] and mask [batch, tokens] to [batch, hidden]."""
        if self.how == "cls":
            return hidden[:, 0]
        mask = ops.cast(ops.expand_dims(attention_mask, -1), hidden.dtype)
        if self.how == "mean":
            return ops.sum(hidden * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)
        return ops.max(ops.where(mask > 0, hidden, MASKED), axis=1)

    def compute_output_shape(self, hidden_shape, attention_mask_shape=None):
        return (hidden_shape[0], hidden_shape[2])


def _exact_gelu(values):
    # Keras layers often default to the tanh form, which moves BERT's outputs by 5e-3.
    return ops.gelu(values, approximate=False)


def build_encoder(architecture: Architecture) -> keras.Model:
    """The encoder, fresh: (input_ids, attention_mask), int32 [batch, tokens], to [batch, tokens, hidden]."""
    input_ids = keras.Input((None,), dtype="int32", name="input_ids")
    attention_mask = keras.Input((None,), dtype="int32", name="attention_mask")
    bias = (1.0 - ops.cast(attention_mask[:, None, None, :], "float32")) * MASKED
    hidden = Embeddings(architecture, name="embeddings")(input_ids)
    for number in range(architecture.layers):
        hidden = EncoderLayer(architecture, name=f"layer_{number}")(hidden, bias)
    return keras.Model([input_ids, attention_mask], hidden, name="encoder")


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


def build_classifier(config: ModelConfig) -> keras.Model:
    """Encoder, pooling and head with fresh weights: (input_ids, attention_mask) to logits [batch, labels].

    The parts are its layers "encoder", "pooling" and "head".
    """
    encoder = build_encoder(config.architecture)
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
