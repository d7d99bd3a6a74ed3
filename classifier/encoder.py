"""The encoder, a plain BERT in Keras, and the one place that imports TensorFlow.

Importing this module takes seconds: everybody but network.py and what trains does it inside functions. Where the layers
differ from Keras' own it is for the speed of training; their outputs are the same.
"""

# Keras ships no types; what is guessed from its source calls most tensors Optional or a string.
# pyright: reportArgumentType=false, reportCallIssue=false, reportOptionalSubscript=false
# pyright: reportOptionalOperand=false, reportOperatorIssue=false, reportAssignmentType=false
# pyright: reportReturnType=false, reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportIndexIssue=false, reportIncompatibleMethodOverride=false, reportGeneralTypeIssues=false

import math
import os

from classifier.config import Architecture
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


@tf.custom_gradient
def gelu(values):
    """x Φ(x), the exact GELU (Hendrycks and Gimpel 2016), in float32 whatever comes in.

    Keras layers often default to its tanh form, which moves BERT's outputs by 5e-3. The gradient is written out: it
    needs Φ again, and erf is what costs.
    """
    x = tf.cast(values, tf.float32)
    phi = 0.5 + 0.5 * tf.math.erf(x * 2**-0.5)

    def gradient(upstream):
        density = tf.exp(-0.5 * tf.square(x)) * (2 * math.pi) ** -0.5
        return tf.cast(upstream * (phi + x * density), values.dtype)

    return x * phi, gradient


def relu(values):
    """In float32 whatever comes in, as gelu."""
    return tf.nn.relu(tf.cast(values, tf.float32))


class Dense(layers.Dense):
    """Keras' own, but with LoRA as two thin products beside the matrix: added to it, they need its whole gradient."""

    def call(self, inputs, training=None):
        if not self.lora_enabled:
            return super().call(inputs)
        beside = ops.matmul(ops.matmul(inputs, self.lora_kernel_a), self.lora_kernel_b)
        return ops.matmul(inputs, self._kernel) + beside * (self.lora_alpha / self.lora_rank) + self.bias


class LayerNorm(layers.LayerNormalization):
    """Keras' own (Ba et al. 2016) over the last axis, with its gradient written out: half the passes over memory."""

    def call(self, inputs):
        epsilon = self.epsilon

        @tf.custom_gradient
        def normalise(x, gamma, beta):
            centred = x - tf.reduce_mean(x, -1, keepdims=True)
            inverse = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), -1, keepdims=True) + epsilon)
            normal = centred * inverse

            def gradient(upstream):
                rows = list(range(len(x.shape) - 1))
                slope = upstream * gamma
                shared = tf.reduce_mean(slope, -1, keepdims=True)
                along = tf.reduce_mean(slope * normal, -1, keepdims=True)
                return (
                    inverse * (slope - shared - normal * along),
                    tf.reduce_sum(upstream * normal, rows),
                    tf.reduce_sum(upstream, rows),
                )

            return normal * gamma + beta, gradient

        return normalise(inputs, tf.identity(self.gamma), tf.identity(self.beta))


