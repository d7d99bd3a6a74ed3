"""Fine-tuning: a base checkpoint and labelled texts in, a stored version out.

TensorFlow is loaded by importing this module, so it is imported inside functions only.
"""

# Keras ships no types; what is guessed from its source is often wrong.
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from classifier.adapter import adapter_of, merge, write_adapter
from classifier.base import Base, load_base
from classifier.batching import Examples, encode_examples
from classifier.config import NORMALISER_VERSION, Head, ModelConfig
from classifier.corrections import (
    NAME,
    Corrections,
    Feedback,
    Source,
    learned_file,
    mixed,
    weight_beside,
    weights_of,
)
from classifier.data_report import data_report
from classifier.encoding import load_tokenizer
from classifier.errors import DataError, StorageError, TrainingDiverged, TrainingInterrupted
from classifier.finishing import NOTHING, Extra, TrainingData, finish, free_name, label_numbers, load_data
from classifier.fitting import Fit, fit
from classifier.labels import emoji_for
from classifier.languages import check_codes, languages_of
from classifier.manifest import CORRECTIONS, DataFile
from classifier.network import build_classifier, encoder_dense, keras, load_weights, lora_factors, read_weights
from classifier.precision import POLICIES, resolve
from classifier.recipe import Begun, Examined, Report, Stage, StepReport, TrainConfig, TrainOutcome
from classifier.registry import Registry
from classifier.resume import Order, WorkFolder, absolute, begin, check_unchanged, go_on
from classifier.rows import check_readable

NO_CORRECTIONS = Corrections()


def train_version(
    config: TrainConfig, registry: Registry, *, report: Report, corrections: Corrections = NO_CORRECTIONS
) -> TrainOutcome:
    """Fine-tune, calibrate and evaluate as `config` says, and store the result as a new version.

    Stored whole or not at all; until then a checkpoint is kept after each epoch, for resume_version. Raises DataError,
    BaseNotFound, VersionExists, StorageError, TrainingDiverged, TrainingInterrupted after Ctrl-C, and ClassifierError
    when a training of that name was interrupted before. With `config.feedback` the corrections are learned too.
    """
    name = config.name or free_name(registry)
    config = replace(absolute(config), name=name, precision=resolve(config.precision))
    with begin(registry, name) as work, _explained(work):
        return _train(config, None, work, registry, report, corrections)


def resume_version(
    name: str, registry: Registry, *, report: Report, corrections: Corrections = NO_CORRECTIONS
) -> TrainOutcome:
    """Go on with an interrupted training behind its last whole epoch; what comes out is what would have come out.

    Raises as train_version does, and DataError when the data or the base were changed meanwhile.
    """
    with go_on(registry, name) as work, _explained(work):
        order = work.read_order()
        return _train(order.config, order, work, registry, report, corrections)


def _train(
    config: TrainConfig,
    began: Order | None,
    work: WorkFolder,
    registry: Registry,
    report: Report,
    corrections: Corrections,
) -> TrainOutcome:
    """From wherever `work` stands to the stored version; `began` is the order of an interrupted training."""
    started = time.monotonic()
    data, base = _read(config, report), load_base(config.base)
    feedback, extra, weights = None, NOTHING, {}
    if config.feedback:
        data, feedback, extra = _with_feedback(data, corrections)
        weights = {source.name: source.weight for source in feedback.sources}
    order = Order(config, _files(data), base.sha256)
    check_unchanged(began, order) if began else work.write_order(order)
    stand = work.load(arrays=False)
    report(Begun(work.path.name, len(stand.history) if stand else 0, config.epochs))
    model_config = configure(config, base, data.labels)
    if not model_config.languages:
        model_config = replace(model_config, languages=languages_of(data.train.texts))
    train, valid = encode_parts(data, base, model_config, report)
    if weights:
        train = replace(train, weights=weights_of(data.train, weights))
    examined = data_report(data, train, valid, max_length=model_config.max_length)
    report(Examined(examined))
    model = prepare(base, model_config, lora=config.lora, seed=config.seed, precision=config.precision)
    found = fit(model, train, valid, config, report, last=work.load(), save=work.save)
    report(Stage("calibrating, measuring and compiling", 0, 0))
    tensors, adapter = learned(model, base)
    with registry.stage(work.path.name) as staging:
        version, metrics = finish(staging, tensors, model_config, base, data, config, adapter=adapter, extra=extra)
    return TrainOutcome(
        version=version,
        metrics=metrics,
        data_report=examined,
        seconds=round(time.monotonic() - started + (stand.seconds if stand else 0), 1),
        epochs_run=found.epochs_run,
        best_epoch=found.best_epoch,
        examples=len(data.train),
        examples_per_second=round(found.examples_per_second, 1),
        feedback=feedback,
    )


