"""Training steps and epochs: a prepared model and encoded examples in, the weights of the best epoch out.

Loads TensorFlow when imported.
"""

# Keras ships no types; what is guessed from its source is often wrong.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from classifier.batching import Examples, class_weights, training_batches
from classifier.encoder import keras, tf
from classifier.encoding import batches_by_length
from classifier.errors import TrainingDiverged
from classifier.evaluation import confusion, macro_f1
from classifier.network import serving_function
from classifier.optimiser import AdamW
from classifier.predictor import TOKEN_BUDGET
from classifier.recipe import EpochEnd, Progress, StepReport, TrainConfig
from classifier.resume import Checkpoint

# What Keras calls the counter of a random generator.
SEED_STATE = "seed_generator_state"


@dataclass(frozen=True)
class Fit:
    """How a fine-tuning went; the model holds the weights of `best_epoch`."""

    epochs_run: int
    best_epoch: int
    examples_per_second: float


def fit(
    model: keras.Model,
    train: Examples,
    valid: Examples,
    config: TrainConfig,
    report: StepReport,
    *,
    last: Checkpoint | None = None,
    save: Callable[[Checkpoint], None] = lambda checkpoint: None,
) -> Fit:
    """Train `model` in place, keeping the weights of the epoch with the best macro-F1 on the validation examples.

    Goes on from `last` where one is given, and calls `save` after each epoch. The same model, examples and options give
    the same weights on the same machine, bit for bit, also with interruptions. Raises TrainingDiverged.
    """
    state = _State(model, AdamW(model.trainable_variables, config.learning_rate, _steps(train, config) * config.epochs))
    course = _Course(config, _steps(train, config), report)
    if last is not None:
        state.restore(last.arrays)
        course.go_on(last)
        last = None  # its arrays are four times the model; nobody else holds them
    step, forward = train_step(model, state.optimiser, config), serving_function(model)
    labels = model.output_shape[-1]
    weights = class_weights(train.labels, labels, balanced=config.class_weight == "auto")
    while course.worth_another_epoch():
        # By seed and epoch, so that an epoch is the same whatever came before it in this process.
        random = np.random.default_rng([config.seed, len(course.history)])
        for batch in training_batches(train, config.batch_size, weights, random):
            course.after_step(float(step(*batch)))
        if course.after_epoch(macro_f1(confusion(valid.labels, predicted(forward, valid), labels))):
            state.remember()
        save(Checkpoint(tuple(course.history), course.steps_done, course.seconds, dict(state.arrays())))
        report(course.history[-1])  # an epoch that was told is not lost any more
        course.resume_clock()
    state.restore_best()
    return Fit(len(course.history), course.best_epoch, course.examples_per_second)


def train_step(model: keras.Model, optimiser: AdamW, config: TrainConfig) -> Callable[..., tf.Tensor]:
    """(input ids, attention mask, labels, weights) to the loss, after one update of the model.

    Our own step rather than Keras' fit(): that traces the graph twice, and each trace takes as long as 600 texts.
    """
    variables, loss_of = [variable.value for variable in model.trainable_variables], _loss(config.label_smoothing)
    tokens = tf.TensorSpec((None, None), tf.int32)
    shapes = [tokens, tokens, tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.float32)]

    @tf.function(input_signature=shapes, autograph=False)
    def step(input_ids, attention_mask, labels, weights):
        with tf.GradientTape() as tape:
            logits = model([input_ids, attention_mask], training=True)
            loss = tf.reduce_mean(loss_of(labels, logits) * weights)
        optimiser.apply(tape.gradient(loss, variables))
        return loss

    return step


def predicted(forward: Callable[..., np.ndarray], examples: Examples) -> np.ndarray:
    """The likeliest label of each example, int [texts]."""
    labels = np.zeros(len(examples), int)
    for rows in batches_by_length(examples.lengths.tolist(), TOKEN_BUDGET):
        labels[rows] = forward(*examples.padded(rows)).argmax(axis=1)
    return labels


