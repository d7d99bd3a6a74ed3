"""Weights on disk: what fits is read exactly, everything else is refused before memory is taken."""

import json

import numpy as np
import pytest
import safetensors.numpy

from classifier.errors import VersionRefused
from classifier.weights import encoder_shapes, read_tensors, version_shapes, write_tensors
from tests.tiny_model import tiny_config, tiny_tensors

CONFIG = tiny_config()
SHAPES = version_shapes(CONFIG)


@pytest.fixture(scope="module")
def data() -> bytes:
    return write_tensors(tiny_tensors(CONFIG, seed=1))


def refusal(data: bytes) -> str:
    with pytest.raises(VersionRefused, match=r"weights\.safetensors") as refused:
        read_tensors(data, SHAPES)
    assert "\n" not in str(refused.value)
    return refused.value.code


def with_header(change, data: bytes) -> bytes:
    """The same values behind a changed header."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    change(header)
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + data[8 + size :]


def test_what_was_written_is_what_is_read(data):
    tensors = tiny_tensors(CONFIG, seed=1)
    found = read_tensors(data, SHAPES)
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    assert found.keys() == SHAPES.keys()


def test_the_shapes_add_up_to_the_parameters_the_config_counts():
    assert sum(int(np.prod(shape)) for shape in SHAPES.values()) == CONFIG.parameters
    assert sum(int(np.prod(s)) for s in encoder_shapes(CONFIG.architecture).values()) == CONFIG.architecture.parameters


@pytest.mark.parametrize("kept", [0, 4, 8, 200, -4])
def test_a_truncated_file_is_refused(data, kept):
    assert refusal(data[:kept]) in ("header", "truncated")


def test_a_header_that_claims_more_than_the_file_holds_is_refused(data):
    assert refusal((1 << 62).to_bytes(8, "little") + data[8:]) == "header"


@pytest.mark.parametrize("header", [b"[]", b"{}", b"null", b'{"a": 1}', b'{"a": {}}', b"\xff\xfe", b"[" * 5000])
def test_a_header_that_is_none_is_refused(header):
    assert refusal(len(header).to_bytes(8, "little") + header) == "header"


def test_a_missing_and_an_unknown_tensor_are_refused():
    tensors = tiny_tensors(CONFIG, seed=1)
    values = tensors.pop("head.0.bias")
    assert refusal(write_tensors(tensors)) == "tensors"
    assert refusal(write_tensors({**tensors, "head.0.bias": values, "extra": values})) == "tensors"


def test_another_shape_is_refused():
    tensors = tiny_tensors(CONFIG, seed=1)
    tensors["head.0.weight"] = tensors["head.0.weight"].T
    assert refusal(write_tensors(tensors)) == "shape"


def test_another_number_format_is_refused():
    tensors = {name: values.astype(np.float16) for name, values in tiny_tensors(CONFIG, seed=1).items()}
    assert refusal(safetensors.numpy.save(tensors)) == "shape"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_finite_numbers_are_refused(value):
    tensors = tiny_tensors(CONFIG, seed=1)
    tensors["encoder.layer.1.output.dense.weight"][3, 3] = value
    assert refusal(write_tensors(tensors)) == "values"


def test_tensors_that_overlap_are_refused(data):
    def overlap(header):
        header["head.0.bias"]["data_offsets"] = header["embeddings.LayerNorm.bias"]["data_offsets"]

    assert refusal(with_header(overlap, data)) in ("header", "truncated")


def test_the_same_tensors_make_the_same_bytes(data):
    tensors = tiny_tensors(CONFIG, seed=1)
    assert write_tensors(dict(reversed(tensors.items()))) == data