def _with_feedback(data: TrainingData, corrections: Corrections) -> tuple[TrainingData, Feedback, Extra]:
    """The data with the corrections beside it. Raises DataError where none can be learned."""
    usable = corrections.with_labels(data.labels)
    learned = usable.to_learn
    if not len(learned):
        raise DataError(
            f"Of {len(corrections)} corrections none can be learned beside {data.train.name}: leave out --feedback."
        )
    rows = len(data.train)
    weight = weight_beside(rows, len(learned))
    feedback = Feedback(
        mode="mixed",
        sources=(Source(data.train.name, rows, 1.0), Source(NAME, len(learned), weight)),
        learned=len(learned),
        held_out=len(usable.held_out),
        other_labels=len(corrections) - len(usable),
    )
    extra = Extra(files={CORRECTIONS: learned_file(usable)}, facts={"corrections": len(learned)})
    return replace(data, train=mixed(data.train, usable)), feedback, extra


@contextmanager
def _explained(work: WorkFolder) -> Generator[None]:
    """Say after Ctrl-C or with a full disk how to go on, and leave nothing of a training that can't be saved."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise TrainingInterrupted(
            f"Training was interrupted. {_way_on(work) or 'Nothing was stored: not one epoch was finished.'}"
        ) from error
    except StorageError as error:
        raise StorageError(f"{error} {_way_on(work)}".rstrip()) from error
    except TrainingDiverged:
        work.discard()
        raise


def _way_on(work: WorkFolder) -> str:
    hint = f"Go on after its last whole epoch with `clfadmin train --resume {work.path.name}`."
    return hint if work.has_checkpoint else ""


def _read(config: TrainConfig, report: Report) -> TrainingData:
    total, done = sum(check_readable(path) for path in (*config.data, *config.valid)), 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        report(Stage("reading", done, total))

    return load_data(config, advance=advance)


def _files(data: TrainingData) -> tuple[DataFile, ...]:
    """Those of both parts, twice where they are the same: as many as there were at the beginning, whatever changed."""
    return (*data.train.files, *data.valid.files)


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
        languages=check_codes(config.languages),
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


def encode_parts(
    data: TrainingData, base: Base, config: ModelConfig, report: Callable[[Stage], None] = lambda stage: None
) -> tuple[Examples, Examples]:
    """The training and the validation part as the model reads them."""
    tokenizer = load_tokenizer(base.files["tokenizer.json"], max_length=config.max_length)
    total, done = len(data.train) + len(data.valid), 0

    def advance(texts: int) -> None:
        nonlocal done
        done += texts
        report(Stage("tokenising", done, total))

    train, valid = (
        encode_examples(tokenizer, part.texts, label_numbers(part, data.labels), advance=advance)
        for part in (data.train, data.valid)
    )
    return train, valid


def fine_tune(
    model: keras.Model,
    model_config: ModelConfig,
    base: Base,
    data: TrainingData,
    config: TrainConfig,
    report: StepReport,
) -> Fit:
    """Train `model` in place, keeping the weights of the epoch with the best macro-F1 on the validation part."""
    return fit(model, *encode_parts(data, base, model_config), config, report)


def learned(model: keras.Model, base: Base) -> tuple[Mapping[str, np.ndarray], bytes | None]:
    """The tensors to store, and with LoRA the adapter's file.

    The tensors are then the base with that adapter merged, float16 and all: what is exported as an adapter and imported
    elsewhere is the very version that was measured here.
    """
    tensors, factors = read_weights(model), lora_factors(model)
    if not factors:
        return tensors, None
    adapter = adapter_of(base.tensors, tensors, factors)
    return merge(base.tensors, adapter), write_adapter(adapter)
