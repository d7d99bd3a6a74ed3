"""A version as one tar file, to carry it to another host: written only when sound, unpacked without trusting it."""

import io
import tarfile
from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from classifier import durable, verify
from classifier.adapter_archive import complete, is_adapter
from classifier.errors import DataError, VersionRefused
from classifier.manifest import MANIFEST, MAX_FILES, SERVING, limit_of
from classifier.registry import Registry
from classifier.staging import Staging
from classifier.version import Version, is_name, read_version

CHUNK = 1 << 20


def export_version(version: Version, file: Path, *, without: Collection[str] = ()) -> None:
    """Write all files of the version but those in `without` to `file`, uncompressed, each checked against its sha256.

    The same version always gives the same bytes. Raises VersionRefused, StorageError; then there is no `file`.
    """
    if file.is_dir():
        raise DataError(f"{file} is a folder. Name a file, such as {file / (version.name + '.tar')}.")
    verify.check_strangers(version.path, version.manifest)
    created = datetime.fromisoformat(version.manifest.created).timestamp()
    with durable.replacing(file) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, version, MANIFEST, verify.read_file(version.path, MANIFEST), created)
        for name, entry in sorted(version.manifest.files.items()):
            if name in without:
                continue
            _add(tar, version, name, verify.read_entry(version.path, name, entry), created)


def import_version(registry: Registry, file: Path, *, name: str | None = None, base: str | None = None) -> Version:
    """Unpack an export into this home, under its own name or `name`, and check it as any version.

    An adapter's is completed from `base`, by default the one it names. Raises DataError when it is no export,
    VersionRefused when it holds what no version holds or was changed, BaseNotFound, VersionExists, StorageError; then
    nothing is stored.
    """
    with opened(file, made_by="clfadmin models export") as tar:
        first = tar.next()
        if first is None:
            raise DataError(f"{file} is an empty archive. Make one with `clfadmin models export`.")
        folder = first.name.split("/")[0]
        if not is_name(folder):
            raise VersionRefused("extra", f"{file} holds {first.name[:80]!r}; an export holds one version's folder.")
        with registry.stage(name or folder) as staging:
            _unpack(tar, folder, staging)
            _check_compiled(staging)
            if is_adapter(staging):
                return complete(staging, base)
            return staging.publish_unchanged()


def _check_compiled(staging: Staging) -> None:
    """A graph could hold anything: only the one that belongs to the config is taken in."""
    if not (staging.path / SERVING).exists():
        return
    version = read_version(staging.path, staging.target.name)
    from classifier.serving_check import check_graph

    check_graph(version.read_verified()[SERVING], version.config)


def _add(tar: tarfile.TarFile, version: Version, name: str, data: bytes, created: float) -> None:
    member = tarfile.TarInfo(f"{version.name}/{name}")
    member.size, member.mode, member.mtime = len(data), 0o644, int(created)
    tar.addfile(member, io.BytesIO(data))


@contextmanager
def opened(file: Path, *, made_by: str) -> Generator[tarfile.TarFile]:
    """A tar file for reading. Raises DataError, naming the command that makes such files."""
    try:
        # "r:" and not "r": a compressed archive could unpack to any size.
        with tarfile.open(file, mode="r:") as tar:
            yield tar
    except FileNotFoundError as error:
        raise DataError(f"{file} does not exist.") from error
    except IsADirectoryError as error:
        raise DataError(f"{file} is a folder. Name a file made by `{made_by}`.") from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DataError(f"{file} is no whole archive made by `{made_by}` ({error}).") from error


def _unpack(tar: tarfile.TarFile, folder: str, staging: Staging) -> None:
    for count, member in enumerate(tar, start=1):
        if count > MAX_FILES + 3:  # the manifest and two folders beside the files it names
            raise VersionRefused("extra", f"The archive holds more than {MAX_FILES} files; no version does.")
        if member.isdir() and member.name in (folder, f"{folder}/report"):
            continue
        name = member.name.removeprefix(f"{folder}/")
        _check(member, name, folder)
        if (staging.path / name).exists():
            raise VersionRefused("extra", f"{member.name!r} is in the archive twice.")
        source = tar.extractfile(member)
        if source is not None:
            _copy(source, staging.path / name, member.size)


def _check(member: tarfile.TarInfo, name: str, folder: str) -> None:
    """Only files that a version has, at their own place: so no absolute path, no "..", no other folder."""
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise VersionRefused("links", f"{member.name[:80]!r} in the archive is no plain file.")
    limit = limit_of(name)
    if limit is None or member.name == name:
        raise VersionRefused("extra", f"{member.name[:80]!r} in the archive belongs to no version {folder!r}.")
    if member.size > limit:
        raise VersionRefused("size", f"{member.name!r} has {member.size:,} bytes, at most {limit:,} are allowed.")


def _copy(source: IO[bytes], place: Path, size: int) -> None:
    place.parent.mkdir(exist_ok=True)
    with place.open("xb") as out:
        while chunk := source.read(CHUNK):
            out.write(chunk)
        if out.tell() != size:
            raise VersionRefused("truncated", f"{place.name} is cut off in the archive.")
