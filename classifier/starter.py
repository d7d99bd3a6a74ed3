"""The starter version: what a fresh home serves before anybody has trained anything.

The folder starter/ beside this file holds an adapter, its config, its canary texts and a card that says what it was
trained on. Here they are merged into the default base. `make starter DATA=FOLDER` (starter_build.py) trains them anew.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from classifier import durable
from classifier.adapter import merge, read_adapter
from classifier.base import load_base
from classifier.compiling import compile_network
from classifier.config import ModelConfig
from classifier.errors import VersionRefused
from classifier.manifest import CONFIG, METRICS, SERVING, WEIGHTS, DataFile, Provenance
from classifier.quantisation import read_inputs
from classifier.registry import Active, Registry
from classifier.version import Version
from classifier.weights import write_tensors

STARTER = "starter"
ADAPTER, QUANTISATION, CARD, CANARY = "adapter.safetensors", "quantisation.safetensors", "card.json", "canary.jsonl"
FOLDER = Path(str(files("classifier"))) / "starter"


def ensure_active(registry: Registry) -> Active:
    """What this home serves; in a home that serves nothing yet, the starter version, installed first.

    Any number of processes may call this at once: one installs, the others wait for it. Raises BaseNotFound,
    VersionRefused, StorageError.
    """
    active = registry.active()
    if active is not None:
        return active
    with _only_one(registry.root):
        # Another process may have been first while we waited.
        active = registry.active()
        if active is None:
            install_starter(registry)
            active = registry.activate(STARTER, gen=0)  # no commit of the fleet has happened yet
    return active


def install_starter(registry: Registry) -> Version:
    """The version "starter", made from the shipped adapter unless the home has it: a few seconds, no TensorFlow.

    Its compiled form is made here too, from the rounding measured when the adapter was trained.
    """
    if STARTER in registry.names():
        return registry.get(STARTER)
    card = read_card(FOLDER)
    base = load_base()
    if base.sha256 != card["base_sha256"]:
        raise VersionRefused("adapter", "The starter's adapter was made for another base. Install the program again.")
    tensors = merge(base.tensors, read_adapter(_checked(FOLDER / ADAPTER, card["adapter_sha256"])))
    inputs = read_inputs(_checked(FOLDER / QUANTISATION, card["quantisation_sha256"]))
    config = ModelConfig.from_dict(json.loads((FOLDER / CONFIG).read_bytes()), where=CONFIG)
    weights = write_tensors(tensors)
    with registry.stage(STARTER) as staging:
        for name, data in base.files.items():
            staging.write(name, data)
        staging.write(WEIGHTS, weights)
        staging.write(SERVING, compile_network(config, tensors, inputs, weights))
        for name in (CONFIG, CANARY):
            staging.write(name, (FOLDER / name).read_bytes())
        staging.write(METRICS, json.dumps({**card["metrics"], "serving": card["serving"]}, indent=1).encode())
        return staging.publish(provenance(card))


def read_card(folder: Path) -> dict[str, Any]:
    """The card as it was written when the starter was trained. Raises VersionRefused when the package lacks it."""
    try:
        return json.loads((folder / CARD).read_bytes())
    except (OSError, ValueError) as error:
        raise VersionRefused("adapter", f"{folder / CARD} cannot be read. Install the program again.") from error


def provenance(card: dict[str, Any]) -> Provenance:
    """The manifest's account of the starter."""
    return Provenance(
        base=card["base"],
        base_sha256=card["base_sha256"],
        data=tuple(DataFile(source["file"], source["sha256"], source["rows"]) for source in card["sources"]),
        seed=card["seed"],
        macro_f1=card["metrics"]["macro_f1"],
        training=card["training"],
        libraries=card["libraries"],
    )


def _checked(path: Path, sha256: str) -> bytes:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise VersionRefused("adapter", f"{path} was changed: its sha256 is not the card's. Install the program again.")
    return data


@contextmanager
def _only_one(root: Path) -> Iterator[None]:
    """One process at a time, by a lock of its own: the registry takes its lock again while it stages."""
    with durable.storage_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root / ".starter.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