class _State:
    """All numbers that a training moves: the network's, the optimiser's, the random ones', and the best so far."""

    def __init__(self, model: keras.Model, optimiser: AdamW) -> None:
        self.optimiser = optimiser
        self.trained = [variable.value for variable in model.trainable_variables]
        # The others are the states of the random generators, one for each dropout; what LoRA leaves alone is not here.
        random = [variable.value for variable in model.non_trainable_variables if variable.name == SEED_STATE]
        self.moving = [*self.trained, *random, *optimiser.state]
        self.best = self._copy()

    def arrays(self) -> Iterator[tuple[str, np.ndarray]]:
        yield from ((f"now.{number}", variable.numpy()) for number, variable in enumerate(self.moving))
        yield from ((f"best.{number}", values) for number, values in enumerate(self.best))

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        for number, variable in enumerate(self.moving):
            variable.assign(arrays[f"now.{number}"])
        self.best = [arrays[f"best.{number}"] for number in range(len(self.trained))]

    def remember(self) -> None:
        self.best = self._copy()

    def restore_best(self) -> None:
        for variable, values in zip(self.trained, self.best, strict=True):
            variable.assign(values)

    def _copy(self) -> list[np.ndarray]:
        return [np.array(variable.numpy()) for variable in self.trained]


class _Course:
    """Counts and times the steps, reports them, and says whether another epoch is worth its time."""

    def __init__(self, config: TrainConfig, steps: int, report: StepReport) -> None:
        self.config, self.report = config, report
        self.steps = steps * config.epochs
        self.history: list[EpochEnd] = []
        self.losses: list[float] = []  # of this epoch
        self.steps_done = 0
        self.seconds = 0.0  # of training alone, without the scoring between epochs
        self.resume_clock()

    def go_on(self, last: Checkpoint) -> None:
        self.history, self.steps_done, self.seconds = list(last.history), last.steps, last.seconds

    @property
    def best_epoch(self) -> int:
        """The number of the epoch with the best score, 0 before there is one."""
        return max((epoch.epoch for epoch in self.history if epoch.best), default=0)

    @property
    def examples_per_second(self) -> float:
        return self.steps_done * self.config.batch_size / self.seconds

    def worth_another_epoch(self) -> bool:
        done = len(self.history)
        return done < self.config.epochs and done - self.best_epoch < self.config.patience

    def resume_clock(self) -> None:
        self.resumed = time.monotonic()

    def after_step(self, loss: float) -> None:
        now = time.monotonic()
        self.seconds += now - self.resumed
        self.resumed = now
        self.steps_done += 1
        if not math.isfinite(loss):
            raise TrainingDiverged(
                f"Training diverged: after step {self.steps_done} of {self.steps} the loss is {loss}. Nothing was "
                f"stored; try a lower --learning-rate than {self.config.learning_rate:g}."
            )
        self.losses.append(loss)
        self.report(
            Progress(
                epoch=len(self.history) + 1,
                epochs=self.config.epochs,
                step=self.steps_done,
                steps=self.steps,
                loss=float(np.mean(self.losses)),
                examples_per_second=self.examples_per_second,
                seconds_left=self.seconds / self.steps_done * (self.steps - self.steps_done),
            )
        )

    def after_epoch(self, score: float) -> bool:
        """Whether this epoch's score is the best so far."""
        best = score > max((epoch.macro_f1 for epoch in self.history), default=-1.0)
        end = EpochEnd(len(self.history) + 1, self.config.epochs, float(np.mean(self.losses)), score, best)
        self.history.append(end)
        self.losses = []
        return best


def _steps(train: Examples, config: TrainConfig) -> int:
    """Steps of one epoch."""
    return -(-len(train) // config.batch_size)


def _loss(label_smoothing: float) -> Callable[..., tf.Tensor]:
    """Cross-entropy of each text on logits: sparse, or against smoothed one-hot labels (Szegedy et al. 2016)."""
    if not label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing, reduction=None)
    return lambda labels, logits: smoothed(keras.ops.one_hot(labels, logits.shape[-1]), logits)
