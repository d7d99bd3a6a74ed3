"""The network against the reference implementation, its three steps alone, its weights on disk."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from classifier import network
from classifier.base import load_base
from classifier.config import Head
from classifier.encoding import Encoded, load_tokenizer, pad, preprocess
from classifier.weights import encoder_shapes, version_shapes
from tests.tiny_model import tiny_config, tiny_tensors, tiny_tokenizer

GOLDEN = Path(__file__).parents[1] / "golden" / "bert.npz"
POOLINGS = ("cls", "mean", "max")


@pytest.fixture(scope="module")
def golden():
    """Texts, token ids and last hidden states of the reference; see tests/golden/make_golden.py."""
    with np.load(GOLDEN) as arrays:
        count = len(arrays["texts"])
        return [(str(arrays["texts"][i]), arrays[f"ids_{i}"], arrays[f"hidden_{i}"]) for i in range(count)]


@pytest.fixture(scope="module")
def base():
    return load_base()


@pytest.fixture(scope="module")
def encoder(base):
    model = network.build_encoder(base.architecture)
    network.load_weights(model, base.tensors)
    return model


@pytest.fixture
def tiny():
    """A tiny classifier with its config."""
    config = tiny_config()
    model = network.build_classifier(config)
    network.load_weights(model, tiny_tensors(config, seed=1))
    return model, config


def test_token_ids_are_those_of_the_reference(golden, base):
    tokenizer = load_tokenizer(base.files["tokenizer.json"], max_length=512)
    for text, ids, _ in golden:
        assert tokenizer.encode(text).ids == ids.tolist()


def test_hidden_states_of_real_texts_are_within_1e_4_of_the_reference(golden, encoder):
    for _, ids, hidden in golden:
        ours = network.embed(encoder, ids[None], np.ones((1, len(ids)), np.int32))[0]
        assert np.abs(ours - hidden).max() < 1e-4


def test_hidden_states_in_a_padded_batch_are_within_1e_4_of_the_reference(golden, encoder):
    """Texts of 4 to 72 tokens together, padded to 100: what stands behind a text changes nothing in it."""
    batch = pad([Encoded(ids.tolist(), truncated=False) for _, ids, _ in golden], tokens=100)
    ours = network.embed(encoder, *batch)
    assert ours.shape == (len(golden), 100, 384)
    for row, (_, ids, hidden) in enumerate(golden):
        assert np.abs(ours[row, : len(ids)] - hidden).max() < 1e-4


def test_the_three_steps_alone_make_what_the_whole_network_makes(tiny):
    """Text to ids and mask, to one vector for each token, to probabilities: each usable without the others."""
    model, config = tiny
    texts = ["good build", "it is broken today, awful", "the"]
    ids, mask = preprocess(texts, load_tokenizer(tiny_tokenizer(), max_length=64), config.max_length)
    assert ids.shape == mask.shape == (3, 8)
    assert ids.dtype == mask.dtype == np.int32
    assert mask.sum(axis=1).tolist() == [4, 8, 3]

    embedding = network.embed(model.get_layer("encoder"), ids, mask)
    assert embedding.shape == (3, 8, 8)
    assert embedding.dtype == np.float32

    probabilities = network.classify(model, embedding, mask)
    assert probabilities.shape == (3, 3)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    logits = network.serving_function(model)(ids, mask)
    exponents = np.exp(logits)
    assert probabilities == pytest.approx(exponents / exponents.sum(axis=1, keepdims=True), abs=1e-6)


def test_texts_longer_than_max_length_are_cut_in_the_first_step():
    ids, mask = preprocess(["good " * 50], load_tokenizer(tiny_tokenizer(), max_length=64), 16)
    assert ids.shape == (1, 16)
    assert mask.all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_changes_no_logit_whatever_the_pooling(pooling):
    config = tiny_config(pooling=pooling)
    model = network.build_classifier(config)
    network.load_weights(model, tiny_tensors(config, seed=1))
    forward = network.serving_function(model)
    encoded = [Encoded([2, 5, 15, 3], truncated=False), Encoded([2, 10, 3], truncated=False)]
    assert forward(*pad(encoded)) == pytest.approx(forward(*pad(encoded, tokens=8)), abs=1e-5)


def test_padding_cannot_win_the_maximum():
    """All values of the tokens are negative; zeros at padding would be larger."""
    hidden = -np.ones((1, 4, 2), np.float32)
    hidden[0, 2:] = 5.0
    pooled = network.Pooling("max")(hidden, np.array([[1, 1, 0, 0]], np.int32))
    assert np.asarray(pooled).tolist() == [[-1.0, -1.0]]


def test_mean_pooling_divides_by_the_number_of_tokens():
    hidden = np.array([[[2.0], [4.0], [100.0], [100.0]]], np.float32)
    pooled = network.Pooling("mean")(hidden, np.array([[1, 1, 0, 0]], np.int32))
    assert np.asarray(pooled).tolist() == [[3.0]]


def test_the_head_is_dense_layers_with_relu_and_dropout_and_ends_in_logits():
    config = dataclasses.replace(tiny_config(), head=Head(hidden=(12, 6), dropout=0.2))
    head = network.build_head(config)
    kinds = [type(layer).__name__ for layer in head.layers]
    assert kinds == ["Dense", "Dropout", "Dense", "Dropout", "Dense"]
    assert [layer.units for layer in head.layers if hasattr(layer, "units")] == [12, 6, 3]
    assert head.layers[-1].activation is network.keras.activations.linear


def test_weights_written_are_the_weights_read(tiny):
    model, config = tiny
    tensors = tiny_tensors(config, seed=7)
    network.load_weights(model, tensors)
    found = network.read_weights(model)
    assert found.keys() == version_shapes(config).keys()
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)


def test_a_base_fills_the_encoder_and_leaves_the_head_fresh(tiny):
    model, config = tiny
    head = network.read_weights(model)["head.0.weight"]
    tensors = tiny_tensors(config, seed=9)
    network.load_weights(model, {name: tensors[name] for name in encoder_shapes(config.architecture)})
    found = network.read_weights(model)
    assert np.array_equal(found["head.0.weight"], head)
    assert np.array_equal(found["encoder.layer.1.output.dense.weight"], tensors["encoder.layer.1.output.dense.weight"])


def test_weights_that_are_read_hold_what_lora_learned(tiny):
    """The merged matrices give the same outputs in a network without LoRA."""
    model, config = tiny
    for dense in network.encoder_dense(model):
        dense.enable_lora(2)
        dense.lora_kernel_b.assign(np.random.default_rng(3).normal(0, 0.1, dense.lora_kernel_b.shape))
    plain = network.build_classifier(config)
    network.load_weights(plain, network.read_weights(model))
    batch = pad([Encoded([2, 5, 15, 11, 3], truncated=False)])
    assert network.serving_function(plain)(*batch) == pytest.approx(network.serving_function(model)(*batch), abs=1e-5)
    assert network.lora_factors(model).keys() == {
        name for name in encoder_shapes(config.architecture) if name.startswith("encoder") and ".dense.weight" in name
    } | {f"encoder.layer.{i}.attention.self.{part}.weight" for i in (0, 1) for part in ("query", "key", "value")}
