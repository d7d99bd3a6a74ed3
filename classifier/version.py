"""One stored version: its name, its manifest, its config, and its bytes once they are checked."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from classifier import verify
from classifier.config import ModelConfig
from classifier.errors import BadVersionName, VersionRefused
from classifier.fields import Fields
from classifier.manifest import CONFIG, MANIFEST, SERVING, Manifest

NAME = re.compile(r"[a-z0-9._-]{1,64}")


@dataclass(frozen=True)
class Version:
    """A stored version whose manifest and config have been read and are sound. Its other files aren't read yet."""

    path: Path
    name: str
    manifest: Manifest
    config: ModelConfig

    @property
    def runtime(self) -> str:
        """ "onnx" when the compiled form was kept, else "keras"."""
        return "onnx" if SERVING in self.manifest.files else "keras"

    @property
    def size_bytes(self) -> int:
        return self.manifest.size_bytes

    def read_verified(self, *, without: Collection[str] = ()) -> dict[str, bytes]:
        """Every file but the report, by name; each is exactly what the manifest's sha256 says.

        The report's files, and those in `without`, are checked, not kept. Sizes are checked before memory is taken.
        Raises VersionRefused: links, extra, missing, size, truncated, sha256, shape, or manifest when it changed since
        we read it.
        """
        return verify.read_verified(self.path, self.manifest, self.config, without=without)


def is_name(name: str) -> bool:
    """Whether a version may have this name; one that starts with a dot is ours for temporary folders."""
    return NAME.fullmatch(name) is not None and not name.startswith(".")


def check_name(name: str) -> None:
    if not is_name(name):
        raise BadVersionName(
            f"{name[:80]!r} can't be a version's name: 1 to 64 of a-z, 0-9, dot, underscore and hyphen, "
            "not starting with a dot."
        )


def read_version(path: Path, name: str) -> Version:
    """The version in this folder, wherever it lies. Raises VersionRefused."""
    if path.is_symlink():
        raise VersionRefused("links", f"{path} is a symbolic link. Use `clfadmin models import` instead.")
    manifest = Manifest.parse(verify.read_file(path, MANIFEST), where=f"{name}/{MANIFEST}")
    data = verify.read_entry(path, CONFIG, manifest.files[CONFIG])
    values = Fields.parse(data, where=f"{name}/{CONFIG}", code="config").values
    return Version(path, name, manifest, ModelConfig.from_dict(values, where=f"{name}/{CONFIG}"))
