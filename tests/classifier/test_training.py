"""A training, from files to a stored version: on the tiny base and made-up sentences."""

import dataclasses
import hashlib
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from classifier import training
from classifier.canary import run_canary
from classifier.errors import BaseNotFound, ClassifierError, DataError, TrainingInterrupted, VersionExists
from classifier.finishing import free_name, load_data
from classifier.network import keras
from classifier.predictor import load_predictor
from classifier.recipe import EpochEnd, Progress, TrainConfig, TrainOutcome
from classifier.registry import Registry
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


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    return config_for(tmp_path)


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "home")


def train(config, registry, news: list | None = None):
    return training.train_version(config, registry, report=[].append if news is None else news.append)


def left_in(registry) -> list[str]:
    return [path.name for path in registry.root.glob("*") if not path.name.endswith("lock")]


@dataclasses.dataclass(frozen=True)
class Finished:
    """One training that several tests look at; read only."""

    config: TrainConfig
    outcome: TrainOutcome
    news: list[Progress | EpochEnd]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    config, news = config_for(folder), []
    return Finished(config, train(config, Registry(folder / "home"), news), news)


def test_a_training_stores_a_version_that_has_learned_and_passes_its_own_canary(finished):
    version = finished.outcome.version
    predictor = load_predictor(version)
    run_canary(predictor, version)
    assert len(predictor.canaries) == 8
    assert finished.outcome.metrics["macro_f1"] > 0.95
    predictions = predictor.classify(["it is great", "the build is broken"])
    assert [prediction.label for prediction in predictions] == ["good", "bad"]
    assert predictions[0].emoji == ":tada:"


def test_a_version_remembers_where_it_came_from(finished):
    version, config = finished.outcome.version, finished.config
    origin = version.manifest.provenance
    assert origin.base == config.base
    assert origin.base_sha256 == hashlib.sha256(Path(config.base, "model.safetensors").read_bytes()).hexdigest()
    sha256 = hashlib.sha256(config.data[0].read_bytes()).hexdigest()
    assert [(file.name, file.sha256, file.rows) for file in origin.data] == [("rows.jsonl", sha256, 160)]
    assert (origin.seed, origin.training["learning_rate"]) == (1, 5e-3)
    assert origin.macro_f1 == finished.outcome.metrics["macro_f1"]
    assert origin.libraries["tensorflow"].startswith("2.")
    assert json.loads((version.path / "report" / "metrics.json").read_text()) == finished.outcome.metrics


def test_the_outcome_is_the_document_that_train_prints(finished):
    document = json.loads(json.dumps(finished.outcome.to_dict()))
    assert document["version"] == "mine"
    assert document["data"]["n"] + document["examples"] <= 160
    assert 1 <= document["best_epoch"] <= document["epochs_run"] == 3
    assert (document["serving"]["runtime"] == "keras") == bool(document["serving"]["reason"])
    assert document["sure"]["coverage"] >= 0.6


def test_progress_counts_every_step_and_its_time_left_ends_at_zero(finished):
    steps = [item for item in finished.news if isinstance(item, Progress)]
    assert [item.step for item in steps] == list(range(1, steps[-1].steps + 1))
    assert steps[-1].seconds_left == 0
    assert steps[-1].loss < steps[0].loss
    assert [item.epoch for item in finished.news if isinstance(item, EpochEnd)] == [1, 2, 3]


def test_the_same_seed_trains_the_same_model(finished, registry):
    again = train(finished.config, registry).version
    texts = ["it is good today", "the awful build"]
    for one, other in zip(
        load_predictor(finished.outcome.version).classify(texts), load_predictor(again).classify(texts), strict=True
    ):
        assert one.scores == pytest.approx(other.scores, abs=1e-4)


def test_training_stops_when_patience_is_over_and_keeps_the_best_weights(config, registry):
    """At a rate that learns nothing, no epoch beats the first."""
    news: list[Progress | EpochEnd] = []
    outcome = train(dataclasses.replace(config, learning_rate=1e-12, epochs=6, patience=2), registry, news)
    assert (outcome.epochs_run, outcome.best_epoch) == (3, 1)
    ends = [item for item in news if isinstance(item, EpochEnd)]
    assert [item.best for item in ends] == [True, False, False]
    assert outcome.metrics["macro_f1"] == pytest.approx(ends[0].macro_f1)


def test_ctrl_c_leaves_nothing_behind(config, registry):
    def interrupt(news):
        if isinstance(news, Progress) and news.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted, match="Nothing was stored"):
        training.train_version(config, registry, report=interrupt)
    assert left_in(registry) == []


