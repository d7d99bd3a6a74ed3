"""The networks that are timed: the starter, and one of bert-base-uncased's shape, both laid out as a version is."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from classifier.compiling import compile_network, fit_inputs
from classifier.config import Architecture, ModelConfig
from classifier.encoding import encode, load_tokenizer
from classifier.registry import Registry
from classifier.starter import ensure_active
from classifier.version import Version
from classifier.weights import version_shapes, write_tensors

BERT_BASE = Architecture(
    hidden_size=768,
    layers=12,
    heads=12,
    intermediate_size=3072,
    vocab_size=30522,
    max_positions=512,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    hidden_act="gelu",
)
# The deviation BERT's own weights start from.
DEVIATION = 0.02


def install_starter(home: Path) -> Version:
    """The starter version in a fresh home, as a user gets it."""
    registry = Registry(home)
    return registry.get(ensure_active(registry).version)


def write_bert_base(folder: Path, starter: Version, texts: Sequence[str]) -> ModelConfig:
    """Random weights in bert-base-uncased's shape with the starter's tokenizer and head, compiled as `train` does."""
    config = replace(starter.config, architecture=BERT_BASE)
    random = np.random.default_rng(0)
    tensors = {
        name: random.normal(1 if name.endswith("LayerNorm.weight") else 0, DEVIATION, shape).astype(np.float32)
        for name, shape in version_shapes(config).items()
    }
    weights, tokenizer = write_tensors(tensors), starter.read_verified()["tokenizer.json"]
    encoded = encode(load_tokenizer(tokenizer, max_length=config.max_length), texts)
    files = {
        "config.json": json.dumps(config.to_dict()).encode(),
        "tokenizer.json": tokenizer,
        "weights.safetensors": weights,
        "serving.onnx": compile_network(config, tensors, fit_inputs(config, tensors, encoded), weights),
    }
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return config
