"""A LoRA version as an adapter: small on the way, and the very same version where the same base is."""

import dataclasses
import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from classifier import training
from classifier.adapter_archive import LEFT_OUT, check_adapter
from classifier.archive import export_version, import_version
from classifier.errors import BaseNotFound, DataError, VersionRefused
from classifier.predictor import load_predictor
from classifier.registry import Registry
from classifier.version import Version
from tests.plain_version import store
from tests.tiny_training import config_for

MADE_ANEW = ("weights.safetensors", "serving.onnx", "tokenizer.json")


@dataclasses.dataclass(frozen=True)
class Exported:
    """A version, its adapter's file, and the folder of its base."""

    version: Version
    file: Path
    base: Path


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Exported:
    folder = tmp_path_factory.mktemp("exported")
    config = dataclasses.replace(config_for(folder), lora=2, epochs=1, learning_rate=3e-2)
    version = training.train_version(config, Registry(folder / "home"), report=lambda news: None).version
    export_version(version, folder / "adapter.tar", without=LEFT_OUT)
    return Exported(version, folder / "adapter.tar", Path(str(config.base)))


@pytest.fixture
def there(tmp_path) -> Registry:
    return Registry(tmp_path / "there")


def test_an_adapter_holds_nothing_that_its_base_holds_anyway(exported):
    with tarfile.open(exported.file) as tar:
        names = {member.name.removeprefix("mine/") for member in tar}
    assert names == {"manifest.json", *exported.version.manifest.files} - {*MADE_ANEW}
    assert "adapter.safetensors" in names


def test_where_the_same_base_is_the_import_is_the_same_version_byte_for_byte(exported, there):
    imported = import_version(there, exported.file)
    assert {name: entry.sha256 for name, entry in imported.manifest.files.items()} == {
        name: entry.sha256 for name, entry in exported.version.manifest.files.items()
    }
    assert imported.manifest.provenance == exported.version.manifest.provenance
    assert imported.runtime == exported.version.runtime == "onnx"
    texts = ["it is good today", "the awful build"]
    ours, theirs = (load_predictor(version).classify(texts) for version in (imported, exported.version))
    assert [prediction.scores for prediction in ours] == [prediction.scores for prediction in theirs]


def test_the_base_may_lie_elsewhere_on_the_other_host(exported, there, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(exported.base, moved)
    assert import_version(there, exported.file, name="theirs", base=str(moved)).name == "theirs"
    with pytest.raises(BaseNotFound):
        import_version(there, exported.file, base=str(tmp_path / "nowhere"))


def test_another_base_or_another_tokenizer_is_refused_and_nothing_is_stored(exported, there, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(exported.base, other)
    tokenizer = other / "tokenizer.json"
    tokenizer.write_bytes(tokenizer.read_bytes().replace(b'"good"', b'"nice"'))
    with pytest.raises(VersionRefused, match=r"another tokenizer\.json than the adapter's own base"):
        import_version(there, exported.file, base=str(other))
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(VersionRefused, match=r"a base whose weights have sha256 [0-9a-f]{12}…; those of") as refusal:
        import_version(there, exported.file, base=str(other))
    assert refusal.value.code == "adapter"
    assert there.names() == []


def with_adapter(source: Path, target: Path, change) -> Path:
    """The archive with another adapter in it."""
    with tarfile.open(source) as tar, tarfile.open(target, "w") as out:
        for member in tar:
            data = tar.extractfile(member).read()
            if member.name.endswith("/adapter.safetensors"):
                data = change(data)
                member.size = len(data)
            out.addfile(member, io.BytesIO(data))
    return target


def test_an_adapter_changed_on_the_way_is_refused_and_nothing_is_stored(exported, there, tmp_path):
    flipped = with_adapter(exported.file, tmp_path / "x.tar", lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(VersionRefused) as refusal:
        import_version(there, flipped)
    assert refusal.value.code == "sha256"
    assert there.names() == []


def test_an_adapter_of_other_shapes_is_refused(exported, there, monkeypatch):
    """As one would be that somebody made by hand, manifest and all."""
    wrong = {"head.0.weight": np.zeros((7, 7), np.float16)}
    monkeypatch.setattr("classifier.adapter_archive.read_adapter", lambda data: wrong)
    with pytest.raises(VersionRefused):
        import_version(there, exported.file)
    monkeypatch.setattr("classifier.adapter_archive.read_adapter", lambda data: safetensors.numpy.load(b"no file"))
    with pytest.raises(VersionRefused, match="The adapter does not fit its base"):
        import_version(there, exported.file)
    assert there.names() == []


def test_a_version_trained_without_lora_has_no_adapter_to_export(tmp_path):
    with pytest.raises(DataError, match=r"'plain' has no adapter: it was not trained with --lora\."):
        check_adapter(store(Registry(tmp_path), "plain"))
