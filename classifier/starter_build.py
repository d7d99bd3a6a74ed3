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
from classifier.adapter import adapter_of, merge, write_adapter
from classifier.base import Base, load_base
from classifier.config import ModelConfig
from classifier.dataset import Dataset
from classifier.encoding import encode, load_tokenizer
from classifier.errors import ClassifierError, DataError
from classifier.evaluation import confusion, macro_f1
from classifier.finishing import TrainingData, calibrate, label_numbers, libraries, measure
from classifier.manifest import CONFIG
from classifier.predictor import logits_of, make_canaries, predictor_from_files
from classifier.recipe import EpochEnd, Progress, TrainConfig
from classifier.starter import ADAPTER, CANARY, CARD, FOLDER, STARTER
from classifier.starter_card import page
from classifier.weights import write_tensors

PAGE = "card.md"
LABELS = ("negative", "neutral", "positive")
SEED = 1
# The rank and rate with which an adapter reaches the scores of a full fine-tune; see docs/classifier.md.
ADAPTER_RUN = TrainConfig(data=(), epochs=1, lora=16, learning_rate=8e-4, seed=SEED)
FULL_RUN = replace(ADAPTER_RUN, lora=0, learning_rate=5e-5)


@dataclass(frozen=True)
class Source:
    """One public file. A file with another sha256 is refused, so that a card never names what was not used."""

    file: str
    sha256: str
    rows: int
    licence: str
    origin: str


GOEMOTIONS = "Google Research GoEmotions (Demszky et al. 2020), grouped into three sentiments; Reddit comments"
HUTTO = "Hutto and Gilbert, ICWSM 2014, also inside the source distribution of vaderSentiment 3.3.2"
TRAIN = (
    Source(
        "goemotions/train.jsonl",
        "08b932ef859e08bcb15ccc2b4c3e97bccfd06e20d525c46e95f1084fb36680c9",
        35930,
        "Apache-2.0",
        GOEMOTIONS,
    ),
    Source(
        "senti4sd/train.jsonl",
        "fa3da2d4bd72e5d4b6561fb1f916bee3847f1eec2575b7d9a73935627ddda1eb",
        3006,
        "MIT",
        "collab-uniba Senti4SD (Calefato et al. 2018), its training half; Stack Overflow posts",
    ),
    Source(
        "hutto/tweets.jsonl",
        "b60b0dd6222cc9e85c12eb439fb22d3edfae57401ac9d51cac062c6b5d3724fb",
        4140,
        "MIT",
        f"{HUTTO}; tweets",
    ),
    Source(
        "hutto/amazonReviewSnippets.jsonl",
        "beebb01571c48989bd2e636f9533f68c35cba63d6b22d999f56184bdb643f571",
        3687,
        "MIT",
        f"{HUTTO}; product review snippets",
    ),
)
VALID = Source(
    "goemotions/dev.jsonl",
    "309356848037b1ebdb41bf57376e61f553a463cd8fbfa1a45ad81076df8bd45e",
    4532,
    "Apache-2.0",
    GOEMOTIONS,
)
# Whole sources unlike what remains, one of developers' and one of everybody's text.
HELD_OUT = ("senti4sd/train.jsonl", "hutto/tweets.jsonl")

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
    options = parser.parse_args(arguments)
    try:
        check_sources(options.folder)
        compare(options.folder, options.out) if options.compare else build(options.folder, options.out)
    except ClassifierError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def check_sources(folder: Path) -> None:
    """Raises DataError for a file that is missing or not the one the card names."""
    for source in (*TRAIN, VALID):
        path = folder / source.file
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}). The card names where it comes from.") from error
        if found != source.sha256:
            raise DataError(
                f"{path} has sha256 {found[:12]}…, the card names {source.sha256[:12]}…. The starter is made of "
                "exactly the files it names; to train on others use `clfadmin train`."
            )


def build(folder: Path, out: Path) -> None:
    """Train with sources held out, then on everything; write adapter, config, canary texts and card into `out`."""
    started = time.monotonic()
    base = load_base()
    held_out = train_held_out(folder, base, ADAPTER_RUN)
    config = calibrate(held_out.config, held_out.logits, held_out.labels)
    metrics = measure(STARTER, config, held_out.data, held_out.logits, held_out.labels)

    adapter = train_adapter(base, config, _data(folder, [source.file for source in TRAIN]))
    data = write_adapter(adapter)
    card = {
        **_card(base, data),
        "metrics": metrics,
        "held_out": {"sources": list(HELD_OUT), "adapter": held_out.scores()},
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    out.mkdir(exist_ok=True)
    (out / ADAPTER).write_bytes(data)
    (out / CONFIG).write_text(json.dumps(config.to_dict(), indent=1) + "\n")
    (out / CANARY).write_bytes(_canaries(base, config, adapter))
    _write_card(out, card)


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
    kept = [source.file for source in TRAIN if source.file not in HELD_OUT]
    training.fine_tune(model, config, base, _data(folder, kept), run, _report)
    data = dataset.load([folder / file for file in HELD_OUT])
    labels = label_numbers(data, LABELS)
    tokenizer = load_tokenizer(base.files["tokenizer.json"], max_length=config.max_length)
    logits = logits_of(network.serving_function(model), encode(tokenizer, data.texts))
    return HeldOut(config, data, logits, labels)


def _data(folder: Path, files: list[str]) -> TrainingData:
    return TrainingData(
        train=dataset.load([folder / file for file in files]), valid=dataset.load([folder / VALID.file]), labels=LABELS
    )


def _canaries(base: Base, config: ModelConfig, adapter: dict[str, np.ndarray]) -> bytes:
    """Scores from the adapter as it is stored, float16 and merged, by the path that serves it."""
    files = {**base.files, "weights.safetensors": write_tensors(merge(base.tensors, adapter))}
    return make_canaries(predictor_from_files(STARTER, config, files), CANARY_TEXTS)


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
