"""The parts of a training that need no TensorFlow of their own: data in front, calibration and storing behind."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version as library_version
from typing import Any

import numpy as np

from classifier import dataset
from classifier.base import Base
from classifier.calibration import fit_temperature, fit_threshold, softmax
from classifier.canary import make_canaries
from classifier.compiling import FIT_TEXTS, Checked, Compiled, compiled_form
from classifier.config import ModelConfig
from classifier.dataset import Dataset
from classifier.errors import DataError
from classifier.evaluation import DataName, evaluate
from classifier.full_evaluation import evaluate_fully, outputs_of
from classifier.manifest import ADAPTER, CONFIG, METRICS, QUANTISATION, SERVING, WEIGHTS, DataFile, Plain, Provenance
from classifier.predictor import Predictor, logits_of, predictor_from_files
from classifier.recipe import TrainConfig
from classifier.registry import Registry
from classifier.report.page import html_report
from classifier.resume import unfinished
from classifier.sample import sample_in_memory
from classifier.staging import Staging
from classifier.version import Version
from classifier.weights import write_tensors

# Without a validation file: enough rows to choose an epoch and to calibrate on, and nine tenths left to learn from.
VALID_FRACTION = 0.1
CANARY, CANARIES = "canary.jsonl", 8
REPORT_PAGE = "report/report.html"
TEXT_LISTS = ("mistakes", "suspected_label_errors")
# Texts the compiled form is compared on, at least: of fewer, one changed label would decide.
LEAST_CHECKED = 500
LIBRARIES = ("tensorflow", "keras", "numpy", "onnx", "onnxruntime", "tokenizers", "safetensors")


@dataclass(frozen=True)
class TrainingData:
    """What is learned from, what is measured on, and the labels in the order of the model's outputs.

    `overlap` counts the rows that were taken out of the first part because their text is in the second.
    """

    train: Dataset
    valid: Dataset
    labels: tuple[str, ...]
    overlap: int = 0

    @property
    def files(self) -> tuple[DataFile, ...]:
        """Each file once, in the order they were named."""
        return tuple({(file.name, file.sha256): file for file in (*self.train.files, *self.valid.files)}.values())


@dataclass(frozen=True)
class Extra:
    """What a version says besides, where it learned from corrections: more files, and facts beside the options.

    `parent` is the sha256 of the manifest it continues; `calibrated`: temperature and threshold stay what they are.
    """

    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    parent: str | None = None
    facts: Mapping[str, Plain] = field(default_factory=dict[str, Plain])
    calibrated: bool = False


NOTHING = Extra()


def load_data(config: TrainConfig, *, advance: Callable[[int], None] = lambda size: None) -> TrainingData:
    """The data files of `config`; without validation files a tenth of each label is held out.

    Texts that are in both parts are taken out of the first. `advance` is called now and then with the bytes just read.
    Raises DataError.
    """
    columns = {"text_column": config.text_column, "label_column": config.label_column}
    load = partial(dataset.load, **columns, advance=advance)
    everything = load(config.data)
    if config.valid:
        train, valid = everything, load(config.valid, least_labels=1)
        unknown = sorted(set(valid.labels) - set(train.labels))
        if unknown:
            raise DataError(
                f"{valid.name} has the label {unknown[0]!r}, which {train.name} lacks. "
                f"Known: {', '.join(train.label_names)}."
            )
    else:
        train, valid = dataset.stratified_split(everything, VALID_FRACTION, config.seed)
    train, overlap = dataset.without_overlap(train, valid)
    missing = sorted(set(everything.labels) - set(train.labels))
    if missing:
        raise DataError(f"Every text with the label {missing[0]!r} is validation text too. Give it texts of its own.")
    return TrainingData(train, valid, everything.label_names, overlap)


def free_name(registry: Registry) -> str:
    """A name that no version and no unfinished training has: today's date (UTC) and a counter, such as 20260131-2."""
    today = datetime.now(UTC).strftime("%Y%m%d")
    taken = {*registry.names(), *unfinished(registry)}
    return next(name for number in range(1, len(taken) + 2) if (name := f"{today}-{number}") not in taken)


