"""A training that can go on where it was interrupted: what it was asked to do and where it stands, on disk.

Each training has a folder <home>/training/<version> from its first moment until its version is stored. It holds
order.json, everything needed to begin the training again, and checkpoint.npz, its state after the last whole epoch.
Nobody but the owner may read it: it knows where the data is, and weights may have learned texts by heart.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from classifier import durable
from classifier.errors import ClassifierError, DataError, VersionExists
from classifier.manifest import DataFile
from classifier.recipe import EpochEnd, TrainConfig
from classifier.registry import Registry
from classifier.version import check_name, is_name

FOLDER = "training"
ORDER, CHECKPOINT = "order.json", "checkpoint.npz"
# In checkpoint.npz, beside the arrays.
FACTS = "facts"


@dataclass(frozen=True)
class Order:
    """What a training was asked to do: `config` with absolute paths and the precision found, and what it read."""

    config: TrainConfig
    data: tuple[DataFile, ...]
    base_sha256: str

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1, default=str).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Order":
        """Raises ValueError, KeyError or TypeError for what another version of this program wrote."""
        values = json.loads(data)
        config = values["config"]
        if config.keys() != {field.name for field in fields(TrainConfig)}:
            raise ValueError("other options")
        paths = {name: [Path(path) for path in config[name]] for name in ("data", "valid", "anchor")}
        options = {**config, **paths, "hidden": tuple(config["hidden"])}
        options["languages"] = tuple(config["languages"])
        return cls(TrainConfig(**options), tuple(DataFile(**file) for file in values["data"]), values["base_sha256"])


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands after a whole epoch. `arrays` are the fit's own; `seconds` were spent on `steps`."""

    history: tuple[EpochEnd, ...]
    steps: int
    seconds: float
    arrays: Mapping[str, np.ndarray]


