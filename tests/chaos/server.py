"""The embedded Valkey as a process that can be killed and started again on its data."""

import os
import resource
import signal
import subprocess
from pathlib import Path

import redis

from tests.waiting import until
from tests.worker.servers import SERVER, free_port


class Server:
    """Writes every change to the append-only file in `folder`, with this `fsync`; its port stays the same."""

    def __init__(self, folder: Path, *, fsync: str = "always") -> None:
        self.folder, self.fsync, self.port = folder, fsync, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns once it answers, that is once it has read its data."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        arguments += ["--appendonly", "yes", "--appendfsync", self.fsync, "--logfile", str(self.folder / "log")]
        # Python ignores SIGXFSZ: left so, a full disk (see `fill_disk`) is an error of write() as any other.
        self._process = subprocess.Popen([SERVER, *arguments], restore_signals=False)
        until(self._answers, "the broker's start", 60, every=0.01)

    def kill(self) -> None:
        """As a crash: no flush, no goodbye."""
        if self._process:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def fill_disk(self, *, left: int) -> None:
        """Let its append-only file grow by `left` bytes and no further, as on a disk that is nearly full."""
        size = max(path.stat().st_size for path in self.folder.rglob("*.aof"))
        self._limit(size + left)

    def empty_disk(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        assert self._process
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def freeze(self) -> None:
        assert self._process
        os.kill(self._process.pid, signal.SIGSTOP)

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, legacy_responses=True, socket_timeout=10)

    def version(self) -> str:
        with self.client() as client:
            info = client.info("server")
        return str(info.get("valkey_version") or info["redis_version"])

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            assert self.running, (self.folder / "log").read_text()[-500:]
            return False
