"""A home with the starter, its broker (append-only file, fsync at every write) and workers, as processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clfadmin import broker
from tests import waiting
from tests.bench import models
from worker.connection import connect
from worker.jobs import Job, Keys, StreamName, job_id, message_id
from worker.stream import Queue, enqueuer

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60.0
TEAM, CHANNEL = "T0BENCH", "C0BENCH"


@dataclass
class Worker:
    """`python -m worker` with its settings as they come, but for the threads. `started` is time.perf_counter()."""

    process: subprocess.Popen[bytes]
    log: Path
    started: float

    def ready(self) -> float:
        """Wait until it says so; seconds from its start."""
        until(lambda: self.process.poll() is not None or b'"worker ready"' in self.log.read_bytes(), "a ready worker")
        seconds = time.perf_counter() - self.started
        if self.process.poll() is not None:
            raise SystemExit(f"the worker ended: {self.log.read_text()[-500:]}")
        return seconds

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    def told(self, event: str) -> list[dict[str, Any]]:
        """Its log lines of that kind."""
        return [line for line in map(json.loads, self.log.read_text().splitlines()) if line["event"] == event]


@dataclass(frozen=True)
class Rig:
    """`url` is the broker's. Each measurement takes a prefix of its own."""

    home: Path
    url: str

    def worker(self, prefix: str, **settings: str) -> Worker:
        log = self.home / f"worker-{prefix}-{time.monotonic_ns()}.log"
        environment = scrubbed() | {"CLF_HOME": str(self.home), "CLF_REDIS_URL": self.url, "CLF_PREFIX": prefix}
        with log.open("wb") as file:
            started = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", "worker"], env=environment | settings, stderr=file, cwd=REPOSITORY
            )
        return Worker(process, log, started)

    def queue(self, prefix: str) -> Queue:
        queue = enqueuer(self.url, keys=Keys(prefix))
        queue.ensure_groups()
        return queue

    def client(self) -> Any:
        return connect(self.url)


@contextmanager
def running(home: Path) -> Generator[Rig]:
    """Installs the starter, starts the broker, ends it."""
    models.install_starter(home)
    command = [sys.executable, "-m", "clfadmin.broker_server", "--home", str(home), "--until-eof"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY) as server:
        try:
            yield Rig(home, str(until(lambda: broker.find_url(home), "a broker")))
        finally:
            assert server.stdin
            server.stdin.close()
            server.wait(PATIENCE)


def scrubbed() -> dict[str, str]:
    """Our environment without settings of the operator's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CLF_", "SLACK_"))}


def jobs(texts: Iterable[str], *, first: int = 1) -> Iterator[Job]:
    """One job a text, as the bot would make them."""
    for number, text in enumerate(texts, first):
        ts = f"{number}.000100"
        message = message_id(TEAM, CHANNEL, ts)
        yield Job(id=job_id(message), message=message, team=TEAM, channel=CHANNEL, ts=ts, user="U0BENCH", text=text)


def results_of(prefix: str) -> str:
    """The key of the stream that results are handed on in."""
    return Keys(prefix).stream(StreamName.RESULTS)


def until(condition: Callable[[], object], what: str, *, every: float = 0.005) -> object:
    """The condition's first true value. Raises Stuck."""
    return waiting.until(condition, what, PATIENCE, every=every)
