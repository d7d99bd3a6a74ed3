"""Training the upper half on what the lower half made of the texts: the same network, and the lower half untouched."""

import dataclasses

import numpy as np
import pytest

from classifier import network, training
from classifier.adapter import adapter_of, merge
from classifier.base import load_base
from classifier.encoding import encode
from classifier.predictor import logits_of
from classifier.starter_training import Halves, joined
from tests.tiny_training import config_for

TEXTS = [
    "good build",
    "the build is bad today",
    "it is great",
    "awful",
    "the build",
    "it is today",
    "love it",
    "sad",
] * 4
LABELS = np.array([2, 0, 2, 0, 1, 1, 2, 0] * 4)
TARGETS = np.eye(3, dtype=np.float32)[LABELS]


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    config = dataclasses.replace(config_for(tmp_path_factory.mktemp("halves")), epochs=30, emoji={})
    base = load_base(config.base)
    return config, base, training.configure(config, base, ("negative", "neutral", "positive"))


def fresh(setting) -> Halves:
    config, base, model_config = setting
    return Halves(base, model_config, frozen=1, lora=2, seed=config.seed)


def taught(setting, offsets=None) -> Halves:
    halves = fresh(setting)
    offsets = np.zeros_like(TARGETS) if offsets is None else offsets
    halves.teach(halves.read(TEXTS), TARGETS, offsets, setting[0], lambda *news: None)
    return halves


def test_the_two_halves_one_after_the_other_are_the_whole_network(setting):
    halves = fresh(setting)
    whole = logits_of(network.serving_function(halves.model), encode(halves.tokenizer, TEXTS))
    assert halves.logits(halves.read(TEXTS)) == pytest.approx(whole, abs=2e-3)  # kept as float16 in between


def test_teaching_leaves_the_lower_half_alone_and_its_adapter_is_the_rest(setting):
    halves, base = taught(setting), setting[1]
    tensors = network.read_weights(halves.model)
    adapter = adapter_of(base.tensors, tensors, network.lora_factors(halves.model))
    assert not [name for name in adapter if name.startswith(("embeddings.", "encoder.layer.0."))]
    assert any(name.startswith("encoder.layer.1.") for name in adapter)
    merged = merge(base.tensors, adapter)
    assert all(merged[name] == pytest.approx(values, abs=1e-2) for name, values in tensors.items())


def test_it_learns_what_it_is_taught(setting):
    halves = taught(setting)
    assert (halves.logits(halves.read(TEXTS)).argmax(axis=1) == LABELS).mean() > 0.8


def test_what_is_known_of_a_source_is_not_learned_again(setting):
    """Told that positive is likely anyway, the network itself leans less towards it."""
    known = np.tile(np.array([0.0, 0.0, 3.0], np.float32), (len(TEXTS), 1))
    plain, told = taught(setting), taught(setting, known)
    states = plain.read(TEXTS)
    assert told.logits(states)[:, 2].mean() < plain.logits(states)[:, 2].mean()


def test_states_are_selected_and_joined_as_their_texts_are(setting):
    halves = fresh(setting)
    states = halves.read(TEXTS[:4])
    again = joined([states.select(np.array([2])), states.select(np.array([0, 1]))])
    assert again.lengths.tolist() == states.lengths[[2, 0, 1]].tolist()
    assert np.array_equal(again.padded([0])[0], states.padded([2])[0])
