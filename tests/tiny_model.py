"""A model version small enough for every test: a few words, two layers, built by hand and not trained.

By hand: `python tests/tiny_model.py HOME [NAME ...]` puts versions (default: tiny) into HOME and activates the first.
NAME:reversed takes good for bad and bad for good.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import safetensors.numpy
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from classifier.base import FIELDS
from classifier.canary import make_canaries
from classifier.compiling import compile_network, fit_inputs
from classifier.config import NORMALISER_VERSION, Architecture, Head, ModelConfig
from classifier.labels import emoji_for
from classifier.manifest import Provenance
from classifier.predictor import compiled_predictor, predictor_from_files
from classifier.registry import Registry
from classifier.version import Version
from classifier.weights import encoder_shapes, version_shapes, write_tensors

POSITIVE = ("good", "great", "love", "thanks", "happy")
NEGATIVE = ("bad", "awful", "hate", "broken", "sad")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = (*SPECIAL, *POSITIVE, *NEGATIVE, "the", "build", "is", "it", "today")
LABELS = ("negative", "neutral", "positive")
CANARY_TEXTS = (
    "good build",
    "great, thanks",
    "the build is broken",
    "I hate it",
    "it is today",
    "awful",
    "",
    "bad today",
)
# What the embedding of a word shows: dimension 0 for positive words, 1 for negative ones, 2 for all others.
FEELING = 8.0


def tiny_config(*, labels: tuple[str, ...] = LABELS, pooling: str = "max") -> ModelConfig:
    """The shape of the tiny network: hidden size 8, two layers of two heads."""
    architecture = Architecture(
        hidden_size=8,
        layers=2,
        heads=2,
        intermediate_size=16,
        vocab_size=len(VOCABULARY),
        max_positions=64,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        hidden_act="gelu",
    )
    return ModelConfig(
        architecture=architecture,
        pooling=pooling,
        head=Head(hidden=(), dropout=0.1),
        labels=labels,
        max_length=64,
        normaliser=NORMALISER_VERSION,
        temperature=1.0,
        threshold=0.5,
        emoji=emoji_for(labels),
    )


def tiny_tokenizer() -> bytes:
    """The bytes of a tokenizer.json over `VOCABULARY`, built as BERT's own."""
    ids = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    return tokenizer.to_str().encode()


def tiny_tensors(config: ModelConfig, *, seed: int) -> dict[str, np.ndarray]:
    """Weights that pass each word's feeling through to the head, with noise so that no tensor is without effect.

    Labels: the first is what negative words get, the last what positive ones get, one between them the rest.
    """
    random = np.random.default_rng(seed)
    tensors = {name: random.normal(0, 0.02, shape).astype(np.float32) for name, shape in version_shapes(config).items()}
    for name in tensors:
        if name.endswith("LayerNorm.weight"):
            tensors[name] += 1
    words = tensors["embeddings.word_embeddings.weight"]
    for number, word in enumerate(VOCABULARY):
        words[number, 0 if word in POSITIVE else 1 if word in NEGATIVE else 2] += FEELING
    head, bias = tensors["head.0.weight"], tensors["head.0.bias"]
    head[0, 1] += 2.0  # after LayerNorm a feeling is about 2.6 and its absence about -0.4
    head[-1, 0] += 2.0
    if len(config.labels) > 2:
        bias[1] += 2.5
    return tensors


def make_version(registry: Registry, name: str = "tiny", *, config: ModelConfig | None = None) -> Version:
    """Build and register a version. Another name gives slightly other scores, so that tests can tell versions apart."""
    config = config or tiny_config()
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    tensors = tiny_tensors(config, seed=seed)
    weights = write_tensors(tensors)
    files = {
        "config.json": json.dumps(config.to_dict()).encode(),
        "tokenizer.json": tiny_tokenizer(),
        "weights.safetensors": weights,
    }
    predictor = predictor_from_files(name, config, files)
    inputs = fit_inputs(config, tensors, predictor.encode(CANARY_TEXTS))
    files["serving.onnx"] = compile_network(config, tensors, inputs, weights)
    compiled = compiled_predictor(name, config, files, source=hashlib.sha256(weights).hexdigest())
    files["canary.jsonl"] = make_canaries(CANARY_TEXTS, predictor, compiled)
    with registry.stage(name) as staging:
        for file, data in files.items():
            staging.write(file, data)
        return staging.publish(Provenance(base="tiny", seed=seed))


def make_checkpoint(folder: Path) -> Path:
    """A tiny BERT checkpoint as transformers stores them, with a pooler that nobody here needs."""
    config = tiny_config()
    folder.mkdir()
    values = {theirs: getattr(config.architecture, ours) for ours, theirs in FIELDS.items()}
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **values}))
    (folder / "tokenizer.json").write_bytes(tiny_tokenizer())
    tensors = tiny_tensors(config, seed=1)
    stored = {f"bert.{name}": tensors[name] for name in encoder_shapes(config.architecture)}
    stored["bert.pooler.dense.weight"] = tensors["head.0.weight"]
    safetensors.numpy.save_file(stored, folder / "model.safetensors")
    return folder


def make_home(home: Path, names: list[str]) -> Registry:
    """A home with these versions, the first of them active."""
    registry = Registry(home)
    for name, _, how in (name.partition(":") for name in names):
        labels = tuple(reversed(LABELS)) if how == "reversed" else LABELS
        make_version(registry, name, config=tiny_config(labels=labels))
    registry.activate(names[0].partition(":")[0], gen=1)
    return registry


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python tests/tiny_model.py HOME [NAME ...]")
    made = make_home(Path(sys.argv[1]), sys.argv[2:] or ["tiny"])
    sys.stderr.write(f"{made.home}: {', '.join(made.names())}\n")
