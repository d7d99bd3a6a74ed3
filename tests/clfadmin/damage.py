"""Ways a stored version goes bad: on the disk, or by a tool that signs what it broke."""

import hashlib
import json
from pathlib import Path

import safetensors.numpy


def flip_a_byte(folder: Path) -> None:
    path = folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-200] ^= 1
    path.write_bytes(data)


def truncate(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def rename_labels(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"negative"', '"dreadful"'))


def sign_again(folder: Path, *names: str) -> None:
    """Make the manifest vouch for changed files, as a careless tool might."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in names:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    path.write_text(json.dumps(manifest))


def swap_two_labels(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["labels"].reverse()
    (folder / "config.json").write_text(json.dumps(config))
    sign_again(folder, "config.json")


def nudge_the_bias(folder: Path) -> None:
    """Every label stays as it was, the scores move by more than a thousandth."""
    tensors = safetensors.numpy.load_file(folder / "weights.safetensors")
    tensors["head.0.bias"][0] += 0.05
    safetensors.numpy.save_file(tensors, folder / "weights.safetensors")
    sign_again(folder, "weights.safetensors")


def nothing(folder: Path) -> None:
    """A sound copy."""
