"""Fine-tuning: a base checkpoint and labelled texts in, a stored version out.

TensorFlow is loaded by importing this module, so it is imported inside functions only.
"""

# Keras ships no types; what is guessed from its source is often wrong.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.base import Base, load_base
from classifier.batching import Examples, class_weights, training_batches
from classifier.config import NORMALISER_VERSION, Head, ModelConfig
from classifier.encoding import encode, load_tokenizer
from classifier.errors import ClassifierError, TrainingInterrupted
from classifier.evaluation import confusion, macro_f1
from classifier.finishing import TrainingData, finish, free_name, label_numbers, load_data
from classifier.labels import emoji_for
from classifier.network import build_classifier, encoder_dense, keras, load_weights, read_weights, serving_function, tf
from classifier.optimiser import AdamW
from classifier.precision import POLICIES, resolve
from classifier.predictor import logits_of
from classifier.recipe import EpochEnd, Progress, Report, TrainConfig, TrainOutcome
from classifier.registry import Registry


def train_version(config: TrainConfig, registry: Registry, *, report: Report) -> TrainOutcome:
    """Fine-tune, calibrate and evaluate as `config` says, and store the result as a new version.

    Stored whole or not at all. Raises DataError, BaseNotFound, VersionExists, StorageError, TrainingInterrupted after
    Ctrl-C, and ClassifierError when the loss is no longer a number.
    """
    started = time.monotonic()
    try:
        data = load_data(config)
        base = load_base(config.base)
        with registry.stage(config.name or free_name(registry)) as staging:
            model_config = configure(config, base, data.labels)
            model = prepare(base, model_config, lora=config.lora, seed=config.seed, precision=config.precision)
            fit = fine_tune(model, model_config, base, data, config, report)
            version, metrics = finish(staging, read_weights(model), model_config, base, data, config)
    except KeyboardInterrupt as error:
        raise TrainingInterrupted("Training was interrupted. Nothing was stored.") from error
    return TrainOutcome(
        version=version,
        metrics=metrics,
        seconds=round(time.monotonic() - started, 1),
        epochs_run=fit.epochs_run,
        best_epoch=fit.best_epoch,
        examples=len(data.train),
        examples_per_second=round(fit.examples_per_second, 1),
    )


def configure(config: TrainConfig, base: Base, labels: Sequence[str]) -> ModelConfig:
    """The network that `config` asks for, not calibrated yet."""
    return ModelConfig(
        architecture=base.architecture,
        pooling=config.pooling,
        head=Head(hidden=tuple(config.hidden), dropout=config.dropout),
        labels=tuple(labels),
        max_length=min(config.max_length, base.architecture.max_positions),
        normaliser=NORMALISER_VERSION,
        temperature=1.0,
        threshold=0.0,
        emoji=emoji_for(labels, config.emoji),
    )


def prepare(base: Base, config: ModelConfig, *, lora: int, seed: int, precision: str = "auto") -> keras.Model:
    """A classifier with the base's encoder and a fresh head, ready to train.

    With a LoRA rank (Hu et al. 2021) the encoder's matrices and embeddings stay as they are; adapters beside the
    matrices, biases, LayerNorms and the head learn.
    """
    keras.utils.set_random_seed(seed)
    model = build_classifier(config, precision=POLICIES[resolve(precision)])
    load_weights(model, base.tensors)
    if lora:
        embeddings = model.get_layer("encoder").get_layer("embeddings")
        for table in (embeddings.word, embeddings.position, embeddings.token_type):
            table.trainable = False
        for dense in encoder_dense(model):
            dense.enable_lora(lora)
    return model


@dataclass(frozen=True)
class Fit:
    """How a fine-tuning went; the model holds the weights of `best_epoch`."""

    epochs_run: int
    best_epoch: int
    examples_per_second: float


