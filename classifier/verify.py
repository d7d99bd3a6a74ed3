"""Reads a version's files without trusting them: no links, no strangers, no byte the manifest does not vouch for."""

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from classifier.config import ModelConfig
from classifier.errors import VersionRefused
from classifier.manifest import MANIFEST, MIB, WEIGHTS, FileEntry, Manifest, limit_of

# What safetensors needs beside the numbers: its header, about 100 bytes for each of at most 2,000 tensors.
HEADER = MIB


def read_verified(
    path: Path, manifest: Manifest, config: ModelConfig, *, without: Collection[str] = ()
) -> dict[str, bytes]:
    """The bytes of every file but the report's and those in `without`. See Version.read_verified."""
    check_strangers(path, manifest)
    _check_shape(path, manifest, config)
    files: dict[str, bytes] = {}
    for name, entry in manifest.files.items():
        if name.startswith("report/") or name in without:
            check_entry(path, name, entry)
        else:
            files[name] = read_entry(path, name, entry)
    return files


def read_entry(path: Path, name: str, entry: FileEntry) -> bytes:
    """One file's bytes, of which this very copy has the sha256 the manifest names."""
    data = read_file(path, name, expected=entry.size)
    _compare(path, name, entry, hashlib.sha256(data).hexdigest())
    return data


def check_entry(path: Path, name: str, entry: FileEntry) -> None:
    """One file has the sha256 the manifest names; it is read in pieces and not kept."""
    sha256, size = hashlib.sha256(), 0
    with _opened(path, name, expected=entry.size) as file:
        while chunk := file.read(MIB):
            sha256.update(chunk)
            size += len(chunk)
    if size != entry.size:
        raise VersionRefused("size", f"{path.name}/{name} changed while it was read.")
    _compare(path, name, entry, sha256.hexdigest())


def _compare(path: Path, name: str, entry: FileEntry, found: str) -> None:
    if found != entry.sha256:
        raise VersionRefused(
            "sha256",
            f"{path.name}/{name} was changed: sha256 {found[:12]}… instead of {entry.sha256[:12]}…. "
            "Restore it from a copy, or train again.",
        )


def read_file(path: Path, name: str, *, expected: int | None = None) -> bytes:
    """A plain file's bytes; its size is compared with the limit and with `expected` before anything is read."""
    with _opened(path, name, expected=expected) as file:
        size = os.fstat(file.fileno()).st_size
        # One byte more than there should be shows a file that grows while we read.
        data = file.read(size + 1)
    if len(data) != size:
        raise VersionRefused("size", f"{path.name}/{name} changed while it was read.")
    return data


@contextmanager
def _opened(path: Path, name: str, *, expected: int | None) -> Iterator[BinaryIO]:
    """A plain file of the right size, open; VersionRefused for anything else."""
    shown = f"{path.name}/{name}"
    try:
        # O_NONBLOCK: opening a pipe put in a file's place must not hang.
        descriptor = os.open(path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise VersionRefused("missing", f"{shown} is missing. Restore it from a copy, or train again.") from error
    except OSError as error:
        code = "links" if (path / name).is_symlink() else "missing"
        raise VersionRefused(code, f"{shown} can't be opened: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise VersionRefused("links", f"{shown} is no plain file.")
        _check_size(shown, status.st_size, limit_of(name) or 0, expected)
        yield file


def _check_size(shown: str, size: int, limit: int, expected: int | None) -> None:
    if size > limit:
        raise VersionRefused("size", f"{shown} has {size:,} bytes, at most {limit:,} are allowed.")
    if expected is not None and size != expected:
        code = "truncated" if size < expected else "size"
        raise VersionRefused(
            code, f"{shown} has {size:,} bytes instead of {expected:,}. Restore it from a copy, or train again."
        )


def check_strangers(path: Path, manifest: Manifest) -> None:
    """Every entry of the folder is a plain file the manifest knows; `report` is the only folder."""
    folders = {"": path, "report/": path / "report"}
    for prefix, folder in folders.items():
        if prefix and not os.path.lexists(folder):
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                _check_stranger(path, prefix + entry.name, entry, manifest)


def _check_stranger(path: Path, name: str, entry: os.DirEntry[str], manifest: Manifest) -> None:
    shown = f"{path.name}/{name}"
    if entry.is_symlink():
        raise VersionRefused("links", f"{shown!r} is a symbolic link. A version holds plain files only.")
    if name == "report" and entry.is_dir(follow_symlinks=False):
        return
    if name != MANIFEST and name not in manifest.files:
        raise VersionRefused("extra", f"{shown!r} doesn't belong to the version. Remove it, or restore a copy.")


def _check_shape(path: Path, manifest: Manifest, config: ModelConfig) -> None:
    """The weights are as many float32 as the config describes: a wrong one would otherwise claim memory first."""
    size, needed = manifest.files[WEIGHTS].size, 4 * config.parameters
    if not needed <= size <= needed + HEADER:
        raise VersionRefused(
            "shape",
            f"{path.name}/{WEIGHTS} has {size:,} bytes; {config.parameters:,} parameters as float32 take {needed:,}. "
            "Config and weights don't belong together.",
        )
