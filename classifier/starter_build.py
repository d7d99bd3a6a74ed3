"""Trains the starter's adapter from the public sources its card names, and writes the folder starter/.

`make starter DATA=FOLDER` runs it: once with two whole sources held out, on which temperature, threshold and scores are
taken, and once on everything. FOLDER holds goemotions/, senti4sd/ and hutto/ with the files named below.
"""

import argparse
import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier import dataset
from classifier.adapter import adapter_of, merge, read_adapter, write_adapter
from classifier.base import Base, load_base
from classifier.canary import make_canaries
from classifier.compiling import FIT_TEXTS, Checked, check_form, compile_network, fit_inputs
from classifier.config import ModelConfig
from classifier.dataset import Dataset
from classifier.encoding import encode, load_tokenizer
from classifier.errors import ClassifierError, DataError
from classifier.evaluation import confusion, macro_f1
from classifier.finishing import TrainingData, calibrate, label_numbers, libraries, measure
from classifier.manifest import CONFIG, WEIGHTS
from classifier.predictor import logits_of, predictor_from_files
from classifier.quantisation import read_inputs, write_inputs
from classifier.recipe import EpochEnd, Progress, TrainConfig
from classifier.starter import ADAPTER, CANARY, CARD, FOLDER, QUANTISATION, STARTER
from classifier.starter_card import page
from classifier.starter_sources import EVERYTHING, HELD_OUT, TRAIN, VALID, check_sources
from classifier.weights import write_tensors

PAGE = "card.md"
LABELS = ("negative", "neutral", "positive")
SEED = 1
# The rank and rate with which an adapter reaches the scores of a full fine-tune; see docs/classifier.md.
ADAPTER_RUN = TrainConfig(data=(), epochs=1, lora=16, learning_rate=8e-4, seed=SEED)
FULL_RUN = replace(ADAPTER_RUN, lora=0, learning_rate=5e-5)


CANARY_TEXTS = (
    "Great work, thanks a lot!",
    "This is broken again and nobody cares :(",
    "The meeting moved to 3 pm.",
    "I hate this flaky test.",
    "Deployed to staging, please have a look.",
    "love it :tada:",
    "Can somebody review my change?",
    "not bad at all, but it could be faster",
)