class WorkFolder:
    """The folder of one training, held by this process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def has_checkpoint(self) -> bool:
        return (self.path / CHECKPOINT).is_file()

    def write_order(self, order: Order) -> None:
        durable.write(self.path / ORDER, order.to_json())

    def read_order(self) -> Order:
        """Raises ClassifierError when there is none yet, or one that can't be read."""
        name = self.path.name
        try:
            return Order.from_json((self.path / ORDER).read_bytes())
        except FileNotFoundError as error:
            raise ClassifierError(
                f"The training of {name!r} was interrupted before its data was read: there is nothing to go on from. "
                f"Begin it again with `clfadmin train DATA --name {name}`."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._unusable(ORDER) from error

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the last checkpoint. Raises StorageError; then the last one is still there."""
        facts = {
            "history": [asdict(epoch) for epoch in checkpoint.history],
            "steps": checkpoint.steps,
            "seconds": checkpoint.seconds,
        }
        arrays: dict[str, Any] = {FACTS: np.frombuffer(json.dumps(facts).encode(), np.uint8), **checkpoint.arrays}
        with durable.replacing(self.path / CHECKPOINT) as file:
            np.savez(file, **arrays)

    def load(self, *, arrays: bool = True) -> Checkpoint | None:
        """The last checkpoint, without `arrays` only its facts; None when no epoch was finished."""
        if not self.has_checkpoint:
            return None
        try:
            with (self.path / CHECKPOINT).open("rb") as file, np.load(file, allow_pickle=False) as stored:
                facts = json.loads(stored[FACTS].tobytes())
                found = {name: stored[name] for name in stored.files if arrays and name != FACTS}
            history = tuple(EpochEnd(**epoch) for epoch in facts["history"])
            return Checkpoint(history, facts["steps"], facts["seconds"], found)
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise self._unusable(CHECKPOINT) from error

    def _unusable(self, file: str) -> ClassifierError:
        return ClassifierError(
            f"The training of {self.path.name!r} cannot go on: {self.path / file} is damaged or from another version "
            f"of this program. Drop it with `clfadmin train --discard {self.path.name}`."
        )

    def discard(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def begin(registry: Registry, name: str) -> Generator[WorkFolder]:
    """The folder of a new training. It stays behind only if the block fails after a checkpoint.

    Raises VersionExists for a version that is there already, and ClassifierError for one whose training was interrupted
    or is under way.
    """
    registry.check_free(name)
    path = registry.home / FOLDER / name
    with durable.storage_errors(path):
        registry.home.mkdir(parents=True, exist_ok=True)
        for folder in (path.parent, path):
            folder.mkdir(mode=0o700, exist_ok=True)
    with _held(path) as work:
        check_new(registry, name)
        with _tidied(work):
            yield work


@contextmanager
def go_on(registry: Registry, name: str) -> Generator[WorkFolder]:
    """The folder of an interrupted training; it stays behind if the block fails again.

    Raises ClassifierError when there is none, or when another process is at it.
    """
    with _existing(registry, name) as work:
        if name in registry.names():  # we died between storing and tidying up
            work.discard()
            raise VersionExists(f"The training of {name!r} was finished: the version is stored. Nothing is left to do.")
        with _tidied(work):
            yield work


def check_new(registry: Registry, name: str) -> None:
    """Raises VersionExists or BadVersionName, and ClassifierError when a training of that name was interrupted."""
    registry.check_free(name)
    if (registry.home / FOLDER / name / CHECKPOINT).is_file():
        raise ClassifierError(
            f"A training of {name!r} has begun already. Go on with `clfadmin train --resume {name}`, drop it with "
            f"`clfadmin train --discard {name}`, or choose another --name."
        )


def read_order(registry: Registry, name: str) -> Order:
    """What an interrupted training was asked to do. Raises ClassifierError if there is none, or a process is at it."""
    with _existing(registry, name) as work:
        return work.read_order()


def check_same(order: Order, config: TrainConfig, given: Collection[str]) -> None:
    """Raises ClassifierError unless the options named in `given` are in `config` what they were at the beginning."""
    now = absolute(config)
    for option in given:
        old, new = getattr(order.config, option), getattr(now, option)
        if new != old and (option, new) != ("precision", "auto"):
            raise ClassifierError(
                f"The training of {order.config.name!r} began with other options: {option.replace('_', '-')} was "
                f"{_shown(old)}, now it is {_shown(new)}. Leave it out to go on, or train anew under another --name."
            )


def discard(registry: Registry, name: str) -> None:
    """Drop an interrupted training. Raises as go_on does."""
    with _existing(registry, name) as work:
        work.discard()


def unfinished(registry: Registry) -> list[str]:
    """Names of the trainings that were interrupted or are under way."""
    root = registry.home / FOLDER
    return sorted(entry.name for entry in root.iterdir() if is_name(entry.name)) if root.is_dir() else []


def check_unchanged(then: Order, now: Order) -> None:
    """Raises DataError unless data and base are still what they were when the training began."""
    for old, new in zip(then.data, now.data, strict=True):
        if old.sha256 != new.sha256:
            raise DataError(
                f"{new.name} was changed since the training began: its sha256 is {new.sha256[:12]}…, then it was "
                f"{old.sha256[:12]}…. Put the old file back, or train anew."
            )
    if then.base_sha256 != now.base_sha256:
        raise DataError(
            f"The base was changed since the training began: its sha256 is {now.base_sha256[:12]}…, then it was "
            f"{then.base_sha256[:12]}…. Put the old one back, or train anew."
        )


def absolute(config: TrainConfig) -> TrainConfig:
    """The options as they mean the same from any folder."""
    base = config.base
    if base is not None and Path(base).expanduser().is_dir():
        base = str(Path(base).expanduser().resolve())
    data, valid, anchor = ([path.resolve() for path in paths] for paths in (config.data, config.valid, config.anchor))
    return replace(config, data=data, valid=valid, anchor=anchor, base=base)


def _shown(value: object) -> str:
    return " ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)


@contextmanager
def _existing(registry: Registry, name: str) -> Generator[WorkFolder]:
    check_name(name)
    path = registry.home / FOLDER / name
    if not path.is_dir():
        known = ", ".join(unfinished(registry)) or "none"
        raise ClassifierError(f"No training of {name!r} was interrupted in {registry.home}. Interrupted: {known}.")
    with _held(path) as work:
        yield work


@contextmanager
def _held(path: Path) -> Generator[WorkFolder]:
    """One process at a time; freed by the system if we die."""
    with durable.storage_errors(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClassifierError(f"Another process is training {path.name!r} right now.") from error
        for draft in path.glob(".*"):  # of a checkpoint that a kill cut off
            draft.unlink()
        yield WorkFolder(path)
    finally:
        os.close(descriptor)


@contextmanager
def _tidied(work: WorkFolder) -> Generator[None]:
    """Without a checkpoint a folder is of no use to anybody; with a stored version neither."""
    try:
        yield
        work.discard()
    finally:
        if not work.has_checkpoint:
            work.discard()
