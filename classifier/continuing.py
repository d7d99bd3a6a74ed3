"""Continuing a version on corrections with LoRA (Hu et al. 2021), held to its own predictions on other texts.

Each step learns from corrections and from anchors at once: a correction's target is its label, an anchor's target what
the version itself said about it before (Li and Hoiem 2016; the distillation term of Hinton et al. 2015). A few minutes
at most, so there is no way to resume it. TensorFlow is loaded by importing this module.
"""

# Keras ships no types; what is guessed from its source is often wrong.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from classifier.anchors import OWN_SENTENCES, Anchors, read_anchors
from classifier.base import Base
from classifier.batching import Examples, batch_rows, encode_examples
from classifier.calibration import softmax
from classifier.corrections import NAME, Corrections, Feedback, Source, joined, learned_file
from classifier.data_report import data_report
from classifier.dataset import Dataset, load
from classifier.encoder import keras, tf
from classifier.encoding import load_tokenizer
from classifier.errors import DataError, TrainingDiverged, TrainingInterrupted
from classifier.evaluation import confusion, macro_f1
from classifier.finishing import Extra, TrainingData, finish, free_name, label_numbers
from classifier.fitting import predicted
from classifier.manifest import CORRECTIONS, MANIFEST, WEIGHTS
from classifier.network import read_weights, serving_function
from classifier.optimiser import AdamW
from classifier.precision import resolve
from classifier.predictor import logits_of, predictor_from_files
from classifier.recipe import EpochEnd, Examined, Progress, Report, Stage, TrainConfig, TrainOutcome
from classifier.registry import Registry
from classifier.resume import check_new
from classifier.rows import Columns
from classifier.training import prepare
from classifier.version import Version
from classifier.weights import read_tensors, version_shapes

# What `train --feedback` uses where nothing else was asked for.
LORA, LEARNING_RATE, EPOCHS = 8, 3e-4, 4
# All corrections together count half as much as all anchors, no single one less than an anchor or more than five.
SHARE, MOST = 0.5, 5.0
# A correction is one person's word or a few people's: the target leaves room for doubt, and logits do not run away.
SMOOTHING = 0.1
# From so many texts on, named with --valid, confidence is calibrated anew; else the version's own scale is kept.
CALIBRATED_FROM = 200
ANCHORS = "anchors"


@dataclass(frozen=True)
class Lesson:
    """All texts of a continued training: `targets` float32 [texts, labels], `weights` float32 [texts]."""

    examples: Examples
    targets: np.ndarray
    weights: np.ndarray


def continue_version(
    parent: Version, corrections: Corrections, config: TrainConfig, registry: Registry, *, report: Report
) -> TrainOutcome:
    """A new version that has learned the corrections not held out, with the labels and the network of `parent`.

    Raises DataError, VersionRefused, VersionExists, StorageError, TrainingDiverged, and TrainingInterrupted after
    Ctrl-C: nothing is stored then.
    """
    name = config.name or free_name(registry)
    check_new(registry, name)
    config = replace(config, name=name, precision=resolve(config.precision))
    try:
        return _continued(parent, corrections, config, registry, report)
    except KeyboardInterrupt as error:
        raise TrainingInterrupted("Training was interrupted. Nothing was stored: begin it again.") from error


def _continued(
    parent: Version, corrections: Corrections, config: TrainConfig, registry: Registry, report: Report
) -> TrainOutcome:
    started = time.monotonic()
    files, labels = parent.read_verified(), parent.config.labels
    usable = corrections.with_labels(labels)
    learned = usable.to_learn
    if not len(learned):
        raise DataError(no_corrections(corrections, labels))
    columns = Columns(config.text_column, config.label_column)
    anchors = read_anchors(
        config.anchor,
        columns,
        labels,
        without=[row.text for row in corrections.rows],
        own=OWN_SENTENCES if reads_english(parent) else 0,
    )
    before = predictor_from_files(parent.name, parent.config, files)
    report(Stage("asking the version it continues", 0, 0))
    soft = softmax(logits_of(before.forward, before.encode(anchors.held)), 1.0)
    data = _data(learned, anchors, soft, labels, config)
    weight = correction_weight(len(anchors.held), len(learned))
    lesson, valid = _encoded(data, files["tokenizer.json"], parent, soft, weight, len(learned))
    examined = data_report(data, lesson.examples, valid, max_length=parent.config.max_length)
    report(Examined(examined))
    base = Base(
        name=parent.manifest.provenance.base,
        sha256=parent.manifest.provenance.base_sha256 or hashlib.sha256(files[WEIGHTS]).hexdigest(),
        architecture=parent.config.architecture,
        tensors=read_tensors(files[WEIGHTS], version_shapes(parent.config)),
        files={file: files[file] for file in ("tokenizer.json", "special_tokens_map.json") if file in files},
    )
    model = prepare(base, parent.config, lora=config.lora, seed=config.seed, precision=config.precision)
    seconds = _fit(model, lesson, valid, config, report)
    report(Stage("measuring and compiling", 0, 0))
    feedback = Feedback(
        mode="continued",
        sources=(Source(NAME, len(learned), weight), Source(ANCHORS, len(anchors.held), 1.0)),
        learned=len(learned),
        held_out=len(usable.held_out),
        other_labels=len(corrections) - len(usable),
        parent=parent.name,
        anchors=anchors.sources,
    )
    extra = Extra(
        files={CORRECTIONS: learned_file(usable)},
        parent=hashlib.sha256((parent.path / MANIFEST).read_bytes()).hexdigest(),
        facts={"corrections": len(learned), "anchors": len(anchors.held), "continued": parent.name},
        calibrated=len(data.valid) < CALIBRATED_FROM or not config.valid,
    )
    with registry.stage(config.name or "") as staging:
        version, metrics = finish(staging, read_weights(model), parent.config, base, data, config, extra=extra)
    return TrainOutcome(
        version=version,
        metrics=metrics,
        data_report=examined,
        seconds=round(time.monotonic() - started, 1),
        epochs_run=config.epochs,
        best_epoch=config.epochs,
        examples=len(data.train),
        examples_per_second=round(len(data.train) * config.epochs / max(seconds, 1e-9), 1),
        feedback=feedback,
    )


