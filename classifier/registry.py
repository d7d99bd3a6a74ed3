"""The versions of one home: found, checked, made active, stored whole or not at all."""

import fcntl
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from classifier import durable
from classifier.errors import StorageError, VersionExists, VersionInUse, VersionNotFound, VersionRefused
from classifier.fields import Fields
from classifier.manifest import MANIFEST
from classifier.staging import Staging, open_staging, scratch_name
from classifier.version import Version, check_name, is_name, read_version

ACTIVE = "ACTIVE"


@dataclass(frozen=True)
class Active:
    """What a home serves. `gen` is the fleet's number of that commit; `previous` is where a rollback goes."""

    version: str
    gen: int
    previous: str | None


class Registry:
    """The versions below `home`/models. Nothing is created before the first write."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "models"

    def names(self) -> list[str]:
        """Names of all version folders, damaged ones too, in alphabetical order."""
        if not self.root.is_dir():
            return []
        return sorted(
            entry.name for entry in self.root.iterdir() if is_name(entry.name) and (entry / MANIFEST).is_file()
        )

    def versions(self) -> list[Version]:
        """All readable versions, oldest first. Damaged ones are left out: `names` has them, `get` says why."""
        found: list[Version] = []
        for name in self.names():
            try:
                found.append(self.get(name))
            except (VersionRefused, VersionNotFound):  # damaged, or removed while we looked
                continue
        return sorted(found, key=lambda version: (version.manifest.created, version.name))

    def get(self, name: str) -> Version:
        """Raises VersionNotFound, or VersionRefused when its manifest or config can't be trusted."""
        check_name(name)
        path = self.root / name
        if not path.is_symlink() and not path.is_dir():
            known = ", ".join(self.names()) or "none yet"
            raise VersionNotFound(
                f"No model version {name!r} in {self.root}. Known: {known}. Create one with `clfadmin train`."
            )
        return read_version(path, name)

    def active(self) -> Active | None:
        """What ACTIVE says; None in a home that has none yet. The version named may be missing: `get` tells."""
        path = self.root / ACTIVE
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            fields = Fields.parse(data, where=str(path), code="active").only(("version", "gen", "previous"))
            return Active(
                fields.text("version", 64), fields.integer("gen", 0, 1 << 62), fields.text_or_null("previous", 64)
            )
        except VersionRefused as error:
            raise StorageError(f"{error} Delete that file, then choose a version with `swap-model`.") from error

    def activate(self, name: str, gen: int, *, previous: str | None = None) -> Active:
        """Record what this home serves from now on. `previous` defaults to what was active before.

        Doing it twice changes nothing. Raises VersionNotFound, VersionRefused, StorageError.
        """
        self.get(name)
        before = self.active()
        if previous is None and before is not None:
            previous = before.previous if before.version == name else before.version
        active = Active(name, gen, previous)
        record = {"version": active.version, "gen": active.gen, "previous": active.previous}
        durable.write(self.root / ACTIVE, (json.dumps(record) + "\n").encode())
        return active

    def check_free(self, name: str) -> None:
        """Raises VersionExists when the name is taken, BadVersionName when no version can have it."""
        check_name(name)
        if os.path.lexists(self.root / name):
            raise VersionExists(
                f"A version {name!r} exists in {self.root} already. Choose another --name, or `clfadmin models remove`."
            )

    @contextmanager
    def stage(self, name: str) -> Generator[Staging]:
        """A temporary folder (`.path`) for a new version: fill it, then `.publish(Provenance(...))`.

        Whatever ends the block before that (an error, Ctrl-C, a full disk) removes the folder. Raises VersionExists
        at once when the name is taken, StorageError when the disk refuses.
        """
        self.check_free(name)
        target = self.root / name
        with durable.storage_errors(target):
            self.root.mkdir(parents=True, exist_ok=True)
            with self._locked(".staging-lock"):
                staging = open_staging(self.root, target)
            try:
                yield staging
            finally:
                staging.discard()

    def remove(self, name: str) -> None:
        """Delete a version. Raises VersionNotFound, VersionInUse for the active and the previous one."""
        check_name(name)
        path = self.root / name
        if not os.path.lexists(path):
            self.get(name)
        active = self.active()
        if active is not None and name in (active.version, active.previous):
            state = "active" if name == active.version else "where a rollback would go"
            raise VersionInUse(f"Version {name!r} is {state}. Move on with `clfadmin swap-model`, then remove it.")
        with durable.storage_errors(path):
            if path.is_symlink():
                path.unlink()
                return
            # Out of sight in one step, so that nobody meets half a version.
            doomed = self.root / scratch_name("removed")
            path.rename(doomed)
            shutil.rmtree(doomed)

    @contextmanager
    def lock(self) -> Generator[None]:
        """One process of this home at a time, for whoever installs something. Freed by the system if we die."""
        with self._locked(".lock"):
            yield

    @contextmanager
    def _locked(self, file: str) -> Generator[None]:
        with durable.storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root / file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