class Dropout(layers.Dropout):
    """Keras' own with 16 random bits for a value instead of 32, which is half the time and exact to 1 in 65,536."""

    def call(self, inputs, training=False):
        if not training:
            return inputs
        shape, seed = tf.shape(inputs), self.seed_generator.next()
        words = tf.random.stateless_uniform([tf.size(inputs) // 4 + 1], seed, None, None, tf.uint64)
        drawn = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[: tf.size(inputs)]
        kept = tf.cast(tf.reshape(drawn, shape) >= round(self.rate * 65536), inputs.dtype)
        return inputs * (kept / (1 - self.rate))


class EncoderLayer(layers.Layer):
    """One transformer layer as BERT has it: attention, then two dense layers, LayerNorm after each residual.

    `precision`, Keras' name of a dtype policy, is that of the products: "mixed_bfloat16" rounds what is multiplied. The
    weights, the softmax, the sums of the residuals and LayerNorm are float32 either way.
    """

    def __init__(self, architecture: Architecture, precision: str = "float32", **options) -> None:
        super().__init__(**options)
        hidden, epsilon = architecture.hidden_size, architecture.layer_norm_eps
        self.heads = architecture.heads
        self.head_size = hidden // architecture.heads
        self.qkv = Dense(3 * hidden, dtype=precision, name="qkv")  # query, key and value in one product
        self.attention = Dense(hidden, dtype=precision, name="attention")
        self.attention_norm = LayerNorm(epsilon=epsilon, name="attention_norm")
        self.inner = Dense(architecture.intermediate_size, dtype=precision, name="inner")
        self.activation = {"gelu": gelu, "relu": relu}[architecture.hidden_act]
        self.outer = Dense(hidden, dtype=precision, name="outer")
        self.outer_norm = LayerNorm(epsilon=epsilon, name="outer_norm")
        self.dropout = Dropout(ENCODER_DROPOUT)

    def build(self, hidden_shape, bias_shape=None) -> None:
        for layer in (self.qkv, self.attention, self.attention_norm, self.inner, self.outer_norm):
            layer.build(hidden_shape)
        self.outer.build((*hidden_shape[:-1], self.inner.units))

    def call(self, hidden, bias, training=False):
        """Hidden states [batch, tokens, hidden] and score bias [batch, 1, 1, tokens] to new hidden states."""
        attended = self.attention(self.attend(hidden, bias))
        hidden = self.attention_norm(hidden + self.dropout(attended, training=training))
        fed = self.outer(self.activation(self.inner(hidden)))
        return self.outer_norm(hidden + self.dropout(fed, training=training))

    def attend(self, hidden, bias):
        """Scaled dot-product attention over all heads (Vaswani et al. 2017), [batch, tokens, hidden]."""
        batch, tokens, size = ops.shape(hidden)
        split = ops.reshape(self.qkv(hidden), (batch, tokens, 3, self.heads, self.head_size))
        query, key, value = ops.unstack(ops.transpose(split, (2, 0, 3, 1, 4)), axis=0)
        scores = ops.cast(ops.matmul(query * self.head_size**-0.5, ops.swapaxes(key, -1, -2)), bias.dtype)
        context = ops.matmul(ops.cast(ops.softmax(scores + bias), value.dtype), value)
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
        self.norm = LayerNorm(epsilon=architecture.layer_norm_eps, name="norm")
        self.dropout = Dropout(ENCODER_DROPOUT)

    def build(self, ids_shape) -> None:
        for table in (self.word, self.position, self.token_type):
            table.build(ids_shape)
        self.norm.build((*ids_shape, self.word.output_dim))

    def call(self, input_ids, training=False):
        positions = self.position(ops.arange(ops.shape(input_ids)[1]))
        # Keras' layer would read the whole table, and copy it while it is trained row by row.
        words = tf.gather(self.word.embeddings.value, input_ids)
        summed = words + positions + self.token_type.embeddings[0]
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


def build_encoder(architecture: Architecture, *, precision: str = "float32") -> keras.Model:
    """The encoder, fresh: (input_ids, attention_mask), int32 [batch, tokens], to [batch, tokens, hidden]."""
    input_ids = keras.Input((None,), dtype="int32", name="input_ids")
    attention_mask = keras.Input((None,), dtype="int32", name="attention_mask")
    bias = (1.0 - ops.cast(attention_mask[:, None, None, :], "float32")) * MASKED
    hidden = Embeddings(architecture, name="embeddings")(input_ids)
    for number in range(architecture.layers):
        hidden = EncoderLayer(architecture, precision, name=f"layer_{number}")(hidden, bias)
    return keras.Model([input_ids, attention_mask], hidden, name="encoder")
