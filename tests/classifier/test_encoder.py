"""The layers that differ from Keras' own for speed: the same outputs, the same gradients."""

import math

import numpy as np
import pytest

from classifier import network
from classifier.encoder import Dense, Dropout, LayerNorm, gelu, keras, layers, relu, tf
from tests.tiny_model import tiny_config, tiny_tensors


def with_gradients(function, *inputs):
    """The function's value, and the gradients of the sum of its squares, as numpy."""
    watched = [tf.constant(each) for each in inputs]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = function(*watched)
        loss = tf.reduce_sum(tf.square(value))
    return value.numpy(), [gradient.numpy() for gradient in tape.gradient(loss, watched)]


@pytest.fixture
def random():
    return np.random.default_rng(1)


def test_gelu_is_the_exact_one_with_its_own_gradient(random):
    values = random.normal(0, 3, (20, 7)).astype(np.float32)
    exact = [x * 0.5 * math.erfc(-x / math.sqrt(2)) for x in values.ravel().tolist()]
    ours, gradients = with_gradients(gelu, values)
    keras_own, expected = with_gradients(lambda x: keras.ops.gelu(x, approximate=False), values)
    assert ours.ravel() == pytest.approx(exact, abs=1e-6)
    assert ours == pytest.approx(keras_own, abs=1e-6)
    assert gradients[0] == pytest.approx(expected[0], abs=1e-5)


@pytest.mark.parametrize("activation", [gelu, relu])
def test_activations_compute_in_float32_and_hand_the_gradient_back_as_it_came(activation):
    values = tf.constant([[-1.0, 0.5, 2.0]], tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(values)
        activated = activation(values)
    assert activated.dtype == tf.float32
    assert tape.gradient(activated, values).dtype == tf.bfloat16


def test_layer_norm_is_keras_own_in_value_and_gradients(random):
    values = random.normal(2, 5, (3, 4, 8)).astype(np.float32)
    gamma, beta = random.normal(1, 0.2, 8).astype(np.float32), random.normal(0, 0.2, 8).astype(np.float32)
    found = []
    for kind in (LayerNorm, layers.LayerNormalization):
        layer = kind(epsilon=1e-12)
        layer.build(values.shape)
        layer.gamma.assign(gamma)
        layer.beta.assign(beta)
        inputs = tf.constant(values)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs) - 1.0))
        found.append([loss, *tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value])])
    for ours, theirs in zip(*found, strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-4, abs=1e-4)


def test_dropout_drops_its_share_and_scales_the_rest():
    dropout = Dropout(0.1, seed=1)
    dropped = dropout(np.ones((500, 401), np.float32), training=True).numpy()
    assert np.unique(dropped) == pytest.approx([0, 1 / 0.9])
    assert (dropped == 0).mean() == pytest.approx(0.1, abs=0.003)
    assert dropped.mean() == pytest.approx(1, abs=0.004)
    assert (dropout(np.ones((5, 4), np.float32), training=False).numpy() == 1).all()


def test_dropout_draws_anew_each_time_and_the_same_with_the_same_seed():
    first, second = (
        [Dropout(0.5, seed=7)(np.ones((4, 9), np.float32), training=True).numpy() for _ in "12"] for _ in "12"
    )
    dropout = Dropout(0.5, seed=7)
    draws = [dropout(np.ones((40, 9), np.float32), training=True).numpy() for _ in "12"]
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert not np.array_equal(*draws)


def test_lora_beside_the_matrix_gives_what_lora_in_the_matrix_gives(random):
    inputs = random.normal(0, 1, (5, 6)).astype(np.float32)
    found = []
    for kind in (Dense, layers.Dense):
        dense = kind(4)
        dense.build(inputs.shape)
        dense._kernel.assign(np.arange(24, dtype=np.float32).reshape(6, 4) / 24)
        dense.bias.assign(np.full(4, 0.5, np.float32))
        dense.enable_lora(2)
        dense.lora_kernel_a.assign(np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2))
        dense.lora_kernel_b.assign(np.linspace(-1, 2, 8, dtype=np.float32).reshape(2, 4))
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(dense(inputs)))
        learned = [dense.lora_kernel_a.value, dense.lora_kernel_b.value, dense.bias.value]
        found.append([loss, *tape.gradient(loss, learned)])
    for ours, theirs in zip(*found, strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-4)


def test_bfloat16_products_move_the_logits_a_little_and_the_weights_stay_float32():
    config = tiny_config()
    tensors = tiny_tensors(config, seed=1)
    ids, mask = np.array([[2, 5, 15, 3]], np.int32), np.ones((1, 4), np.int32)
    exact, rounded = (
        network.build_classifier(config, precision=precision) for precision in ("float32", "mixed_bfloat16")
    )
    for model in (exact, rounded):
        network.load_weights(model, tensors)
    assert {variable.dtype for variable in rounded.trainable_variables} == {"float32"}
    difference = np.abs(network.serving_function(exact)(ids, mask) - network.serving_function(rounded)(ids, mask)).max()
    assert 0 < difference < 0.05
