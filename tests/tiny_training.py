"""A training that takes a few seconds: the tiny base and made-up sentences of its vocabulary."""

import json
import random
from pathlib import Path

from classifier.recipe import TrainConfig
from tests.tiny_model import NEGATIVE, POSITIVE, make_checkpoint

WORDS = {"good": POSITIVE, "bad": NEGATIVE}


def write_rows(path: Path, rows: int, *, seed: int = 1, labels: tuple[str, ...] = ("good", "bad")) -> Path:
    """Sentences of the tiny vocabulary; one word decides the label."""
    choose = random.Random(seed)
    filler = ["the", "build", "is", "it", "today"]
    lines = []
    for row in range(rows):
        label = labels[row % len(labels)]
        words = [choose.choice(filler) for _ in range(choose.randint(2, 9))] + [choose.choice(WORDS[label])]
        choose.shuffle(words)
        lines.append(json.dumps({"text": " ".join(words), "label": label}))
    path.write_text("\n".join(lines))
    return path


def config_for(folder: Path) -> TrainConfig:
    """A training on the tiny base that takes a few seconds."""
    return TrainConfig(
        data=[write_rows(folder / "rows.jsonl", 160)],
        base=str(make_checkpoint(folder / "checkpoint")),
        name="mine",
        epochs=3,
        batch_size=8,
        learning_rate=5e-3,
        max_length=16,
        emoji={"good": ":tada:"},
    )
