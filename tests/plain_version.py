"""Versions whose weights are zeros: sound on disk and for the registry, without a network ever being built."""

import json
from dataclasses import replace

from classifier.config import NORMALISER_VERSION, Architecture, Head, ModelConfig
from classifier.labels import emoji_for
from classifier.manifest import DataFile, Provenance
from classifier.registry import Registry
from classifier.version import Version

CONFIG = ModelConfig(
    architecture=Architecture(
        hidden_size=4,
        layers=1,
        heads=2,
        intermediate_size=8,
        vocab_size=10,
        max_positions=16,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        hidden_act="gelu",
    ),
    pooling="cls",
    head=Head(hidden=(3,), dropout=0.2),
    labels=("negative", "positive"),
    max_length=16,
    normaliser=NORMALISER_VERSION,
    temperature=1.5,
    threshold=0.6,
    emoji=emoji_for(("negative", "positive")),
)
PROVENANCE = Provenance(
    base="all-MiniLM-L6-v2",
    base_sha256="0" * 64,
    data=(DataFile("chat.csv", "1" * 64, 150),),
    seed=7,
    macro_f1=0.75,
    training={"epochs": 3, "pooling": "cls"},
    libraries={"keras": "3.15.1"},
)


def files_of(config: ModelConfig = CONFIG) -> dict[str, bytes]:
    """The files of such a version, without its manifest."""
    return {
        "config.json": json.dumps(config.to_dict()).encode(),
        "tokenizer.json": b"{}",
        "weights.safetensors": bytes(4 * config.parameters + 100),
        "canary.jsonl": b'{"text": "fine", "scores": {"negative": 0.5, "positive": 0.5}}\n',
        "report/metrics.json": b"{}",
    }


def store(registry: Registry, name: str, *, base: str | None = None) -> Version:
    """Publish such a version."""
    with registry.stage(name) as staging:
        for file, data in files_of().items():
            staging.write(file, data)
        return staging.publish(replace(PROVENANCE, base=base) if base else PROVENANCE)
