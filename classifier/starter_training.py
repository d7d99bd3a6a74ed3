"""Training the starter: the upper half of the encoder, on several sources that do not agree on where neutral ends.

The lower layers stay as the base has them. So what they make of a text is calculated once and read again by every
training, which halves the work. Loads TensorFlow when imported, so it is imported inside functions only.
"""

# Keras ships no types; what is guessed from its source is often wrong.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.base import Base
from classifier.batching import batch_rows
from classifier.config import ModelConfig
from classifier.encoder import MASKED, keras, tf
from classifier.encoding import batches_by_length, encode, load_tokenizer
from classifier.network import build_classifier, load_weights
from classifier.optimiser import AdamW
from classifier.precision import POLICIES
from classifier.recipe import TrainConfig

# Tokens calculated at once where nothing is learned.
TOKENS = 4096


@dataclass(frozen=True)
class States:
    """Texts as the lowest trained layer reads them: `hidden` float16 [tokens of all texts, size], text i from
    `starts[i]` to `starts[i + 1]`."""

    hidden: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    def select(self, rows: np.ndarray) -> "States":
        """These texts, in this order."""
        parts = [self.hidden[self.starts[row] : self.starts[row + 1]] for row in rows]
        return States(np.concatenate(parts), np.append(0, np.cumsum(self.lengths[rows])))

    def padded(self, rows: Sequence[int] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hidden states float32 [rows, tokens, size] and attention mask float32 [rows, tokens]."""
        lengths = self.lengths[rows]
        mask = np.arange(lengths.max()) < lengths[:, None]
        hidden = np.zeros((*mask.shape, self.hidden.shape[1]), np.float32)
        hidden[mask] = np.concatenate([self.hidden[self.starts[row] : self.starts[row + 1]] for row in rows])
        return hidden, mask.astype(np.float32)


def joined(parts: Sequence[States]) -> States:
    """One after the other."""
    lengths = np.concatenate([part.lengths for part in parts])
    return States(np.concatenate([part.hidden for part in parts]), np.append(0, np.cumsum(lengths)))


class Halves:
    """A classifier of which the layers from number `frozen` on learn, with LoRA of rank `lora`.

    `precision` is that of the products, "float32" or "bfloat16".
    """

    def __init__(
        self, base: Base, config: ModelConfig, *, frozen: int, lora: int, seed: int, precision: str = "float32"
    ) -> None:
        keras.utils.set_random_seed(seed)
        self.model = build_classifier(config, precision=POLICIES[precision])
        load_weights(self.model, base.tensors)
        encoder = self.model.get_layer("encoder")
        layers = [encoder.get_layer(f"layer_{number}") for number in range(config.architecture.layers)]
        self.embeddings, self.lower, self.upper = encoder.get_layer("embeddings"), layers[:frozen], layers[frozen:]
        for layer in (self.embeddings, *self.lower):
            layer.trainable = False
        for layer in self.upper:
            for dense in (layer.qkv, layer.attention, layer.inner, layer.outer):
                dense.enable_lora(lora)
        self.tokenizer = load_tokenizer(base.files["tokenizer.json"], max_length=config.max_length)

    def read(self, texts: Sequence[str]) -> States:
        """What the lower layers make of the texts, without dropout."""
        encoded = encode(self.tokenizer, texts)
        lengths = np.array([len(item.ids) for item in encoded])
        starts = np.append(0, np.cumsum(lengths))
        states: np.ndarray | None = None
        for rows in batches_by_length(lengths.tolist(), TOKENS):
            mask = np.arange(lengths[rows].max()) < lengths[rows][:, None]
            ids = np.zeros(mask.shape, np.int32)
            ids[mask] = np.concatenate([encoded[row].ids for row in rows])
            hidden = self._lower(ids, mask.astype(np.float32)).numpy()
            if states is None:
                states = np.zeros((starts[-1], hidden.shape[-1]), np.float16)
            for place, row in enumerate(rows):
                states[starts[row] : starts[row + 1]] = hidden[place, : lengths[row]]
        return States(states, starts)

    def logits(self, states: States) -> np.ndarray:
        """Float32 [texts, labels]."""
        parts, order = [], []
        for rows in batches_by_length(states.lengths.tolist(), TOKENS):
            parts.append(self._forward(*states.padded(rows)).numpy())
            order += list(rows)
        return np.concatenate(parts)[np.argsort(order)]

    def teach(
        self,
        states: States,
        targets: np.ndarray,
        offsets: np.ndarray,
        config: TrainConfig,
        report: Callable[[int, int, float, float], None],
    ) -> None:
        """Train for `config.epochs`; the weights after the last step stay.

        `targets` [texts, labels] is the share of readers who would choose each label. `offsets` [texts, labels] is
        added to the logits in the loss alone: what is known of a text before it is read, from where it comes. `report`
        hears after each step: its number, how many there are, the mean loss of the last hundred, texts a second.
        """
        steps = -(-len(states) // config.batch_size) * config.epochs
        step = self._step(AdamW(self.model.trainable_variables, config.learning_rate, steps))
        losses, started = [], time.monotonic()
        for epoch in range(config.epochs):
            random = np.random.default_rng([config.seed, epoch])
            for rows in batch_rows(states.lengths, config.batch_size, random):
                losses.append(float(step(*states.padded(rows), targets[rows], offsets[rows])))
                rate = len(losses) * config.batch_size / (time.monotonic() - started)
                report(len(losses), steps, float(np.mean(losses[-100:])), rate)

    def weights(self) -> list[np.ndarray]:
        """The values of all that learns."""
        return [variable.numpy() for variable in self.model.trainable_variables]

    def become(self, weights: Sequence[np.ndarray]) -> None:
        """Take over values that `weights` gave, or a mean of such."""
        for variable, values in zip(self.model.trainable_variables, weights, strict=True):
            variable.assign(values)

    @tf.function(autograph=False, reduce_retracing=True)
    def _lower(self, ids, mask):
        hidden = self.embeddings(ids, training=False)
        for layer in self.lower:
            hidden = layer(hidden, (1.0 - mask[:, None, None, :]) * MASKED, training=False)
        return hidden

    @tf.function(autograph=False, reduce_retracing=True)
    def _forward(self, hidden, mask):
        return self._upper(hidden, mask, training=False)

    def _upper(self, hidden, mask, *, training):
        for layer in self.upper:
            hidden = layer(hidden, (1.0 - mask[:, None, None, :]) * MASKED, training=training)
        return self.model.get_layer("head")(self.model.get_layer("pooling")(hidden, mask), training=training)

    def _step(self, optimiser: AdamW) -> Callable[..., tf.Tensor]:
        variables = [variable.value for variable in self.model.trainable_variables]
        size = self.model.get_layer("encoder").output_shape[-1]
        flat, cube = tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((None, None, size), tf.float32)

        @tf.function(input_signature=[cube, flat, flat, flat], autograph=False)
        def step(hidden, mask, targets, offsets):
            with tf.GradientTape() as tape:
                logits = self._upper(hidden, mask, training=True) + offsets
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
            optimiser.apply(tape.gradient(loss, variables))
            return loss

        return step
