"""The file of a backup: a tar of `queue.json`, `memory.json`, `backup.json` and versions as `models export` writes."""

import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from classifier import durable
from classifier.archive import export_version, import_version, opened
from classifier.errors import ClassifierError, DataError
from classifier.registry import Registry
from classifier.version import is_name
from clfadmin.memory import Amount, Kept, kept_from
from worker.snapshot import BadSnapshot, Snapshot

ABOUT, QUEUE, MEMORY, MODELS = "backup.json", "queue.json", "memory.json", "models/"
FORMAT = 1
# Far above any queue (256 MB in the embedded broker) and any list of names.
MOST_QUEUE_BYTES, MOST_ABOUT_BYTES = 2_000_000_000, 1_000_000
CHUNK = 1 << 20


@dataclass(frozen=True)
class Written:
    """`left_out`: versions that cannot be trusted, with the reason."""

    versions: list[str]
    active: str
    held: Snapshot
    remembered: Amount
    left_out: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        return {
            "versions": self.versions,
            "active": self.active or None,
            "left_out": self.left_out,
            "queue": _counts(self.held),
            "memory": asdict(self.remembered),
        }


@dataclass(frozen=True)
class Read:
    """`added`: versions this home did not have; `active`: the one it serves from now on, "" where it had one before."""

    held: Snapshot
    kept: list[Kept]
    added: list[str]
    known: list[str]
    active: str

    def to_dict(self) -> dict[str, Any]:
        return {"versions": self.added, "known": self.known, "active": self.active or None}


def write(file: Path, home: Path, held: Snapshot, kept: Sequence[Kept], *, said: Callable[[str], None]) -> Written:
    """Write all versions of the home, what the queue held and workspaces decided; `said` is told of each version.

    Raises StorageError, DataError; then the file is as it was.
    """
    if file.is_dir():
        raise DataError(f"{file} is a folder. Name a file, such as {file / 'clf-backup.tar'}.")
    registry = Registry(home)
    active = registry.active()
    amount = sum((one.amount for one in kept), Amount())
    written = Written([], active.version if active else "", held, amount, {})
    with durable.storage_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    with durable.replacing(file) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        os.fchmod(out.fileno(), 0o600)  # texts
        _add(tar, QUEUE, held.encode())
        _add(tar, MEMORY, json.dumps([one.to_dict() for one in kept]).encode())
        # Beside the file, which has room for it; a version is there twice for a moment.
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}-") as folder:
            for name in registry.names():
                _add_version(tar, registry, name, Path(folder) / "version.tar", written, said)
        about = {"format": FORMAT, "made": int(time.time()), "active": written.active, "versions": written.versions}
        _add(tar, ABOUT, json.dumps(about).encode())
    return written


def _add_version(
    tar: tarfile.TarFile, registry: Registry, name: str, part: Path, written: Written, said: Callable[[str], None]
) -> None:
    try:
        export_version(registry.get(name), part)
    except ClassifierError as error:
        written.left_out[name] = str(error)
        return
    said(f"version {name}, {part.stat().st_size / 1e6:.1f} MB")
    tar.add(part, f"{MODELS}{name}.tar", filter=_anonymous)
    written.versions.append(name)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid, member.gid, member.uname, member.gname, member.mode = 0, 0, "", "", 0o600
    return member


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
    tar.addfile(member, io.BytesIO(data))


def read(file: Path, home: Path, *, said: Callable[[str], None]) -> Read:
    """Import the versions this home does not have, and choose the active one where it has none.

    Raises DataError when the file is no backup, VersionRefused, StorageError. What was imported by then stays.
    """
    registry = Registry(home)
    with opened(file, made_by="clfadmin backup") as tar, durable.storage_errors(home):
        held, kept, about = _contents(tar, file)
        home.mkdir(parents=True, exist_ok=True)
        added: list[str] = []
        known: list[str] = []
        for name in about["versions"]:
            if name in registry.names():
                known.append(name)
                continue
            with tempfile.TemporaryDirectory(dir=home, prefix=".restore-") as folder:
                part = Path(folder) / f"{name}.tar"
                _copy(_member(tar, f"{MODELS}{name}.tar", file), part)
                import_version(registry, part, name=name)
            said(f"version {name}")
            added.append(name)
    active = ""
    if registry.active() is None and about["active"] in registry.names():
        active = registry.activate(about["active"], 0).version
    return Read(held, kept, added, known, active)


def _contents(tar: tarfile.TarFile, file: Path) -> tuple[Snapshot, list[Kept], dict[str, Any]]:
    try:
        about = json.loads(_bytes(_member(tar, ABOUT, file, MOST_ABOUT_BYTES)))
        if about["format"] != FORMAT:
            raise DataError(f"A newer release wrote {file}. Upgrade this one first.")
        if not (isinstance(about["active"], str) and all(is_name(name) for name in about["versions"])):
            raise ValueError("names of versions")
        held = Snapshot.decode(_bytes(_member(tar, QUEUE, file, MOST_QUEUE_BYTES)))
        # Backups of the first release had none.
        has_memory = MEMORY in tar.getnames()
        kept = kept_from(json.loads(_bytes(_member(tar, MEMORY, file, MOST_QUEUE_BYTES)))) if has_memory else []
    except (BadSnapshot, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is no backup made by `clfadmin backup` ({error}).") from error
    return held, kept, about


def _member(tar: tarfile.TarFile, name: str, file: Path, most: int = 0) -> IO[bytes]:
    try:
        member = tar.getmember(name)
    except KeyError as error:
        raise DataError(f"{file} is no whole backup made by `clfadmin backup`: {name} is missing.") from error
    source = tar.extractfile(member) if member.isreg() else None
    if source is None or (most and member.size > most):
        raise DataError(f"{file} is no backup made by `clfadmin backup`: {name} is not what it should be.")
    return source


def _bytes(source: IO[bytes]) -> bytes:
    with source:
        return source.read()


def _copy(source: IO[bytes], place: Path) -> None:
    with source, place.open("xb") as out:
        while chunk := source.read(CHUNK):
            out.write(chunk)


def _counts(held: Snapshot) -> dict[str, int]:
    return {
        "jobs": len(held.jobs),
        "results": len(held.results),
        "dead": len(held.dead),
        "marks": len(held.marks),
    }
