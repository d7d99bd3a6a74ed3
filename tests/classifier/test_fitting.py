"""Epochs and steps: what makes a training repeatable, and the loss it goes down."""

import dataclasses

import numpy as np
import pytest

from classifier import fitting, training
from classifier.base import load_base
from classifier.encoder import keras
from classifier.finishing import load_data
from classifier.recipe import EpochEnd
from tests.tiny_training import config_for


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Options, a way to a fresh model, and the encoded data of the tiny training."""
    config = config_for(tmp_path_factory.mktemp("fitting"))
    base, data = load_base(config.base), load_data(config)
    model_config = training.configure(config, base, data.labels)

    def fresh(config=config):
        return training.prepare(base, model_config, lora=config.lora, seed=config.seed, precision=config.precision)

    return config, fresh, training.encode_parts(data, base, model_config)


def fit(parts, config=None, last=None):
    """The trained values, the score of each epoch, and the checkpoints on the way."""
    default, fresh, (train, valid) = parts
    config = config or default
    model, news, checkpoints = fresh(config), [], []
    fitting.fit(model, train, valid, config, news.append, last=last, save=checkpoints.append)
    values = [variable.numpy() for variable in model.trainable_variables]
    return values, [item for item in news if isinstance(item, EpochEnd)], checkpoints


def same(ours, theirs) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def unbroken(parts):
    """By LoRA rank: values, epochs and checkpoints of a training that nothing interrupts."""
    return {lora: fit(parts, dataclasses.replace(parts[0], lora=lora)) for lora in (0, 2)}


def test_the_same_seed_gives_the_same_weights_bit_for_bit_also_with_lora_and_class_weights(parts):
    config = dataclasses.replace(parts[0], epochs=1, lora=2, class_weight="auto", precision="float32")
    first, second = fit(parts, config), fit(parts, config)
    assert same(first[0], second[0])
    assert first[1] == second[1]


def test_another_seed_gives_other_weights(parts, unbroken):
    other, _, _ = fit(parts, dataclasses.replace(parts[0], epochs=1, seed=2))
    assert not same(other, unbroken[0][0])


@pytest.mark.parametrize(("lora", "epoch"), [(0, 1), (2, 2)])
def test_going_on_from_a_checkpoint_ends_with_the_weights_of_an_unbroken_training(parts, unbroken, lora, epoch):
    values, ends, checkpoints = unbroken[lora]
    assert [len(checkpoint.history) for checkpoint in checkpoints] == [1, 2, 3]
    again, later_ends, later = fit(parts, dataclasses.replace(parts[0], lora=lora), last=checkpoints[epoch - 1])
    assert same(again, values)
    assert later_ends == ends[epoch:]
    assert later[-1].history == checkpoints[-1].history
    assert later[-1].steps == checkpoints[-1].steps


def test_after_the_last_epoch_only_the_best_weights_are_taken_up_again(parts, unbroken):
    values, _, checkpoints = unbroken[0]
    again, later_ends, later = fit(parts, last=checkpoints[-1])
    assert same(again, values)
    assert (later_ends, later) == ([], [])


def test_patience_counts_the_epochs_before_an_interruption(parts):
    """The second of two epochs without gain ends the training, also when the first was in another process."""
    config = dataclasses.replace(parts[0], learning_rate=1e-12, epochs=9, patience=2)
    _, ends, checkpoints = fit(parts, config)
    assert [end.best for end in ends] == [True, False, False]
    assert len(fit(parts, config, last=checkpoints[1])[1]) == 1


def test_lora_puts_no_table_and_no_matrix_into_a_checkpoint(unbroken):
    """Those are the base's: a checkpoint of a large network with LoRA is small."""
    shapes = {lora: {array.shape for array in unbroken[lora][2][0].arrays.values()} for lora in (0, 2)}
    assert (20, 8) in shapes[0]  # the word embeddings
    assert (20, 8) not in shapes[2]
    assert (8, 24) not in shapes[2]  # query, key and value


def test_label_smoothing_is_cross_entropy_against_smoothed_one_hot_labels():
    logits = keras.ops.convert_to_tensor(np.array([[2.0, 0.0, -1.0]], np.float32))
    labels = keras.ops.convert_to_tensor(np.array([0], np.int32))
    log_p = np.array([2.0, 0.0, -1.0]) - np.log(np.exp([2.0, 0.0, -1.0]).sum())
    assert float(fitting._loss(0.0)(labels, logits)[0]) == pytest.approx(-log_p[0], abs=1e-6)
    target = np.array([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3])
    assert float(fitting._loss(0.1)(labels, logits)[0]) == pytest.approx(-(target * log_p).sum(), abs=1e-6)