def main(arguments: list[str]) -> int:
    """The command line. 0 done; 1 with one line on standard error when it failed."""
    parser = argparse.ArgumentParser(prog="python -m classifier.starter_build", description=__doc__)
    parser.add_argument("folder", type=Path, help="Folder with goemotions/, senti4sd/ and hutto/.")
    parser.add_argument("--out", type=Path, default=FOLDER, help="Where the adapter and its card go.")
    parser.add_argument(
        "--compare",
        action="store_true",
        help="Only train a full fine-tune with the same sources held out, and add its scores to the card.",
    )
    parser.add_argument(
        "--compile", action="store_true", help="Only measure anew how the adapter that is there is compiled to int8."
    )
    options = parser.parse_args(arguments)
    try:
        check_sources(options.folder)
        if options.compare:
            compare(options.folder, options.out)
        elif options.compile:
            compile_again(options.folder, options.out)
        else:
            build(options.folder, options.out)
    except ClassifierError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def build(folder: Path, out: Path) -> None:
    """Train with sources held out, then on everything; write adapter, config, canary texts and card into `out`."""
    started = time.monotonic()
    out.mkdir(exist_ok=True)
    base = load_base()
    held_out = train_held_out(folder, base, ADAPTER_RUN)
    config = calibrate(held_out.config, held_out.logits, held_out.labels)
    metrics = measure(STARTER, config, held_out.data, held_out.logits, held_out.labels)

    adapter = train_adapter(base, config, _data(folder, EVERYTHING))
    data = write_adapter(adapter)
    card = {
        **_card(base, data),
        **_compile(folder, out, base, config, adapter),
        "metrics": metrics,
        "held_out": {"sources": list(HELD_OUT), "adapter": held_out.scores()},
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    (out / ADAPTER).write_bytes(data)
    (out / CONFIG).write_text(json.dumps(config.to_dict(), indent=1) + "\n")
    _write_card(out, card)


def compile_again(folder: Path, out: Path) -> None:
    """Write rounding and canary texts anew for the adapter in `out`, and its card."""
    card = json.loads((out / CARD).read_text())
    config = ModelConfig.from_dict(json.loads((out / CONFIG).read_text()), where=CONFIG)
    adapter = read_adapter((out / ADAPTER).read_bytes())
    _write_card(out, {**card, **_compile(folder, out, load_base(), config, adapter)})


def compare(folder: Path, out: Path) -> None:
    """Train everything, not an adapter, with the same sources held out; its scores go beside the adapter's."""
    held_out = train_held_out(folder, load_base(), FULL_RUN)
    card = json.loads((out / CARD).read_text())
    card["held_out"]["full"] = held_out.scores()
    _write_card(out, card)
    sys.stderr.write(json.dumps(card["held_out"], indent=1) + "\n")


def train_adapter(base: Base, config: ModelConfig, data: TrainingData) -> dict[str, np.ndarray]:
    """The adapter of one run over `data`, float16."""
    from classifier import network, training

    model = training.prepare(base, config, lora=ADAPTER_RUN.lora, seed=SEED)
    training.fine_tune(model, config, base, data, ADAPTER_RUN, _report)
    return adapter_of(base.tensors, network.read_weights(model), network.lora_factors(model))


@dataclass(frozen=True)
class HeldOut:
    """What a model that has not seen the held-out sources says about them."""

    config: ModelConfig
    data: Dataset
    logits: np.ndarray
    labels: np.ndarray

    def scores(self) -> dict[str, float]:
        """Macro-F1 by source."""
        sources = np.array(self.data.sources)
        by_source = {}
        for file in HELD_OUT:
            rows = sources == Path(file).name
            matrix = confusion(self.labels[rows], self.logits[rows].argmax(axis=1), len(LABELS))
            by_source[file] = round(macro_f1(matrix), 4)
        return by_source


def train_held_out(folder: Path, base: Base, run: TrainConfig) -> HeldOut:
    """Train on all sources but the held-out ones, and predict those."""
    from classifier import network, training

    config = training.configure(run, base, LABELS)
    model = training.prepare(base, config, lora=run.lora, seed=run.seed)
    kept = [file for file in EVERYTHING if file not in HELD_OUT]
    training.fine_tune(model, config, base, _data(folder, kept), run, _report)
    data = dataset.load([folder / file for file in HELD_OUT])
    labels = label_numbers(data, LABELS)
    tokenizer = load_tokenizer(base.files["tokenizer.json"], max_length=config.max_length)
    logits = logits_of(network.serving_function(model), encode(tokenizer, data.texts))
    return HeldOut(config, data, logits, labels)


def _data(folder: Path, files: list[str]) -> TrainingData:
    train, valid = (dataset.load([folder / file for file in part]) for part in (files, [VALID.file]))
    return TrainingData(train=train, valid=valid, labels=LABELS)


def _compile(
    folder: Path, out: Path, base: Base, config: ModelConfig, adapter: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Writes the rounding of the compiled form and the canary texts; what the card says of them.

    All from the adapter as it is stored, float16 and merged. Raises DataError when the compiled form may not serve.
    """
    tensors = merge(base.tensors, adapter)
    files = {**base.files, WEIGHTS: write_tensors(tensors)}
    keras = predictor_from_files(STARTER, config, files)
    data = _data(folder, EVERYTHING)
    random = np.random.default_rng(SEED)
    fit_texts = [data.train.texts[row] for row in random.choice(len(data.train), FIT_TEXTS, replace=False)]
    quantisation = write_inputs(fit_inputs(config, tensors, keras.encode(fit_texts)))
    encoded = keras.encode(data.valid.texts)
    checked = Checked(encoded, logits_of(keras.forward, encoded), label_numbers(data.valid, LABELS))
    graph = compile_network(config, tensors, read_inputs(quantisation), files[WEIGHTS])
    compiled = check_form(keras, files, graph, checked)
    if not compiled.predictor:
        raise DataError(f"The starter's compiled form may not serve: {compiled.reason}.")
    (out / QUANTISATION).write_bytes(quantisation)
    (out / CANARY).write_bytes(make_canaries(CANARY_TEXTS, keras, compiled.predictor))
    return {"quantisation_sha256": hashlib.sha256(quantisation).hexdigest(), "serving": compiled.to_dict()}


def _card(base: Base, adapter: bytes) -> dict[str, Any]:
    options = asdict(ADAPTER_RUN)
    names = ("pooling", "dropout", "epochs", "batch_size", "learning_rate", "max_length", "lora")
    return {
        "about": "Adapter of the starter version, to be merged into its base. What it is: docs/classifier.md.",
        "base": base.name,
        "base_sha256": base.sha256,
        "base_licence": "Apache-2.0",
        "adapter_sha256": hashlib.sha256(adapter).hexdigest(),
        "sources": [asdict(source) for source in TRAIN],
        "validation": asdict(VALID),
        "seed": SEED,
        "training": {name: options[name] for name in names},
        "libraries": libraries(),
    }


def _write_card(out: Path, card: dict[str, Any]) -> None:
    (out / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    (out / PAGE).write_text(page(card, json.loads((out / CONFIG).read_text())))


def _report(news: Progress | EpochEnd) -> None:
    if isinstance(news, EpochEnd):
        sys.stderr.write(f"macro-F1 {news.macro_f1:.4f} on {VALID.file}\n")
    elif news.step % 50 == 0:
        sys.stderr.write(
            f"step {news.step}/{news.steps}, loss {news.loss:.4f}, {news.examples_per_second:.0f} texts/s, "
            f"{news.seconds_left / 60:.1f} min left\n"
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
