"""A version is read only when every byte of it is what its manifest says."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from classifier.errors import VersionRefused
from classifier.registry import Registry
from tests.plain_version import CONFIG, store


@pytest.fixture
def folder(tmp_path) -> Path:
    registry = Registry(tmp_path / "home")
    return store(registry, "team-1").path


def code_of(folder: Path) -> str:
    """The code with which reading the version is refused."""
    with pytest.raises(VersionRefused) as refusal:
        Registry(folder.parents[1]).get(folder.name).read_verified()
    assert "\n" not in str(refusal.value)
    return refusal.value.code


def rewrite(folder: Path, file: str, data: bytes) -> None:
    """Change a file and make the manifest vouch for it, as somebody who tampers with care would."""
    (folder / file).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][file] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def change_config(folder: Path, **changes: object) -> None:
    values = json.loads((folder / "config.json").read_text()) | changes
    rewrite(folder, "config.json", json.dumps(values).encode())


def change_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("file", ["weights.safetensors", "tokenizer.json", "canary.jsonl", "report/metrics.json"])
def test_one_flipped_bit_is_refused(folder, file):
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(data)
    assert code_of(folder) == "sha256"


def test_a_truncated_file_is_refused_before_it_is_read(folder):
    os.truncate(folder / "weights.safetensors", 100)
    assert code_of(folder) == "truncated"


def test_a_grown_file_is_refused(folder):
    with (folder / "tokenizer.json").open("ab") as file:
        file.write(b" ")
    assert code_of(folder) == "size"


def test_a_file_beyond_its_limit_takes_no_memory(folder):
    """It is sparse: a terabyte that takes no disk. Reading it would take all memory there is."""
    (folder / "config.json").unlink()
    with (folder / "config.json").open("wb") as file:
        file.truncate(1 << 40)
    assert code_of(folder) == "size"


@pytest.mark.parametrize("file", ["weights.safetensors", "config.json", "manifest.json", "report/metrics.json"])
def test_a_missing_file_is_refused(folder, file):
    (folder / file).unlink()
    assert code_of(folder) == "missing"


@pytest.mark.parametrize("file", ["model.pkl", "report/notes.html", ".hidden"])
def test_a_file_that_the_manifest_does_not_know_is_refused(folder, file):
    (folder / file).write_bytes(b"")
    assert code_of(folder) == "extra"


def test_a_manifest_cannot_vouch_for_files_that_no_version_has(folder):
    rewrite(folder, "model.pkl", b"")
    assert code_of(folder) == "extra"


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "report/../config.json", "report/a/b"])
def test_a_manifest_cannot_point_outside_its_folder(folder, name):
    manifest = json.loads((folder / "manifest.json").read_text())
    change_manifest(folder, files=manifest["files"] | {name: {"sha256": "0" * 64, "size": 1}})
    assert code_of(folder) == "extra"


@pytest.mark.parametrize("file", ["weights.safetensors", "report/metrics.json", "report"])
def test_links_are_refused_even_to_the_same_bytes(folder, tmp_path, file):
    (folder / file).rename(tmp_path / "elsewhere")
    (folder / file).symlink_to(tmp_path / "elsewhere")
    assert code_of(folder) == "links"


def test_a_version_that_is_itself_a_link_is_refused(folder, tmp_path):
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert code_of(folder) == "links"


def test_a_pipe_in_a_files_place_neither_hangs_nor_passes(folder):
    (folder / "tokenizer.json").unlink()
    os.mkfifo(folder / "tokenizer.json")
    assert code_of(folder) == "links"


def test_a_newer_schema_is_refused_as_such_whatever_else_it_holds(folder):
    change_manifest(folder, schema=2, surprise=True)
    assert code_of(folder) == "schema"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"schema": NaN}', b'{"schema": 1, "schema": 1}', b"[" * 100_000, b'{"schema": true}'],
)
def test_a_manifest_that_is_no_sound_json_is_refused(folder, content):
    (folder / "manifest.json").write_bytes(content)
    assert code_of(folder) == "manifest"


@pytest.mark.parametrize(
    "labels",
    [
        ["negative"],
        [],
        ["negative", "negative"],
        ["negative", ""],
        ["negative", 3],
        ["negative", "a\nb"],
        ["x" * 65, "y"],
    ],
)
def test_a_wrong_label_list_is_refused(folder, labels):
    change_config(folder, labels=labels)
    assert code_of(folder) == "labels"


def test_one_label_more_than_the_weights_have_is_refused(folder):
    """Emoji and manifest match the longer list; the size of the weights gives it away before memory is taken."""
    labels = ["negative", "neutral", "positive"] + [f"label-{number}" for number in range(40)]
    config = CONFIG.to_dict() | {"head": {"hidden": [8000], "dropout": 0.1}}
    rewrite(
        folder, "config.json", json.dumps(config | {"labels": labels, "emoji": dict.fromkeys(labels, ":x:")}).encode()
    )
    assert code_of(folder) == "shape"


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0},
        {"temperature": True},
        {"temperature": "1"},
        {"threshold": 1.01},
        {"max_length": 17},
        {"pooling": "median"},
        {"emoji": {"negative": ":x:"}},
        {"emoji": {"negative": ":x:", "positive": "<!channel>"}},
        {"head": {"hidden": [0], "dropout": 0.1}},
        {"head": {"hidden": [], "dropout": 0.1, "activation": "exec"}},
        {"surprise": 1},
        {"architecture": CONFIG.to_dict()["architecture"] | {"heads": 3}},
        {
            "architecture": CONFIG.to_dict()["architecture"]
            | {"hidden_size": 8192, "layers": 96, "intermediate_size": 65536}
        },
        {"architecture": CONFIG.to_dict()["architecture"] | {"hidden_act": "eval"}},
    ],
)
def test_a_config_out_of_bounds_is_refused(folder, changes):
    change_config(folder, **changes)
    assert code_of(folder) == "config"


def test_a_newer_text_normalisation_is_refused(folder):
    change_config(folder, normaliser=CONFIG.normaliser + 1)
    assert code_of(folder) == "normaliser"
