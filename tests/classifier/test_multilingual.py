"""A base of many languages: chosen, trained and served like any other. Random weights, so no quality is claimed."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from tokenizers import BertWordPieceTokenizer

from classifier.base import FIELDS
from classifier.predictor import load_predictor
from classifier.recipe import TrainConfig
from classifier.registry import Registry
from classifier.weights import encoder_shapes
from tests.tiny_model import tiny_config

SENTENCES = {
    "good": (
        "Danke, das sieht wirklich sehr gut aus",
        "Merci beaucoup, le résultat est vraiment parfait",
        "Muchas gracias, ahora todo funciona perfectamente",
        "Спасибо большое, теперь всё отлично работает",
        "ありがとうございます、とても良くなりました",
    ),
    "bad": (
        "Das Deployment ist schon wieder fehlgeschlagen",
        "Le serveur est encore tombé, je suis fatigué",
        "El servidor se ha caído otra vez esta mañana",
        "Сервер снова упал, и никто не знает почему",
        "サーバーがまた落ちました、本当に困ります",
    ),
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A BERT checkpoint with a cased vocabulary of five languages in three scripts, made from their sentences."""
    folder = tmp_path / "many"
    folder.mkdir()
    tokenizer = BertWordPieceTokenizer(lowercase=False, strip_accents=False)
    texts = [text for label in SENTENCES.values() for text in label]
    tokenizer.train_from_iterator(texts, vocab_size=400, min_frequency=1, show_progress=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    architecture = tiny_config().architecture
    values = {theirs: getattr(architecture, ours) for ours, theirs in FIELDS.items()}
    values["vocab_size"] = tokenizer.get_vocab_size()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **values}))
    random = np.random.default_rng(1)
    shapes = encoder_shapes(type(architecture)(**{ours: values[theirs] for ours, theirs in FIELDS.items()}))
    tensors = {name: random.normal(0, 0.02, shape).astype(np.float32) for name, shape in shapes.items()}
    safetensors.numpy.save_file(tensors, folder / "model.safetensors")
    return folder


def test_a_base_of_many_languages_is_trained_and_its_version_knows_them(tmp_path: Path, base: Path):
    rows = [
        {"text": f"{text} {number}", "label": label}
        for number in range(6)
        for label in SENTENCES
        for text in SENTENCES[label]
    ]
    data = tmp_path / "rows.jsonl"
    data.write_text("\n".join(json.dumps(row) for row in rows))
    from classifier.training import train_version

    config = TrainConfig(data=[data], base=str(base), name="many", epochs=1, max_length=32, precision="float32")
    version = train_version(config, Registry(tmp_path / "home"), report=lambda news: None).version
    assert set(version.config.languages) == {"de", "fr", "es", "ru", "ja"}
    predictor = load_predictor(version)
    told = predictor.classify([SENTENCES["bad"][3], "Dziękuję bardzo, to jest naprawdę świetna robota"])
    assert [one.language for one in told] == ["", "pl"]
    assert told[0].label in SENTENCES
    assert not told[1].sure
