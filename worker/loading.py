"""From a version's name to a predictor that was checked byte for byte and against its canary texts.

TensorFlow is imported by `load_predictor` alone, so a process that never loads a version never pays for it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from classifier.canary import Canary, run_canary
from classifier.encoding import Encoded
from classifier.errors import ClassifierError, VersionNotFound, VersionRefused
from classifier.manifest import MANIFEST, SERVING, WEIGHTS, Manifest
from classifier.predictor import Prediction, load_predictor
from classifier.registry import Registry
from classifier.verify import read_file
from classifier.version import Version

# The bytes, the tensors read from them and the network's own copy exist side by side while it loads; `make bench`
# shows what a worker takes.
MEMORY_FACTOR, MEMORY_BASE = 4, 64 << 20
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Predictor(Protocol):
    """What the loop needs of a model. classifier.predictor.Predictor is one."""

    runtime: str
    token_budget: int  # padded tokens of a batch beyond which it gets no faster
    canaries: tuple[Canary, ...]
    languages: tuple[str, ...]  # what it was trained for; none where nobody said

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        """Texts as token ids, in order."""
        ...

    def predict(self, encoded: Sequence[Encoded]) -> Sequence[Prediction]:
        """Predictions of one batch, in order."""
        ...


def labels_of(predictor: Predictor) -> list[str]:
    """What it can answer, in the version's order; none where the version brought no canary texts."""
    return list(predictor.canaries[0].scores) if predictor.canaries else []


@dataclass(frozen=True)
class Loaded:
    """A version in memory. `sha256` is its manifest's, which names the sha256 of every other file."""

    name: str
    sha256: str
    predictor: Predictor


class LoadFailed(Exception):
    """This version can't be served here. `code` is one word for the fleet's table, `reason` one line."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


# (name, sha256) -> Loaded; raises LoadFailed.
Load = Callable[[str, str], Loaded]


def fingerprint(version: Version) -> str:
    """The sha256 by which a fleet knows a version: that of the manifest it was read from.

    Raises VersionRefused when the manifest was changed since `version` was read.
    """
    data = read_file(version.path, MANIFEST)
    if Manifest.parse(data, where=f"{version.name}/{MANIFEST}") != version.manifest:
        raise VersionRefused("manifest", f"{version.name}/{MANIFEST} changed while it was read. Try again.")
    return hashlib.sha256(data).hexdigest()


def loader(registry: Registry, *, runtime: str, threads: int | None) -> Load:
    """Loads from this home: verified, warmed up, canary texts reproduced."""

    def load(name: str, sha256: str) -> Loaded:
        try:
            return _load(registry, name, sha256, runtime=runtime, threads=threads)
        except VersionNotFound as error:
            raise LoadFailed("missing", str(error)) from error
        except VersionRefused as error:
            raise LoadFailed(error.code, str(error)) from error
        except (ClassifierError, OSError) as error:
            raise LoadFailed("storage", f"{type(error).__name__}: {error}") from error
        except MemoryError as error:
            raise LoadFailed("memory", f"No memory left to load {name!r}.") from error

    return load


def _load(registry: Registry, name: str, sha256: str, *, runtime: str, threads: int | None) -> Loaded:
    version = registry.get(name)
    found = fingerprint(version)
    if found != sha256:
        raise VersionRefused(
            "sha256",
            f"{name!r} in {registry.root} is not the version asked for: its manifest has sha256 {found[:12]}…, wanted "
            f"is {sha256[:12]}…. Import the same version on every host.",
        )
    check_memory(_to_load(version, runtime), name)
    predictor = load_predictor(version, runtime=runtime, threads=threads)
    run_canary(predictor, version)
    if predictor.reason:
        log.info("served by Keras, not in its compiled form", version=name, why=predictor.reason)
    return Loaded(name, sha256, predictor)


def _to_load(version: Version, runtime: str) -> int:
    """Bytes of the file the network is made from."""
    files = version.manifest.files
    return files[SERVING if runtime != "keras" and SERVING in files else WEIGHTS].size


def check_memory(size_bytes: int, name: str) -> None:
    """Raises LoadFailed("memory") when loading might get this process killed, and the serving model with it."""
    free, needed = free_memory(), int(size_bytes * MEMORY_FACTOR) + MEMORY_BASE
    if free is not None and free < needed:
        raise LoadFailed(
            "memory",
            f"Loading {name!r} takes about {needed >> 20} MB, {free >> 20} MB are free.",
        )


def free_memory(*, meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int | None:
    """Bytes this process may still take, of the machine and of its container; None where the system doesn't tell."""
    found = [free for free in (_of_machine(meminfo), _of_container(cgroup)) if free is not None]
    return min(found, default=None)


def _of_machine(meminfo: Path) -> int | None:
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):
        return None


def _of_container(cgroup: Path) -> int | None:
    try:
        # "max" where there is no limit: a ValueError like any other answer that is no number.
        limit, used = int((cgroup / "memory.max").read_text()), int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    # Cached files count as used and are given back on demand.
    return limit - used + int(stat.get("inactive_file", 0))
