"""What a version's network looks like and how its outputs are read: config.json, checked before anything is built."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from classifier.errors import LabelError, VersionRefused
from classifier.fields import Fields
from classifier.labels import check_emoji, check_labels

# The newest classifier.text.NORMALISER_VERSION this code knows; text.py takes it from here.
NORMALISER_VERSION = 1
POOLINGS = ("cls", "mean", "max")
# The activations network.py builds. "gelu" is the exact one, as BERT uses it.
ACTIVATIONS = ("gelu", "relu")
# Bounds far above any BERT (large: hidden 1024, 24 layers, 335 million parameters), far below what harms a host.
MAX_PARAMETERS = 1_000_000_000
LANGUAGE, MAX_LANGUAGES = re.compile(r"[a-z]{2,3}"), 200


@dataclass(frozen=True)
class Architecture:
    """The encoder, in the words of a BERT checkpoint's own config.json."""

    hidden_size: int
    layers: int
    heads: int
    intermediate_size: int
    vocab_size: int
    max_positions: int
    type_vocab_size: int
    layer_norm_eps: float
    hidden_act: str

    @property
    def parameters(self) -> int:
        """Number of float32 values of the encoder, without a pooler."""
        h, wide = self.hidden_size, self.intermediate_size
        embeddings = (self.vocab_size + self.max_positions + self.type_vocab_size) * h + 2 * h
        attention = 4 * (h * h + h) + 2 * h
        feed_forward = (h * wide + wide) + (wide * h + h) + 2 * h
        return embeddings + self.layers * (attention + feed_forward)


@dataclass(frozen=True)
class Head:
    """Dense layers (relu) of these sizes between the pooled vector and the logits, each followed by dropout."""

    hidden: tuple[int, ...] = ()
    dropout: float = 0.1


@dataclass(frozen=True)
class ModelConfig:
    """config.json of a version. `labels` is the order of the outputs; `threshold` is where `sure` begins.

    `languages` are those it was trained for, ISO 639 codes; none where nobody said, and then no text is foreign to it.
    """

    architecture: Architecture
    pooling: str
    head: Head
    labels: tuple[str, ...]
    max_length: int
    normaliser: int
    temperature: float
    threshold: float
    emoji: Mapping[str, str]
    languages: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of float32 values that weights.safetensors holds: encoder and head."""
        sizes = [self.architecture.hidden_size, *self.head.hidden, len(self.labels)]
        head = sum(inputs * outputs + outputs for inputs, outputs in pairwise(sizes))
        return self.architecture.parameters + head

    def to_dict(self) -> dict[str, object]:
        """What from_dict reads back unchanged; JSON types only."""
        return {
            "architecture": {name: getattr(self.architecture, name) for name in ARCHITECTURE},
            "pooling": self.pooling,
            "head": {"hidden": list(self.head.hidden), "dropout": self.head.dropout},
            "labels": list(self.labels),
            "max_length": self.max_length,
            "normaliser": self.normaliser,
            "temperature": self.temperature,
            "threshold": self.threshold,
            "emoji": dict(self.emoji),
            # Left out where nobody said: the release before knows no such field.
            **({"languages": list(self.languages)} if self.languages else {}),
        }

    @classmethod
    def from_dict(cls, values: object, *, where: str = "config.json") -> "ModelConfig":
        """Raises VersionRefused: "config" for a field out of bounds, "labels", or "normaliser" if ours is older."""
        fields = Fields.of(values, where=where, code="config").only(CONFIG, optional=OPTIONAL)
        architecture = _architecture(fields.object("architecture").only(ARCHITECTURE))
        labels = _labels(fields)
        config = cls(
            architecture=architecture,
            pooling=fields.choice("pooling", POOLINGS),
            head=_head(fields.object("head").only(("hidden", "dropout"))),
            labels=labels,
            max_length=fields.integer("max_length", 3, architecture.max_positions),
            normaliser=_normaliser(fields),
            temperature=fields.number("temperature", 0.01, 100.0),
            threshold=fields.number("threshold", 0.0, 1.0),
            emoji=_emoji(fields.object("emoji"), labels),
            languages=_languages(fields),
        )
        if config.parameters > MAX_PARAMETERS:
            raise VersionRefused(
                "config", f"{where} describes {config.parameters:,} parameters, at most {MAX_PARAMETERS:,}."
            )
        return config


ARCHITECTURE = tuple(Architecture.__dataclass_fields__)
CONFIG = tuple(ModelConfig.__dataclass_fields__)
OPTIONAL = ("languages",)


def _architecture(fields: Fields) -> Architecture:
    architecture = Architecture(
        hidden_size=fields.integer("hidden_size", 1, 8192),
        layers=fields.integer("layers", 1, 96),
        heads=fields.integer("heads", 1, 128),
        intermediate_size=fields.integer("intermediate_size", 1, 65536),
        vocab_size=fields.integer("vocab_size", 1, 2_000_000),
        max_positions=fields.integer("max_positions", 3, 65536),
        type_vocab_size=fields.integer("type_vocab_size", 1, 16),
        layer_norm_eps=fields.number("layer_norm_eps", 0.0, 1.0),
        hidden_act=fields.choice("hidden_act", ACTIVATIONS),
    )
    if architecture.hidden_size % architecture.heads:
        raise VersionRefused(
            "config",
            f"{fields.where}: hidden_size {architecture.hidden_size} can't be shared by {architecture.heads} heads.",
        )
    return architecture


def _head(fields: Fields) -> Head:
    sizes = fields.items("hidden", 8)
    # Read each size as a field of its own, so that it meets the same checks.
    one_by_one = Fields(fields.where, fields.code, {f"hidden[{i}]": size for i, size in enumerate(sizes)})
    hidden = tuple(one_by_one.integer(name, 1, 8192) for name in one_by_one.values)
    return Head(hidden=hidden, dropout=fields.number("dropout", 0.0, 0.95))


def _labels(fields: Fields) -> tuple[str, ...]:
    labels = fields.items("labels", 1000)
    try:
        if not all(isinstance(label, str) for label in labels):
            raise LabelError("A label is no text.")
        return check_labels([str(label) for label in labels])
    except LabelError as error:
        raise VersionRefused("labels", f"{fields.where}: {error}") from error


def _emoji(fields: Fields, labels: tuple[str, ...]) -> dict[str, str]:
    fields.only(labels)
    try:
        return {label: check_emoji(fields.text(label, 102)) for label in labels}
    except LabelError as error:
        raise VersionRefused("config", f"{fields.where}: {error}") from error


def _languages(fields: Fields) -> tuple[str, ...]:
    """Versions of earlier releases do not say."""
    codes = fields.items("languages", MAX_LANGUAGES) if "languages" in fields.values else []
    for code in codes:
        if not isinstance(code, str) or not LANGUAGE.fullmatch(code):
            raise VersionRefused("config", f"{fields.where}: languages should be ISO 639 codes, such as en.")
    return tuple(str(code) for code in codes)


def _normaliser(fields: Fields) -> int:
    version = fields.integer("normaliser", 1, 1_000_000)
    if version > NORMALISER_VERSION:
        raise VersionRefused(
            "normaliser",
            f"{fields.where}: trained with text normalisation {version}, this program knows {NORMALISER_VERSION}. "
            "Update it first.",
        )
    return version
