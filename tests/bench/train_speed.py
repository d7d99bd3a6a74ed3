"""`python -m tests.bench.train_speed`: fine-tuning against PyTorch's loop and a plain Keras one, in one run."""

import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from classifier.batching import encode_examples, training_batches
from classifier.encoding import load_tokenizer
from classifier.version import Version
from clfadmin.speed.contender import Child, Unavailable
from clfadmin.speed.rounds import Spread, ratio, turn
from tests.bench import models, part
from tests.bench.part import Part, Table
from tests.bench.texts import benchmark_texts

COMMAND = "python -m tests.bench.train_speed"
BATCH_SIZE, MOST_TOKENS = 32, 128
OURS, TORCH = "ours", "torch"
TITLES = {
    OURS: "ours, every weight",
    "frozen": "ours, embeddings frozen",
    "lora": "ours, LoRA of rank 16",
    "keras": "our network, Keras' train_on_batch and AdamW",
    TORCH: "PyTorch, usual AdamW loop",
    "torch-fastest": "PyTorch with what it offers for speed",
}
IN_PYTORCH = (TORCH, "torch-fastest")
HOW = (
    "All take turns on the same batches in one run, each as a process of its own: a round gives every one of them the "
    "same batches, in another order each time. A step is forward, backward, gradients clipped at a common norm of 1 "
    "and AdamW with weight decay 0.01, from token ids in memory to the loss as a number. Figures are medians over the "
    "rounds with their quartiles; a ratio is the median of the ratios of each round. *First step* is building the "
    "graph where there is one, paid once in a training.",
    "*PyTorch* runs transformers' BertModel (attention by scaled_dot_product_attention) in training mode. Frozen "
    "embeddings and LoRA train less, so they stand beside the comparison and are not part of it.",
)
# A round takes every ninth batch, beginning one later each time: the same mix of lengths.
ROUNDS, LEAST_ROUNDS = 9, 4
# For the rounds alone; loading and the first steps take about as long again.
SECONDS = 80.0


@dataclass
class Taken:
    """One contender and its texts a second, round by round."""

    name: str
    child: Child
    first_step: float
    rates: list[float] = field(default_factory=list[float])


def write_batches(file: Path, version: Version, texts: Sequence[str]) -> list[int]:
    """An epoch of batches as `train` makes them, with labels by chance; the texts in each."""
    labels = np.random.default_rng(0).integers(0, len(version.config.labels), len(texts))
    tokenizer = load_tokenizer(version.read_verified()["tokenizer.json"], max_length=MOST_TOKENS)
    examples = encode_examples(tokenizer, texts, labels)
    weights = np.ones(len(version.config.labels), np.float32)
    arrays: dict[str, Any] = {}
    sizes: list[int] = []
    for number, batch in enumerate(training_batches(examples, BATCH_SIZE, weights, np.random.default_rng(0))):
        arrays |= dict(zip((f"ids{number}", f"mask{number}", f"labels{number}"), batch, strict=False))
        sizes.append(len(batch[2]))
    np.savez(file, **arrays)
    return sizes


def measure(folder: Path, settings: part.Settings) -> Part:
    version = models.install_starter(folder / "home")
    texts, what = benchmark_texts(256 if settings.quick else 2016, settings.data)
    sizes = write_batches(folder / "batches.npz", version, texts)
    with ExitStack() as stack:
        taken, missing = _start(stack, version, folder / "batches.npz", settings)
        if not taken or taken[0].name != OURS:
            raise SystemExit(f"nothing to compare with: {missing[TITLES[OURS]]}")
        _rounds(taken, sizes, rounds=1 if settings.quick else ROUNDS)
        abouts = {one.name: one.child.told for one in taken}
    return _part(f"{what}, {settings.threads} threads", taken, abouts, missing)


def _start(
    stack: ExitStack, version: Version, batches: Path, settings: part.Settings
) -> tuple[list[Taken], dict[str, str]]:
    """Those that run here, warmed up, and for the others, by title, why not."""
    taken: list[Taken] = []
    missing: dict[str, str] = {}
    for name, title in TITLES.items():
        python = settings.other_python if name in IN_PYTORCH else sys.executable
        try:
            child = Child("tests.bench.train_child", [name, str(version.path)], threads=settings.threads, python=python)
            stack.callback(child.close)
            taken.append(Taken(name, child, child.ask("give", file=str(batches))["first_step"]))
        except Unavailable as error:
            missing[title] = str(error)
        part.say(f"{title}: {missing.get(title, 'ready')}")
    return taken, missing


def _rounds(taken: Sequence[Taken], sizes: Sequence[int], *, rounds: int) -> None:
    end = time.monotonic() + SECONDS
    for number in range(rounds):
        if number >= LEAST_ROUNDS and time.monotonic() >= end:
            break
        rows = list(range(number, len(sizes), ROUNDS))
        for place in turn(len(taken), number):
            one = taken[place]
            one.rates.append(sum(sizes[row] for row in rows) / one.child.ask("steps", rows=rows)["seconds"])
        part.say(f"round {number + 1}: " + ", ".join(f"{one.name} {one.rates[-1]:.0f}" for one in taken))


def _part(what: str, taken: Sequence[Taken], abouts: dict[str, dict[str, Any]], missing: dict[str, str]) -> Part:
    first = taken[0].rates
    rows = [
        [
            f"{TITLES[one.name]} ({abouts[one.name]['about']})",
            f"{abouts[one.name]['trained'] / 1e6:.1f}",
            str(Spread.of(one.rates)),
            "" if one.name == OURS else f"{ratio(first, one.rates):.2f} times as fast",
            f"{one.first_step:.1f}",
        ]
        for one in taken
    ]
    left_out = [f"Not measured: {', '.join(f'{title} ({why})' for title, why in missing.items())}."] if missing else []
    return Part(
        title="Training",
        command=COMMAND,
        text=[f"{what}, batches of {BATCH_SIZE}, cut at {MOST_TOKENS} tokens, filled by length.", *HOW, *left_out],
        tables=[Table(("contender", "million values trained", "texts/s", "ours is", "first step, s"), rows)],
        figures={
            "texts_per_second": {one.name: one.rates for one in taken},
            "ours_is": {one.name: ratio(first, one.rates) for one in taken},
            "missing": missing,
        },
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="clf-bench-") as folder:
        part.write("train", measure(Path(folder), part.settings()))


if __name__ == "__main__":
    main()
