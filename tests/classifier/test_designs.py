"""The three designs, each fine-tuned from the real base on 600 real rows, and what padding does to them."""

import json
from pathlib import Path

import numpy as np
import pytest

from classifier.base import load_base
from classifier.calibration import softmax
from classifier.encoding import encode, load_tokenizer, pad
from classifier.recipe import TrainConfig
from classifier.registry import Registry

TWEETS = Path(__file__).parents[2].parent / "shared" / "data" / "hutto" / "tweets.jsonl"
ROWS, VALID_ROWS = 600, 240

DESIGNS = {
    "binary, [CLS], softmax, sparse cross-entropy": (("negative", "positive"), {"pooling": "cls"}),
    "multi-class, [CLS], Dense(128, relu), dropout, one-hot cross-entropy": (
        ("negative", "neutral", "positive"),
        {"pooling": "cls", "hidden": (128,), "dropout": 0.2, "label_smoothing": 0.1},
    ),
    "variable length with padding and mask, max pooling": (("negative", "neutral", "positive"), {"pooling": "max"}),
}


@pytest.fixture(scope="module")
def tweets() -> list[dict]:
    if not TWEETS.exists():
        pytest.skip(f"{TWEETS.name} of the shared data is not there")
    return [json.loads(line) for line in TWEETS.read_text().splitlines()]


def write_rows(path: Path, tweets: list[dict], labels: tuple[str, ...], rows: int, *, skip: int = 0) -> Path:
    """The same number of tweets of each label."""
    each, first = rows // len(labels), skip // len(labels)
    chosen = [tweet for label in labels for tweet in [t for t in tweets if t["label"] == label][first : first + each]]
    path.write_text("".join(json.dumps(tweet) + "\n" for tweet in chosen))
    return path


@pytest.fixture(scope="module", params=DESIGNS, ids=lambda design: design.split(",")[-1].strip())
def trained(request, tweets, tmp_path_factory):
    """One design's version with its home, trained on 600 rows and measured on 240 others."""
    from classifier.training import train_version

    labels, options = DESIGNS[request.param]
    folder = tmp_path_factory.mktemp("design")
    config = TrainConfig(
        data=[write_rows(folder / "train.jsonl", tweets, labels, ROWS)],
        valid=[write_rows(folder / "valid.jsonl", tweets, labels, VALID_ROWS, skip=ROWS)],
        epochs=1,
        batch_size=16,
        learning_rate=2e-4,  # few steps: four times the rate that suits a real training
        max_length=32,
        **options,
    )
    return train_version(config, Registry(folder / "home"), report=lambda news: None)


def test_a_design_learns_600_rows_to_15_points_over_the_majority_class(trained):
    labels = trained.version.config.labels

    assert trained.examples == ROWS
    assert trained.metrics["data"]["n"] == VALID_ROWS
    assert trained.metrics["accuracy"] >= 1 / len(labels) + 0.15


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_padding_a_batch_to_twice_its_length_changes_no_probability(pooling, tweets):
    """By more than 1e-5, on the real base: the mask keeps padding out of attention, mean and maximum."""
    from classifier import network, training

    base = load_base()
    config = training.configure(TrainConfig(data=(), pooling=pooling), base, ("negative", "neutral", "positive"))
    forward = network.serving_function(training.prepare(base, config, lora=0, seed=1))
    encoded = encode(load_tokenizer(base.files["tokenizer.json"], max_length=128), [row["text"] for row in tweets[:32]])
    longest = max(len(item.ids) for item in encoded)
    plain, padded = (softmax(forward(*pad(encoded, tokens=width)), 1.0) for width in (longest, 2 * longest))
    assert np.abs(plain - padded).max() <= 1e-5
