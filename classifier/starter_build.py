"""Trains the starter's adapter from the public sources its card names, and writes the folder starter/.

`make starter DATA=FOLDER` runs it: with each of three groups of sources held out whole, by two seeds, from which come
scores, temperature and threshold, and then on everything. FOLDER holds goemotions/, senti4sd/ and hutto/ with the files
that starter_sources.py names. What was measured is kept in build/starter/, so that a run that was stopped goes on.
"""

import argparse
import hashlib
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifier.adapter import adapter_of, merge, read_adapter, write_adapter
from classifier.base import Base, load_base
from classifier.behaviour import load_cases, score
from classifier.canary import make_canaries
from classifier.compiling import FIT_TEXTS, Checked, check_form, compile_network, fit_inputs
from classifier.config import ModelConfig
from classifier.errors import ClassifierError, DataError
from classifier.finishing import libraries
from classifier.manifest import CONFIG, WEIGHTS
from classifier.predictor import Predictor, logits_of, predictor_from_files
from classifier.quantisation import read_inputs, write_inputs
from classifier.starter import ADAPTER, CANARY, CARD, FOLDER, QUANTISATION, STARTER
from classifier.starter_card import page
from classifier.starter_scores import calibrated, held_out_card
from classifier.starter_sources import GROUPS, NEUTRAL_FROM, NEUTRAL_TO, TRAIN, VALID, check_sources, read_source
from classifier.weights import write_tensors

if TYPE_CHECKING:
    from classifier.starter_holdout import Library

PAGE = "card.md"
KEPT = Path("build/starter")
SEED, SEEDS = 1, (1, 2)
# What ships is the mean of so many. Held-out groups do with one, which takes half of the time.
ENDS = 3


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
    parser.add_argument("--kept", type=Path, default=KEPT, help="Where measurements are kept.")
    parser.add_argument(
        "--measured", action="store_true", help="Hold out nothing more: the card says what was measured so far."
    )
    parser.add_argument(
        "--compile", action="store_true", help="Only measure anew how the adapter that is there is compiled to int8."
    )
    options = parser.parse_args(arguments)
    try:
        check_sources(options.folder)
        if options.compile:
            compile_again(options.folder, options.out)
        else:
            build(options.folder, options.out, options.kept, more=not options.measured)
    except ClassifierError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def build(folder: Path, out: Path, kept: Path, *, more: bool = True) -> None:
    """Measure with groups held out, train on everything; write adapter, config, canary texts and card into `out`.

    Without `more` only what is kept is used of the measurements; both groups of TALK must be there.
    """
    from classifier.starter_holdout import PLAIN, Library, hold_out, is_measured

    out.mkdir(exist_ok=True)
    base = load_base()
    library, plain = Library(folder, kept, base), Library(folder, kept, base, PLAIN)
    pairs = [(group, seed) for seed in SEEDS for group in GROUPS]
    wanted = [of for of in pairs if more or (is_measured(library, *of) and is_measured(plain, *of))]
    held_out = [hold_out(library, group, seed) for group, seed in wanted]
    plainly = [hold_out(plain, group, seed) for group, seed in wanted]
    config, metrics = calibrated(library.config, held_out)
    adapter = train_adapter(library)
    data = write_adapter(adapter)
    (out / ADAPTER).write_bytes(data)
    (out / CONFIG).write_text(json.dumps(config.to_dict(), indent=1) + "\n")
    card = {
        **_card(library, data),
        **_compile(folder, out, library.base, config, adapter),
        "metrics": metrics,
        "held_out": held_out_card(config, held_out, plainly),
    }
    _write_card(out, card)


def compile_again(folder: Path, out: Path) -> None:
    """Write rounding and canary texts anew for the adapter in `out`, and its card."""
    card = json.loads((out / CARD).read_text())
    config = ModelConfig.from_dict(json.loads((out / CONFIG).read_text()), where=CONFIG)
    adapter = read_adapter((out / ADAPTER).read_bytes())
    _write_card(out, {**card, **_compile(folder, out, load_base(), config, adapter)})


def train_adapter(library: "Library") -> dict[str, np.ndarray]:
    """The adapter of one run over everything, float16; trained once, then kept."""
    from classifier import network

    path = library.kept / f"adapter-{library.name}-{SEED}-{ENDS}.safetensors"
    if not path.exists():
        halves, started = library.halves(SEED), time.monotonic()
        library.learn(halves, (), SEED, ends=ENDS)
        tensors, factors = network.read_weights(halves.model), network.lora_factors(halves.model)
        path.write_bytes(write_adapter(adapter_of(library.base.tensors, tensors, factors)))
        sys.stderr.write(f"trained on everything: {(time.monotonic() - started) / 60:.1f} min\n")
    return read_adapter(path.read_bytes())


def _compile(
    folder: Path, out: Path, base: Base, config: ModelConfig, adapter: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Writes the rounding of the compiled form and the canary texts; what the card says of them and of both forms.

    All from the adapter as it is stored, float16 and merged. Raises DataError when the compiled form may not serve.
    """
    tensors = merge(base.tensors, adapter)
    files = {**base.files, WEIGHTS: write_tensors(tensors)}
    keras = predictor_from_files(STARTER, config, files)
    train, valid = [read_source(folder, source) for source in TRAIN], read_source(folder, VALID)
    texts = [text for part in train for text in part.texts]
    random = np.random.default_rng(SEED)
    fit_texts = [texts[row] for row in random.choice(len(texts), FIT_TEXTS, replace=False)]
    quantisation = write_inputs(fit_inputs(config, tensors, keras.encode(fit_texts)))
    encoded = keras.encode(valid.texts)
    checked = Checked(encoded, logits_of(keras.forward, encoded), valid.labels)
    graph = compile_network(config, tensors, read_inputs(quantisation), files[WEIGHTS])
    compiled = check_form(keras, files, graph, checked)
    if not compiled.predictor:
        raise DataError(f"The starter's compiled form may not serve: {compiled.reason}.")
    (out / QUANTISATION).write_bytes(quantisation)
    (out / CANARY).write_bytes(make_canaries(CANARY_TEXTS, keras, compiled.predictor))
    return {
        "quantisation_sha256": hashlib.sha256(quantisation).hexdigest(),
        "serving": compiled.to_dict(),
        "behaviour": {"float32": behaviour(keras), "int8": behaviour(compiled.predictor)},
    }


def behaviour(predictor: Predictor) -> dict[str, dict[str, float]]:
    """How the behavioural cases come out, by group; see behaviour.py."""
    cases = load_cases()
    predictions = predictor.classify([case.text for case in cases])
    found = score(cases, [prediction.label for prediction in predictions])
    return {group: {name: round(value, 4) for name, value in counts.items()} for group, counts in found.items()}


def _card(library: "Library", adapter: bytes) -> dict[str, Any]:
    return {
        "about": "Adapter of the starter version, to be merged into its base. What it is: docs/classifier.md.",
        "base": library.base.name,
        "base_sha256": library.base.sha256,
        "base_licence": "Apache-2.0",
        "adapter_sha256": hashlib.sha256(adapter).hexdigest(),
        "sources": [asdict(source) for source in TRAIN],
        "measured_only": [asdict(source) for source in (VALID,)],
        "seed": SEED,
        "training": {**library.recipe.options(), "ends": ENDS, "precision": library.precision},
        "neutral": [NEUTRAL_FROM, NEUTRAL_TO],
        "libraries": libraries(),
    }


def _write_card(out: Path, card: dict[str, Any]) -> None:
    (out / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n")
    (out / PAGE).write_text(page(card, json.loads((out / CONFIG).read_text())))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