def reads_english(version: Version) -> bool:
    """Or nobody said what it was trained for."""
    return not version.config.languages or "en" in version.config.languages


def no_corrections(corrections: Corrections, labels: tuple[str, ...]) -> str:
    if not len(corrections):
        return (
            "No corrections are kept that could be learned from. People correct labels in Slack; texts are kept only "
            "in channels that chose to learn. See `clfadmin feedback stats`."
        )
    return (
        f"Of {len(corrections)} corrections none can be learned from: the held-out fifth is not learned, and labels "
        f"must be among {', '.join(labels)}."
    )


def correction_weight(anchors: int, corrections: int) -> float:
    """What each correction counts beside anchors that count 1."""
    return float(np.clip(SHARE * anchors / corrections, 1.0, MOST))


def _data(
    learned: Corrections, anchors: Anchors, soft: np.ndarray, labels: tuple[str, ...], config: TrainConfig
) -> TrainingData:
    """The corrections, then the anchors with what the version said about them; and what it is measured on."""
    said = tuple(labels[place] for place in soft.argmax(axis=1))
    count = len(anchors.held)
    held = Dataset(anchors.held, said, (ANCHORS,) * count, tuple(range(1, count + 1)), ANCHORS, "", anchors.files)
    valid = anchors.valid
    if config.valid:
        columns = {"text_column": config.text_column, "label_column": config.label_column}
        valid = load(config.valid, least_labels=1, **columns)
        unknown = sorted(set(valid.labels) - set(labels))
        if unknown:
            raise DataError(f"{valid.name} has the label {unknown[0]!r}; the version knows {', '.join(labels)}.")
    return TrainingData(joined(learned.dataset(), held), valid, labels)


def _encoded(
    data: TrainingData, tokenizer: bytes, parent: Version, soft: np.ndarray, weight: float, learned: int
) -> tuple[Lesson, Examples]:
    read = load_tokenizer(tokenizer, max_length=parent.config.max_length)
    numbers = label_numbers(data.train, data.labels)
    train = encode_examples(read, data.train.texts, numbers)
    valid = encode_examples(read, data.valid.texts, label_numbers(data.valid, data.labels))
    count = len(data.labels)
    hard = np.eye(count)[numbers[:learned]] * (1 - SMOOTHING) + SMOOTHING / count
    weights = np.concatenate([np.full(learned, weight), np.ones(len(soft))])
    return Lesson(train, np.concatenate([hard, soft]).astype(np.float32), weights.astype(np.float32)), valid


def _fit(model: keras.Model, lesson: Lesson, valid: Examples, config: TrainConfig, report: Report) -> float:
    """Train in place for all epochs; the seconds that took. What is measured on is too little to choose an epoch by."""
    steps = -(-len(lesson.examples) // config.batch_size)
    step = _step(model, AdamW(model.trainable_variables, config.learning_rate, steps * config.epochs))
    forward = serving_function(model)
    done, began = 0, time.monotonic()
    for epoch in range(1, config.epochs + 1):
        losses: list[float] = []
        for rows in batch_rows(lesson.examples.lengths, config.batch_size, np.random.default_rng([config.seed, epoch])):
            losses.append(float(step(*lesson.examples.padded(rows), lesson.targets[rows], lesson.weights[rows])))
            done += 1
            if not math.isfinite(losses[-1]):
                raise TrainingDiverged(f"Training diverged after step {done}. Try a lower --learning-rate.")
            rate = done * config.batch_size / (time.monotonic() - began)
            left = (steps * config.epochs - done) * config.batch_size / rate
            report(Progress(epoch, config.epochs, done, steps * config.epochs, float(np.mean(losses)), rate, left))
        score = macro_f1(confusion(valid.labels, predicted(forward, valid), model.output_shape[-1]))
        report(EpochEnd(epoch, config.epochs, float(np.mean(losses)), score, best=epoch == config.epochs))
    return time.monotonic() - began


def _step(model: keras.Model, optimiser: AdamW) -> Callable[..., tf.Tensor]:
    """(input ids, attention mask, targets [batch, labels], weights) to the loss, after one update of the model."""
    variables = [variable.value for variable in model.trainable_variables]
    tokens, values = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.float32)

    @tf.function(input_signature=[tokens, tokens, tf.TensorSpec((None, None), tf.float32), values], autograph=False)
    def step(input_ids, attention_mask, targets, weights):
        with tf.GradientTape() as tape:
            logits = tf.cast(model([input_ids, attention_mask], training=True), tf.float32)
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
        optimiser.apply(tape.gradient(loss, variables))
        return loss

    return step
