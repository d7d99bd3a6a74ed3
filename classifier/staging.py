"""The temporary folder in which a version grows, and the one step that makes it a version."""

import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from classifier import durable
from classifier.errors import VersionExists, VersionRefused
from classifier.manifest import MANIFEST, REQUIRED, FileEntry, Manifest, Provenance
from classifier.version import Version, read_version

LEFTOVER = re.compile(r"\.(?:staging|removed)-(\d+)-(.+)-[0-9a-f]{8}")
# No training takes this long; a folder of another host that is older belongs to nobody.
ABANDONED = timedelta(days=7)
CHUNK = 1 << 20


@dataclass(frozen=True)
class Staging:
    """A folder that isn't a version yet. `path` is where to write; `target` is where it will be."""

    path: Path
    target: Path

    def write(self, name: str, data: bytes) -> None:
        """Put one file into the folder; `name` may begin with "report/"."""
        place = self.path / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)

    def publish(self, provenance: Provenance) -> Version:
        """Write the manifest over what is in the folder and make it a version. Raises VersionExists, StorageError.

        Checked as any version is: config and file sizes that could not be read back are refused here.
        """
        with durable.storage_errors(self.target):
            created = datetime.now(UTC).replace(microsecond=0).isoformat()
            manifest = Manifest(created, self._entries(), provenance)
            self.write(MANIFEST, (json.dumps(manifest.to_dict(), indent=1, sort_keys=True) + "\n").encode())
        return self.publish_unchanged()

    def publish_unchanged(self) -> Version:
        """Make the folder a version with the manifest it holds (an import). Raises VersionRefused if they differ."""
        read_version(self.path, self.target.name).read_verified()
        with durable.storage_errors(self.target):
            for file in self.path.rglob("*"):
                durable.sync_folder(file) if file.is_dir() else durable.sync_file(file)
            durable.sync_folder(self.path)
            self._rename()
            durable.sync_folder(self.target.parent)
        return read_version(self.target, self.target.name)

    def discard(self) -> None:
        """Remove what is left. After a publish there is nothing left."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _entries(self) -> dict[str, FileEntry]:
        names = sorted(file.relative_to(self.path).as_posix() for file in self.path.rglob("*") if not file.is_dir())
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise VersionRefused("missing", f"Version {self.target.name!r} lacks {', '.join(missing)}.")
        return {name: _entry(self.path / name) for name in names if name != MANIFEST}

    def _rename(self) -> None:
        """A folder is never renamed over another that holds something: the second of two writers fails here."""
        try:
            self.path.rename(self.target)
        except OSError as error:
            if not os.path.lexists(self.target):
                raise
            raise VersionExists(
                f"Another process stored a version {self.target.name!r} meanwhile. Choose another --name."
            ) from error


def open_staging(root: Path, target: Path) -> Staging:
    """A new temporary folder in `root`; those that dead processes left are removed first. Call under the lock."""
    sweep(root)
    path = root / scratch_name("staging")
    path.mkdir()
    return Staging(path, target)


def scratch_name(purpose: str) -> str:
    """A folder name that no version can have and that tells whose it is."""
    return f".{purpose}-{os.getpid()}-{socket.gethostname()}-{secrets.token_hex(4)}"


def sweep(root: Path) -> None:
    for folder in root.iterdir():
        match = LEFTOVER.fullmatch(folder.name)
        if match and _is_abandoned(folder, int(match[1]), match[2]):
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path, pid: int, host: str) -> bool:
    """A home may be shared: of another host's process we only know how old its folder is."""
    if host == socket.gethostname():
        return not _is_alive(pid)
    try:
        return time.time() - folder.stat().st_mtime > ABANDONED.total_seconds()
    except FileNotFoundError:
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _entry(path: Path) -> FileEntry:
    sha256, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
            size += len(chunk)
    return FileEntry(sha256.hexdigest(), size)
