"""Files that are there whole or not at all: written beside their place, synced, then renamed."""

import errno
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from classifier.errors import StorageError

OUT_OF_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """A file that takes `path`'s place when the block ends well, and vanishes when it doesn't.

    Who reads `path` meanwhile sees the old content. Raises StorageError when the disk refuses.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    with storage_errors(path):
        try:
            with draft.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            sync_folder(path.parent)
        finally:
            draft.unlink(missing_ok=True)


def write(path: Path, data: bytes) -> None:
    """Replace `path` by these bytes, durably. Raises StorageError."""
    with replacing(path) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Make what was created or renamed in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: Path) -> Generator[None]:
    """Turn what the disk says while `path` is written into one StorageError; other errors pass."""
    try:
        yield
    except OSError as error:
        raise StorageError(explain(error, path)) from error
    except Exception as error:
        # safetensors raises an exception of its own that only quotes the system's words.
        if "No space left on device" not in str(error):
            raise
        raise StorageError(explain(OSError(errno.ENOSPC, ""), path)) from error


def explain(error: OSError, path: Path, *, kept: str = "Nothing was stored") -> str:
    """One line for a person: what could not be written, what is `kept` all the same, and what helps."""
    if error.errno in OUT_OF_SPACE:
        return f"No space left on the disk while writing {path}. {kept}; free some space and try again."
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"Not allowed to write {path}. {kept}; check who owns the folder, or choose --home."
    reason = error.strerror or str(error)
    return f"Could not write {path}: {reason}. {kept}."
