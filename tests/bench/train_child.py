"""`python -m tests.bench.train_child NAME FOLDER THREADS`: one way to fine-tune, its steps timed when asked.

FOLDER is laid out like a version. Every contender starts from its weights and gets the same batches.
"""

# PyTorch is not installed where types are checked, and Keras ships none.
# pyright: basic, reportMissingImports=false

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from classifier.cpu import has_bfloat16
from clfadmin.speed.child import answer
from clfadmin.speed.engines import Model, NotHere, read_model

LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM = 5e-5, 0.01, 1.0
LORA_RANK = 16
# Shapes are met for the first time in these, which costs some libraries much.
WARM_UP = 6

# Input ids, attention mask (both int32 [texts, tokens]) and labels int32 [texts].
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Trainer:
    """`step` takes one batch and gives its loss; `trained` counts the values it changes."""

    about: str
    trained: int
    step: Callable[..., float]


def ours(model: Model, threads: int, *, lora: int = 0, frozen: bool = False) -> Trainer:
    """As `clfadmin train` does it."""
    from classifier import fitting, network, precision, training
    from classifier.base import load_base
    from classifier.optimiser import AdamW
    from classifier.recipe import TrainConfig

    network.set_threads(threads)
    base = replace(load_base(), tensors=model.tensors)
    built = training.prepare(base, model.config, lora=lora, seed=1)
    if frozen:
        built.get_layer("encoder").get_layer("embeddings").trainable = False
    variables = built.trainable_variables
    step = fitting.train_step(built, AdamW(variables, LEARNING_RATE, steps=10_000), TrainConfig(data=()))

    def run(input_ids: np.ndarray, attention_mask: np.ndarray, labels: np.ndarray) -> float:
        return float(step(input_ids, attention_mask, labels, np.ones(len(labels), np.float32)))

    numbers = precision.resolve("auto")
    return Trainer(f"{numbers} products, TensorFlow {version('tensorflow')}", _size(variables), run)


def plain_keras(model: Model, threads: int) -> Trainer:
    """The loop that comes to mind first: our network in float32, Keras' own AdamW and train_on_batch."""
    from classifier import network
    from classifier.encoder import keras

    network.set_threads(threads)
    built = network.build_classifier(model.config)
    network.load_weights(built, model.tensors)
    built.compile(
        optimizer=keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP_NORM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    about = f"float32, Keras {version('keras')}"
    return Trainer(about, _size(built.trainable_variables), lambda i, m, y: float(built.train_on_batch([i, m], y)))


def torch_loop(model: Model, threads: int, *, fastest: bool = False) -> Trainer:
    """PyTorch's usual loop; `fastest` adds what PyTorch itself offers: the fused optimiser and bfloat16 autocast."""
    try:
        import torch

        from clfadmin.speed.alternatives import build_module
    except ImportError as error:
        raise NotHere(f"{error.name} is not installed") from error
    module = build_module(model, threads).train()
    parameters = list(module.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=fastest or None)
    low = fastest and has_bfloat16()

    def run(*batch: np.ndarray) -> float:
        input_ids, attention_mask, labels = (torch.from_numpy(part).long() for part in batch)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            logits = module(input_ids, attention_mask).logits
        loss = torch.nn.functional.cross_entropy(logits.float(), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimiser.step()
        return float(loss)

    about = f"{'bfloat16 autocast' if low else 'float32'}{', fused optimiser' if fastest else ''}"
    return Trainer(f"{about}, torch {version('torch')}", sum(one.numel() for one in parameters), run)


def _size(variables: list[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)


TRAINERS: Mapping[str, Callable[[Model, int], Trainer]] = {
    "ours": ours,
    "frozen": lambda model, threads: ours(model, threads, frozen=True),
    "lora": lambda model, threads: ours(model, threads, lora=LORA_RANK),
    "keras": plain_keras,
    "torch": torch_loop,
    "torch-fastest": lambda model, threads: torch_loop(model, threads, fastest=True),
}


class Steps:
    """The batches that were given, and the steps on them."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.batches: list[Batch] = []

    def give(self, file: str) -> dict[str, Any]:
        """Take these batches and warm up; seconds until the first step is done, which include building its graph."""
        with np.load(file) as stored:
            self.batches = [
                (stored[f"ids{number}"], stored[f"mask{number}"], stored[f"labels{number}"])
                for number in range(len(stored.files) // 3)
            ]
        started = time.perf_counter()
        self.trainer.step(*self.batches[0])
        first = time.perf_counter() - started
        for batch in self.batches[1:WARM_UP]:
            self.trainer.step(*batch)
        return {"first_step": first}

    def steps(self, rows: list[int]) -> dict[str, Any]:
        """Seconds for one step on each of these batches. Raises ValueError when it learns nothing any more."""
        self.trainer.step(*self.batches[rows[0]])  # wake threads and caches after the others' turn
        started = time.perf_counter()
        losses = [self.trainer.step(*self.batches[row]) for row in rows]
        seconds = time.perf_counter() - started
        if not np.isfinite(losses).all():
            raise ValueError("the loss is no number any more")
        return {"seconds": seconds}


def main() -> None:
    name, folder, threads = sys.argv[1:]

    def start() -> tuple[dict[str, Any], dict[str, Callable[..., dict[str, Any]]]]:
        trainer = TRAINERS[name](read_model(Path(folder)), int(threads))
        steps = Steps(trainer)
        return {"about": trainer.about, "trained": trainer.trained}, {"give": steps.give, "steps": steps.steps}

    answer(start)


if __name__ == "__main__":
    main()