def finish(
    staging: Staging,
    tensors: Mapping[str, np.ndarray],
    model_config: ModelConfig,
    base: Base,
    data: TrainingData,
    config: TrainConfig,
    *,
    adapter: bytes | None = None,
    extra: Extra = NOTHING,
) -> tuple[Version, dict[str, Any]]:
    """Calibrate on the validation part, evaluate, and publish the version; its metrics come along.

    `adapter` is the file that makes `tensors` out of the base's; it is kept beside them, so that it can be exported.
    Everything is measured through the predictor that will serve the version, from the bytes that are stored.
    """
    name = staging.target.name
    files = {**base.files, WEIGHTS: write_tensors(tensors), **extra.files}
    if adapter is not None:
        files[ADAPTER] = adapter
    predictor = predictor_from_files(name, model_config, files)
    encoded = predictor.encode(data.valid.texts)
    logits = logits_of(predictor.forward, encoded)
    labels = label_numbers(data.valid, model_config.labels)
    readable = np.array([item.readable for item in encoded])
    calibrated = model_config if extra.calibrated else calibrate(model_config, logits, labels, readable=readable)
    files[CONFIG] = (json.dumps(calibrated.to_dict(), indent=1, ensure_ascii=False) + "\n").encode()
    predictor.config = calibrated  # the network is the same, only its outputs are read otherwise
    compiled = _compiled(predictor, files, data, logits)
    if compiled.data:
        files[SERVING] = compiled.data
    if compiled.data and adapter is not None:
        files[QUANTISATION] = compiled.inputs
    files[CANARY] = make_canaries(canary_texts(data.valid, labels), predictor, compiled.predictor)
    valid = data.valid
    sample = sample_in_memory(valid.texts, labels, valid.sources, DataName(valid.name, valid.sha256))
    metrics = evaluate_fully(sample, outputs_of(predictor, encoded, logits))
    # A version travels: no more of people's texts in it than its few canary texts.
    metrics = {key: value for key, value in metrics.items() if key not in TEXT_LISTS}
    metrics["serving"] = compiled.to_dict()
    files[METRICS] = json.dumps(metrics, indent=1, ensure_ascii=False).encode()
    files[REPORT_PAGE] = html_report(metrics).encode()
    for file, content in files.items():
        staging.write(file, content)
    return staging.publish(_provenance(base, data, config, metrics["macro_f1"], extra)), metrics


def _compiled(keras: Predictor, files: Mapping[str, bytes], data: TrainingData, logits: np.ndarray) -> Compiled:
    """The compiled form, checked on the validation part; a small one is filled up with texts from training.

    `logits` are Keras's on the validation part.
    """
    train = keras.encode(data.train.texts[: max(FIT_TEXTS, LEAST_CHECKED)])
    more = train[: max(0, LEAST_CHECKED - len(data.valid))]
    valid_labels, train_labels = (label_numbers(part, keras.labels) for part in (data.valid, data.train))
    if more:
        logits = np.concatenate([logits, logits_of(keras.forward, more)])
    checked = Checked(
        encoded=[*keras.encode(data.valid.texts), *more],
        logits=logits,
        labels=np.concatenate([valid_labels, train_labels[: len(more)]]),
    )
    return compiled_form(keras, files, train, checked)


def calibrate(
    config: ModelConfig, logits: np.ndarray, labels: np.ndarray, *, readable: np.ndarray | None = None
) -> ModelConfig:
    """`config` with the temperature and the threshold that these texts ask for.

    `readable` bool [texts] (default: all) are those that can be sure at all; the threshold is fitted on them. The model
    must not have trained on any. Rounded to what a person reads; the threshold downwards, so that the
    text that set it stays sure.
    """
    temperature = round(fit_temperature(logits, labels), 4)
    probabilities = softmax(logits, temperature)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    if readable is not None and readable.any():
        confidence, correct = confidence[readable], correct[readable]
    found = fit_threshold(confidence, correct)
    return replace(config, temperature=temperature, threshold=float(np.floor(found.threshold * 1e4) / 1e4))


def measure(version: str, config: ModelConfig, data: Dataset, logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Evaluate's object for a version whose logits on `data` are known."""
    return evaluate(
        logits,
        labels,
        version=version,
        data=DataName(data.name, data.sha256),
        labels=config.labels,
        temperature=config.temperature,
        threshold=config.threshold,
    )


def label_numbers(data: Dataset, labels: tuple[str, ...]) -> np.ndarray:
    """Each row's label as its place in `labels`, int [texts]."""
    numbers = {label: number for number, label in enumerate(labels)}
    return np.array([numbers[label] for label in data.labels])


def canary_texts(data: Dataset, labels: np.ndarray) -> list[str]:
    """A few validation texts, each label in turn, those of middle length first: neither trivial nor slow."""
    middle = float(np.median([len(text) for text in data.texts]))
    by_label: dict[int, list[str]] = {}
    for row in sorted(range(len(data)), key=lambda row: abs(len(data.texts[row]) - middle)):
        by_label.setdefault(int(labels[row]), []).append(data.texts[row])
    turns = -(-CANARIES // len(by_label))
    chosen = [texts[turn] for turn in range(turns) for texts in by_label.values() if turn < len(texts)]
    return chosen[:CANARIES]


def libraries() -> dict[str, str]:
    """What a version was made with."""
    return {name: library_version(name) for name in LIBRARIES}


def _provenance(base: Base, data: TrainingData, config: TrainConfig, macro_f1: float, extra: Extra) -> Provenance:
    left_out = {"data", "valid", "name", "base", "emoji", "languages", "feedback", "anchor", "seed"}
    options = {name: value for name, value in asdict(config).items() if name not in left_out}
    options = {**options, "hidden": " ".join(map(str, config.hidden)), **extra.facts}
    return Provenance(
        base=base.name,
        base_sha256=base.sha256,
        parent=extra.parent,
        data=data.files,
        seed=config.seed,
        macro_f1=macro_f1,
        training=options,
        libraries=libraries(),
    )