def fine_tune(
    model: keras.Model, model_config: ModelConfig, base: Base, data: TrainingData, config: TrainConfig, report: Report
) -> Fit:
    """Train `model` in place, keeping the weights of the epoch with the best macro-F1 on the validation part."""
    tokenizer = load_tokenizer(base.files["tokenizer.json"], max_length=model_config.max_length)
    train, valid = (
        Examples(encode(tokenizer, part.texts), label_numbers(part, data.labels)) for part in (data.train, data.valid)
    )
    steps = -(-len(train) // config.batch_size)
    watch = _Watch(model, valid, steps, config, report)
    step = train_step(model, config, steps * config.epochs)
    weights = class_weights(train.labels, len(data.labels), balanced=config.class_weight == "auto")
    random = np.random.default_rng(config.seed)
    for _ in range(config.epochs):
        for batch in training_batches(train, config.batch_size, weights, random):
            watch.after_step(float(step(*batch)))
        if not watch.after_epoch():
            break
    watch.restore_best()
    return Fit(watch.epochs_run, watch.best_epoch, watch.examples_per_second)


class _Watch:
    """Reports each step, scores each epoch, keeps the best weights and says when they are no longer beaten."""

    def __init__(self, model: keras.Model, valid: Examples, steps: int, config: TrainConfig, report: Report) -> None:
        self.model, self.valid, self.config, self.report = model, valid, config, report
        self.labels = model.output_shape[-1]
        self.forward = serving_function(model)
        self.steps = steps * config.epochs
        self.steps_done = self.epochs_run = self.best_epoch = 0
        self.losses: list[float] = []  # of this epoch
        self.seconds = 0.0  # of training alone, without the scoring between epochs
        self.resumed = time.monotonic()
        self.best_macro_f1 = -1.0
        self.best_weights: list[np.ndarray] = []

    @property
    def examples_per_second(self) -> float:
        return self.steps_done * self.config.batch_size / self.seconds

    def after_step(self, loss: float) -> None:
        now = time.monotonic()
        self.seconds += now - self.resumed
        self.resumed = now
        self.steps_done += 1
        if not math.isfinite(loss):
            raise ClassifierError(
                f"Training diverged: after step {self.steps_done} of {self.steps} the loss is {loss}. Nothing was "
                f"stored; try a lower --learning-rate than {self.config.learning_rate:g}."
            )
        self.losses.append(loss)
        self.report(
            Progress(
                epoch=self.epochs_run + 1,
                epochs=self.config.epochs,
                step=self.steps_done,
                steps=self.steps,
                loss=float(np.mean(self.losses)),
                examples_per_second=self.examples_per_second,
                seconds_left=self.seconds / self.steps_done * (self.steps - self.steps_done),
            )
        )

    def after_epoch(self) -> bool:
        """Whether another epoch is worth its time."""
        self.epochs_run += 1
        predicted = logits_of(self.forward, self.valid.encoded).argmax(axis=1)
        score = macro_f1(confusion(self.valid.labels, predicted, self.labels))
        best = score > self.best_macro_f1
        if best:
            self.best_macro_f1, self.best_epoch = score, self.epochs_run
            self.best_weights = [variable.numpy() for variable in self.model.trainable_variables]
        self.report(EpochEnd(self.epochs_run, self.config.epochs, float(np.mean(self.losses)), score, best))
        self.losses = []
        self.resumed = time.monotonic()
        return self.epochs_run - self.best_epoch < self.config.patience

    def restore_best(self) -> None:
        for variable, value in zip(self.model.trainable_variables, self.best_weights, strict=True):
            variable.assign(value)


def train_step(model: keras.Model, config: TrainConfig, steps: int) -> Callable[..., tf.Tensor]:
    """(input ids, attention mask, labels, weights) to the loss, after one update of the model.

    Our own step rather than Keras' fit(): that traces the graph twice, and each trace takes as long as 600 texts.
    """
    variables, loss_of = model.trainable_variables, _loss(config.label_smoothing)
    optimiser = AdamW(variables, config.learning_rate, steps)
    tokens = tf.TensorSpec((None, None), tf.int32)
    shapes = [tokens, tokens, tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.float32)]

    @tf.function(input_signature=shapes, autograph=False)
    def step(input_ids, attention_mask, labels, weights):
        with tf.GradientTape() as tape:
            logits = model([input_ids, attention_mask], training=True)
            loss = tf.reduce_mean(loss_of(labels, logits) * weights)
        optimiser.apply(tape.gradient(loss, [variable.value for variable in variables]))
        return loss

    return step


def _loss(label_smoothing: float) -> Callable[..., tf.Tensor]:
    """Cross-entropy of each text on logits: sparse, or against smoothed one-hot labels (Szegedy et al. 2016)."""
    if not label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing, reduction=None)
    return lambda labels, logits: smoothed(keras.ops.one_hot(labels, logits.shape[-1]), logits)
