"""Adapters: what was learned, taken apart and put together again."""

import numpy as np
import pytest

from classifier.adapter import adapter_of, merge, read_adapter, write_adapter
from classifier.errors import VersionRefused


@pytest.fixture
def tuned():
    """A base, its fine-tuned tensors and the LoRA factors between them."""
    random = np.random.default_rng(1)
    base = {
        name: random.normal(0, 1, shape).astype(np.float32)
        for name, shape in (("dense.weight", (6, 4)), ("dense.bias", (6,)), ("word.weight", (9, 4)))
    }
    down, up = random.normal(0, 0.1, (4, 2)).astype(np.float32), random.normal(0, 0.1, (2, 6)).astype(np.float32)
    tensors = {
        "dense.weight": base["dense.weight"] + (down @ up).T,
        "dense.bias": base["dense.bias"] + 0.25,
        "word.weight": base["word.weight"],
        "head.0.weight": random.normal(0, 1, (3, 4)).astype(np.float32),
    }
    return base, tensors, {"dense.weight": (down, up)}


def test_base_and_adapter_make_the_tuned_tensors_again_as_far_as_float16_goes(tuned):
    base, tensors, factors = tuned
    merged = merge(base, read_adapter(write_adapter(adapter_of(base, tensors, factors))))
    assert merged.keys() == tensors.keys()
    for name, values in tensors.items():
        assert merged[name].dtype == np.float32
        assert merged[name] == pytest.approx(values, abs=1e-3)


def test_an_adapter_holds_only_what_changed(tuned):
    assert adapter_of(*tuned).keys() == {
        "dense.weight.lora_a",
        "dense.weight.lora_b",
        "dense.bias.delta",
        "head.0.weight",
    }


def test_merging_leaves_the_base_as_it_is(tuned):
    base, tensors, factors = tuned
    before = {name: values.copy() for name, values in base.items()}
    merge(base, adapter_of(base, tensors, factors))
    assert all(np.array_equal(base[name], before[name]) for name in base)


def test_an_adapter_for_another_network_is_refused(tuned):
    base, tensors, factors = tuned
    adapter = adapter_of(base, tensors, factors)
    del base["dense.bias"]
    with pytest.raises(VersionRefused, match=r"dense\.bias"):
        merge(base, adapter)
