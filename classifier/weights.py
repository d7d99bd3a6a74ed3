"""Weights on disk: which tensors a network has, and reading them from bytes without trusting those bytes.

One safetensors file, float32. The encoder keeps the names of BERT checkpoints (without "bert."), the head's dense
layers are head.0, head.1, ...; matrices lie as PyTorch has them, [out, in]. So any tool that knows BERT reads them.
"""

import itertools
import json
from collections.abc import Mapping

import numpy as np
import safetensors.numpy

from classifier.config import Architecture, ModelConfig
from classifier.errors import VersionRefused

# A header entry takes about 120 bytes; BERT-large has 391 tensors, so 1 MB leaves room for twenty times that.
MAX_HEADER_BYTES = 1_000_000

Shapes = dict[str, tuple[int, ...]]


def encoder_shapes(architecture: Architecture) -> Shapes:
    """Name and shape of each encoder tensor."""
    hidden, inner = architecture.hidden_size, architecture.intermediate_size
    shapes: Shapes = {
        "embeddings.word_embeddings.weight": (architecture.vocab_size, hidden),
        "embeddings.position_embeddings.weight": (architecture.max_positions, hidden),
        "embeddings.token_type_embeddings.weight": (architecture.type_vocab_size, hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
    }
    for layer in range(architecture.layers):
        prefix = f"encoder.layer.{layer}"
        for name, outputs, inputs in (
            ("attention.self.query", hidden, hidden),
            ("attention.self.key", hidden, hidden),
            ("attention.self.value", hidden, hidden),
            ("attention.output.dense", hidden, hidden),
            ("intermediate.dense", inner, hidden),
            ("output.dense", hidden, inner),
        ):
            shapes[f"{prefix}.{name}.weight"] = (outputs, inputs)
            shapes[f"{prefix}.{name}.bias"] = (outputs,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{prefix}.{name}.weight"] = (hidden,)
            shapes[f"{prefix}.{name}.bias"] = (hidden,)
    return shapes


def head_shapes(config: ModelConfig) -> Shapes:
    """Name and shape of each tensor of the head: hidden dense layers first, then one output for each label."""
    sizes = [config.architecture.hidden_size, *config.head.hidden, len(config.labels)]
    shapes: Shapes = {}
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        shapes[f"head.{index}.weight"] = (outputs, inputs)
        shapes[f"head.{index}.bias"] = (outputs,)
    return shapes


def version_shapes(config: ModelConfig) -> Shapes:
    """Name and shape of every tensor in a version's weights.safetensors."""
    return encoder_shapes(config.architecture) | head_shapes(config)


def read_tensors(data: bytes, expected: Shapes) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file that must hold exactly `expected`, all float32 and finite.

    Names, shapes and sizes are compared before memory is taken. Raises VersionRefused with the code header, truncated,
    tensors, shape or values.
    """
    header = _header(data)
    _compare(header, expected)
    try:
        tensors = safetensors.numpy.load(data)
    except Exception as error:  # the library's own error class derives from Exception only
        raise _refused("header", f"is no valid safetensors file ({str(error)[:100]})") from error
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise _refused("values", f"holds values in {name} that are no finite numbers")
    return tensors


def write_tensors(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a safetensors file, the same for the same tensors whatever their order."""
    ordered = {name: np.ascontiguousarray(tensors[name], np.float32) for name in sorted(tensors)}
    return safetensors.numpy.save(ordered)


def _refused(code: str, what: str) -> VersionRefused:
    return VersionRefused(code, f"weights.safetensors {what}. Train or import the version again.")


def _header(data: bytes) -> dict[str, dict]:
    """The checked header: tensor name to its dtype, shape and offsets, which must fill the file exactly."""
    size = int.from_bytes(data[:8], "little")
    if len(data) < 8 or size > min(MAX_HEADER_BYTES, len(data) - 8):
        raise _refused("header", f"has a header of {size} bytes in a file of {len(data)}")
    try:
        header = json.loads(data[8 : 8 + size])
        header.pop("__metadata__", None)
        end = max(entry["data_offsets"][1] for entry in header.values())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise _refused("header", "has a header that cannot be read") from error
    if end != len(data) - 8 - size:
        raise _refused("truncated", f"should hold {end} bytes of values and holds {len(data) - 8 - size}")
    return header


def _compare(header: dict[str, dict], expected: Shapes) -> None:
    missing, extra = expected.keys() - header.keys(), header.keys() - expected.keys()
    if missing or extra:
        raise _refused(
            "tensors",
            f"does not fit config.json: {len(missing)} tensors missing, {len(extra)} unknown, "
            f"such as {min(missing or extra)!r}",
        )
    for name, shape in expected.items():
        dtype, found = header[name].get("dtype"), header[name].get("shape")
        if dtype != "F32" or found != list(shape):
            raise _refused("shape", f"has {name} as {dtype} {found} where config.json needs F32 {list(shape)}")