def test_a_training_that_diverges_says_so_and_stores_nothing(config, registry):
    with pytest.raises(ClassifierError, match="lower --learning-rate than 1e"):
        train(dataclasses.replace(config, learning_rate=1e30), registry)
    assert left_in(registry) == []


def test_a_name_that_is_taken_is_refused_before_anything_is_trained(config, tiny_home):
    with pytest.raises(VersionExists, match="tiny"):
        train(dataclasses.replace(config, name="tiny"), Registry(tiny_home), news := [])
    assert news == []


def test_a_version_without_a_name_gets_todays_date_and_a_counter(registry):
    today = datetime.now(UTC).strftime("%Y%m%d")
    assert free_name(registry) == f"{today}-1"
    for name in (f"{today}-1", "other"):
        (registry.root / name).mkdir(parents=True)
        (registry.root / name / "manifest.json").touch()
    assert free_name(registry) == f"{today}-2"


def test_lora_leaves_the_embeddings_alone_and_is_merged_into_what_is_stored(config, registry):
    version = train(dataclasses.replace(config, lora=2, learning_rate=3e-2, epochs=1), registry).version
    tensors = safetensors.numpy.load(version.read_verified()["weights.safetensors"])
    base = safetensors.numpy.load_file(Path(config.base, "model.safetensors"))
    word, dense = "embeddings.word_embeddings.weight", "encoder.layer.0.intermediate.dense.weight"
    assert np.array_equal(tensors[word], base[f"bert.{word}"])
    assert not np.allclose(tensors[dense], base[f"bert.{dense}"])
    run_canary(load_predictor(version), version)


def test_texts_of_the_validation_file_are_not_trained_on(config, tmp_path):
    valid = write_rows(tmp_path / "valid.jsonl", 40, seed=1)  # the first 40 rows of the training file
    data = load_data(dataclasses.replace(config, valid=[valid]))
    assert set(data.valid.texts) == {json.loads(line)["text"] for line in valid.read_text().splitlines()}
    assert not set(data.valid.texts) & set(data.train.texts)
    assert data.labels == ("bad", "good")


def test_without_a_validation_file_a_tenth_of_each_label_is_held_out(config):
    data = load_data(config)
    assert not set(data.valid.texts) & set(data.train.texts)
    assert 14 <= len(data.valid) <= 16
    assert abs(data.valid.labels.count("good") - data.valid.labels.count("bad")) <= 1


@pytest.mark.parametrize(
    ("rows", "valid_rows", "message"),
    [
        ('{"text": "a b", "label": "x"}\n{"text": "c d", "label": "x"}', None, "two labels"),
        ('{"text": "a", "label": "x"}\n{"text": "c", "label": "y"}', '{"text": "d", "label": "z"}', "label 'z'"),
        (
            '{"text": "a", "label": "x"}\n{"text": "c", "label": "y"}\n{"text": "d", "label": "y"}',
            '{"text": "a", "label": "x"}',
            "label 'x' is validation text",
        ),
        ('{"text": "a", "label": "x"}\n{"text": "c", "label": "y"}', None, "one row only"),
    ],
)
def test_data_nobody_can_learn_from_is_refused_in_one_line(config, registry, tmp_path, rows, valid_rows, message):
    (tmp_path / "few.jsonl").write_text(rows)
    config = dataclasses.replace(config, data=[tmp_path / "few.jsonl"])
    if valid_rows:
        (tmp_path / "valid.jsonl").write_text(valid_rows)
        config = dataclasses.replace(config, valid=[tmp_path / "valid.jsonl"])
    with pytest.raises(DataError, match=message) as refused:
        train(config, registry)
    assert "\n" not in str(refused.value)
    assert left_in(registry) == []


def test_a_base_that_is_not_there_is_refused(config, registry, tmp_path):
    with pytest.raises(BaseNotFound):
        train(dataclasses.replace(config, base=str(tmp_path / "rows.jsonl")), registry)


def test_label_smoothing_is_cross_entropy_against_smoothed_one_hot_labels():
    logits = keras.ops.convert_to_tensor(np.array([[2.0, 0.0, -1.0]], np.float32))
    labels = keras.ops.convert_to_tensor(np.array([0], np.int32))
    log_p = np.array([2.0, 0.0, -1.0]) - np.log(np.exp([2.0, 0.0, -1.0]).sum())
    assert float(training._loss(0.0)(labels, logits)[0]) == pytest.approx(-log_p[0], abs=1e-6)
    target = np.array([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
    assert float(training._loss(0.1)(labels, logits)[0]) == pytest.approx(-(target * log_p).sum(), abs=1e-6)
