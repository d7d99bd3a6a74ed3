"""A training, from files to a stored version: on the tiny base and made-up sentences."""

import dataclasses
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from classifier import training
from classifier.canary import run_canary
from classifier.errors import BaseNotFound, ClassifierError, DataError, VersionExists
from classifier.finishing import free_name, load_data
from classifier.manifest import WEIGHTS
from classifier.predictor import load_predictor
from classifier.recipe import EpochEnd, Progress, TrainConfig, TrainOutcome
from classifier.registry import Registry
from tests.tiny_training import config_for, write_rows


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


def test_the_same_seed_trains_the_same_weights_bit_for_bit(finished, registry):
    again = train(finished.config, registry).version
    ours, theirs = (version.manifest.files[WEIGHTS].sha256 for version in (again, finished.outcome.version))
    assert ours == theirs


def test_training_stops_when_patience_is_over_and_keeps_the_best_weights(config, registry):
    """At a rate that learns nothing, no epoch beats the first."""
    news: list[Progress | EpochEnd] = []
    outcome = train(dataclasses.replace(config, learning_rate=1e-12, epochs=6, patience=2), registry, news)
    assert (outcome.epochs_run, outcome.best_epoch) == (3, 1)
    ends = [item for item in news if isinstance(item, EpochEnd)]
    assert [item.best for item in ends] == [True, False, False]
    assert outcome.metrics["macro_f1"] == pytest.approx(ends[0].macro_f1)


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
