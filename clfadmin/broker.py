"""Where a home's embedded Valkey listens, and whether it answers. What runs it is clfadmin/broker_server.py.

The socket stands in a short private folder outside the home: Valkey takes no socket path over about 100 bytes, and its
package writes paths unquoted, so that a home with a space would stop the start. `<home>/run/broker` points there, so
that a second terminal with another XDG_RUNTIME_DIR finds it too.
"""

import hashlib
import os
import socket
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from classifier.errors import ClassifierError

# sun_path is 108 bytes on Linux and 104 on macOS, its final NUL included; Valkey's own limit is a little lower.
MAX_SOCKET_BYTES = 100
# A local server answers a PING within a millisecond unless the machine is choking.
PING_PATIENCE = timedelta(seconds=1)


class BrokerError(ClassifierError):
    """The embedded broker cannot run here, or none is there to be found."""


@dataclass(frozen=True)
class Place:
    """The files of one home's broker. `data` is a link without spaces to `store`, where the append-only file lies."""

    home: Path
    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def store(self) -> Path:
        return self.home / "valkey"

    @property
    def pointer(self) -> Path:
        return _pointer(self.home)

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"


def find_url(home: Path) -> str | None:
    """The URL of the broker that serves this home now, or None when none answers."""
    there = place(home)
    return there.url if _trusted(there) and answers(there.socket) else None


def broker_url(home: Path) -> str:
    """The URL this home's broker has, or will have once it runs."""
    return place(home).url


def require_url(home: Path, redis_url: str | None) -> str:
    """The queue a command shall speak to: the URL given, else this home's own broker. Raises BrokerError."""
    url = redis_url or find_url(home)
    if url is None:
        raise BrokerError(
            f"No broker answers for {home}. Start everything with `clfadmin up`, or set CLF_REDIS_URL to your Redis."
        )
    return url


def place(home: Path) -> Place:
    """Where this home's broker is, or would be put by this process."""
    home = home.expanduser().resolve()
    with suppress(OSError):
        known = Place(home, Path(os.readlink(_pointer(home))).parent)
        if _trusted(known):
            return known
    # The uid keeps users of one machine apart, the digest homes of one user.
    name = f"clf-{os.getuid()}-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    return Place(home, _base() / name)


def prepare(home: Path) -> Place:
    """Make the folders of this home's broker, private to us. Raises BrokerError when that cannot be."""
    there = place(home)
    if len(os.fsencode(there.socket)) > MAX_SOCKET_BYTES:
        raise BrokerError(
            f"The path {there.socket} is too long for a socket ({MAX_SOCKET_BYTES} bytes at most). "
            "Set XDG_RUNTIME_DIR to a short folder of yours."
        )
    there.store.mkdir(parents=True, exist_ok=True)
    there.store.chmod(0o700)
    with suppress(FileExistsError):
        there.folder.mkdir(mode=0o700)
    if not _trusted(there):
        raise BrokerError(
            f"{there.folder} exists and is not a private folder of yours. Remove it, or set XDG_RUNTIME_DIR to a "
            "folder of yours."
        )
    _link(there.data, there.store)
    there.pointer.parent.mkdir(exist_ok=True)
    _link(there.pointer, there.socket)
    return there


def clear(there: Place) -> None:
    """Take the private folder away again; the data stays."""
    for path in (there.socket, there.data, there.pointer):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # a file somebody else put there is not ours to remove
        there.folder.rmdir()


def answers(path: Path) -> bool:
    """Whether a server answers on this socket, be it only that it is still loading its data."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PING_PATIENCE.total_seconds())
        try:
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith((b"+PONG", b"-LOADING"))
        except OSError:
            return False


def _pointer(home: Path) -> Path:
    return home / "run" / "broker"


def _base() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.access(runtime, os.W_OK) and " " not in runtime:
        return Path(runtime)
    # The temporary folder of a macOS user is long by itself, and TMPDIR may hold anything.
    temporary = tempfile.gettempdir()
    return Path(temporary) if len(temporary) < 50 and " " not in temporary else Path("/tmp")  # noqa: S108 - 0700 inside


def _trusted(there: Place) -> bool:
    """Whether the folder is a real one, closed to others, and of us or of the home's owner."""
    try:
        folder, owner = there.folder.lstat(), there.home.stat().st_uid
    except OSError:
        return False
    private = stat.S_ISDIR(folder.st_mode) and not folder.st_mode & 0o077
    return private and folder.st_uid in (os.getuid(), owner)


def _link(link: Path, target: Path) -> None:
    """Point `link` at `target`; a reader sees the old or the new target, never none."""
    fresh = link.with_name(f"{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
