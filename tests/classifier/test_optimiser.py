"""AdamW: the updates Keras' own makes, but of a table only the rows in the batch."""

import numpy as np
import pytest

from classifier.encoder import keras, tf
from classifier.network import build_classifier
from classifier.optimiser import CLIP_NORM, WEIGHT_DECAY, AdamW, clipped, merged, scheduled
from tests.tiny_model import tiny_config


def variable(values, name="kernel"):
    return keras.Variable(np.asarray(values, np.float32), name=name)


def gradients_of(step: int) -> list[np.ndarray]:
    random = np.random.default_rng(step)
    return [random.normal(0, scale, shape).astype(np.float32) for scale, shape in ((0.3, (3, 4)), (2.0, (4,)))]


def test_updates_are_those_of_keras_own_adamw():
    """Twenty steps with gradients above and below the clipping norm."""
    ours = [variable(np.ones((3, 4))), variable(np.ones(4), "bias")]
    theirs = [variable(np.ones((3, 4))), variable(np.ones(4), "bias")]
    optimiser = AdamW(ours, 1e-2, 20)
    reference = keras.optimizers.AdamW(
        lambda: scheduled(1e-2, tf.cast(reference.iterations, tf.int64), 20),
        weight_decay=WEIGHT_DECAY,
        global_clipnorm=CLIP_NORM,
    )
    reference.exclude_from_weight_decay(var_names=["bias"])
    for step in range(20):
        optimiser.apply([tf.constant(gradient) for gradient in gradients_of(step)])
        reference.apply([tf.constant(gradient) for gradient in gradients_of(step)], theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.numpy() == pytest.approx(other.numpy(), abs=1e-6)
        assert not np.allclose(one.numpy(), 1)


def test_rows_in_the_batch_get_the_update_of_a_dense_gradient_and_others_stay_as_they_are():
    table, dense = variable(np.ones((5, 2))), variable(np.ones((5, 2)))
    values = np.array([[0.3, -0.2], [0.1, 0.4], [0.2, 0.2]], np.float32)
    whole = np.zeros((5, 2), np.float32)
    np.add.at(whole, [3, 1, 3], values)  # word 3 comes twice
    lazy, full = AdamW([table], 1e-2, 10), AdamW([dense], 1e-2, 10)
    lazy.apply([tf.IndexedSlices(tf.constant(values), tf.constant([3, 1, 3]))])
    full.apply([tf.constant(whole)])
    for ours, theirs in zip((table, *lazy.first, *lazy.second), (dense, *full.first, *full.second), strict=True):
        assert ours.numpy()[[1, 3]] == pytest.approx(theirs.numpy()[[1, 3]], abs=1e-7)
    assert (table.numpy()[[0, 2, 4]] == 1).all()  # nor do they decay
    assert (dense.numpy()[[0, 2, 4]] < 1).all()


def test_a_row_that_comes_twice_is_one_row_with_the_sum():
    slices = merged(tf.IndexedSlices(tf.constant([[1.0], [2.0], [5.0]]), tf.constant([4, 2, 4])))
    assert dict(zip(slices.indices.numpy().tolist(), slices.values.numpy()[:, 0].tolist(), strict=True)) == {4: 6, 2: 2}


def test_gradients_are_shortened_together_and_short_ones_left_alone():
    long = [tf.constant([3.0, 0.0]), tf.IndexedSlices(tf.constant([[4.0]]), tf.constant([0]))]
    dense, slices = clipped(long)
    assert dense.numpy().tolist() == pytest.approx([0.6, 0])
    assert slices.values.numpy().tolist() == [[pytest.approx(0.8)]]
    assert clipped([tf.constant([0.3])])[0].numpy().tolist() == [pytest.approx(0.3)]


def test_the_learning_rate_climbs_for_a_tenth_of_the_steps_and_then_falls_to_nothing():
    rates = [float(scheduled(1.0, tf.constant(step), 100)) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(1 / 90)
    assert max(rates) <= 1


def test_biases_and_layer_norms_are_not_decayed():
    variables = build_classifier(tiny_config()).trainable_variables
    optimiser = AdamW(variables, 1e-3, 10)
    names = {decayed: set() for decayed in (True, False)}
    for each, decayed in zip(variables, optimiser.decayed, strict=True):
        names[decayed].add(each.name)
    assert names == {True: {"kernel", "embeddings"}, False: {"bias", "gamma", "beta"}}


def test_an_optimiser_given_anothers_state_goes_on_as_that_one_would():
    one, other = variable(np.ones((3, 4))), variable(np.ones((3, 4)))
    first, second = AdamW([one], 1e-2, 20), AdamW([other], 1e-2, 20)
    for step in range(3):
        first.apply([tf.constant(gradients_of(step)[0])])
    other.assign(one.numpy())
    for mine, theirs in zip(second.state, first.state, strict=True):
        mine.assign(theirs)
    for optimiser in (first, second):
        optimiser.apply([tf.constant(gradients_of(9)[0])])
    assert np.array_equal(one.numpy(), other.numpy())
