"""Workers in threads of the test and as processes, and the bot's side of the queue, on a real broker."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.conftest import REPOSITORY, Broker, wait_until
from tests.worker.keyword_model import SHA, words
from worker import heart, loop
from worker.fleet import Fleet
from worker.jobs import Job, JobState, Keys, Result, StreamName, job_id, message_id
from worker.service import Service
from worker.settings import Settings
from worker.stream import Finished, Queue, enqueuer

# For all bots of a run: a message is answered once, so no two may be the same.
_numbers = itertools.count(1)


@dataclass
class Bot:
    """Sends jobs and takes results as the bot does, and counts what it got."""

    broker: Broker
    keys: Keys
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.queue = enqueuer(self.broker.bot, keys=self.keys)
        self.poster = Queue(self.broker.bot, keys=self.keys, consumer="poster")
        self.poster.ensure_groups()
        self.client = self.broker.client()

    def send(self, text: str, **changes: Any) -> str:
        """Enqueue one message; returns its job id."""
        ts = f"{next(_numbers)}.000001"
        message = message_id("T1", "C1", ts)
        job = Job(id=job_id(message), message=message, team="T1", channel="C1", ts=ts, text=text, **changes)
        assert self.queue.enqueue(job, limit=100_000) == "ok"
        return job.id

    def send_many(self, count: int, text: str = "good build") -> list[str]:
        return [self.send(f"{text} {number}") for number in range(count)]

    def collect(self) -> list[Result]:
        """Take what is there; all results so far."""
        while deliveries := self.poster.read(StreamName.RESULTS, count=500, block=timedelta(0)):
            for delivery in deliveries:
                result = Result.decode(delivery.fields)
                self.results.append(result)
                finished = Finished(delivery, result.job, result.message, JobState.POSTED)
                self.poster.finish([finished], into=None)
        return self.results

    def wait_for(self, jobs: list[str], seconds: float = 30) -> dict[str, Result]:
        """Each job's one result. Fails when one is missing or comes twice."""
        wait_until(lambda: {result.job for result in self.collect()} >= set(jobs), "all results", seconds)
        answered = [result.job for result in self.results]
        assert len(answered) == len(set(answered)), "a job was answered twice"
        return {result.job: result for result in self.results}

    def dead(self) -> list[dict[str, str]]:
        rows = self.client.xrange(self.keys.stream(StreamName.DEAD))
        return [{name.decode(): value.decode() for name, value in row.items()} for _, row in rows]

    def left(self) -> int:
        """Jobs that are waiting or being worked on."""
        return self.client.xlen(self.keys.stream(StreamName.JOBS))

    def pending(self) -> list[dict[str, Any]]:
        return self.client.xpending_range(self.keys.stream(StreamName.JOBS), "workers", "-", "+", 1000)

    def add_raw(self, fields: dict[str, Any], *, entry: str = "*") -> None:
        self.client.xadd(self.keys.stream(StreamName.JOBS), fields, id=entry)

    def close(self) -> None:
        for one in (self.queue, self.poster, self.client):
            one.close()


class Traffic:
    """Sends jobs all the time, until stopped; then every one must have exactly one result."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._sent: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def _send(self) -> None:
        while not self._stop.wait(0.005):
            self._sent.append(self._bot.send("good build"))

    def stop(self) -> dict[str, Result]:
        """The result of each job."""
        self._stop.set()
        self._thread.join()
        return self._bot.wait_for(self._sent)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@dataclass
class Running:
    """A worker in a thread of the test."""

    service: Service
    code: int | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.code = self.service.run()

    def ready(self) -> "Running":
        wait_until(lambda: not self.service.not_ready(), "the worker being ready")
        return self

    def stop(self) -> int | None:
        self.service.stop()
        self._thread.join(15)
        assert not self._thread.is_alive(), "the worker did not stop"
        return self.code


@dataclass
class Process:
    """A worker as a process of its own; what it logs is in `log`."""

    popen: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def ready(self) -> "Process":
        wait_until(lambda: self.popen.poll() is not None or "worker ready" in self.log.read_text(), "readiness", 60)
        assert self.popen.poll() is None, self.log.read_text()
        return self

    def ends(self, seconds: float = 30) -> int:
        return self.popen.wait(seconds)

    def tell(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def stop(self) -> int:
        self.tell(signal.SIGTERM)
        return self.ends()


@pytest.fixture
def bot(valkey: Broker, keys: Keys) -> Iterator[Bot]:
    bot = Bot(valkey, keys)
    yield bot
    bot.close()


@pytest.fixture
def fleet(valkey: Broker, keys: Keys) -> Iterator[Fleet]:
    """The operator's view, with version "words" committed as gen 1."""
    fleet = Fleet(valkey.admin, keys=keys)
    assert fleet.adopt(gen=1, by="test", version="words", sha256=SHA)
    yield fleet
    fleet.close()


@pytest.fixture
def settings(valkey: Broker, keys: Keys, tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a worker of this test; lease 1 s, so that recovery can be waited for."""

    def make(**changes: Any) -> Settings:
        values = {"home": tmp_path / "home", "redis_url": SecretStr(valkey.worker), "prefix": keys.prefix}
        return Settings(**(values | {"lease_seconds": 1.0} | changes))

    return make


@pytest.fixture
def make_worker(
    settings: Callable[..., Settings], fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Running]]:
    """Starts a worker with the keyword model in this process. `load` and `at` as in Service, the rest are settings."""
    # A tenth of the real pause: a swap takes about one beat.
    monkeypatch.setattr(heart, "BEAT_EVERY", timedelta(seconds=0.2))
    # Nobody waits half a second at the end of each test for a read that finds nothing.
    monkeypatch.setattr(loop, "BLOCK", timedelta(milliseconds=50))
    running: list[Running] = []

    def make(*, load: Any = None, at: Callable[[str], None] = lambda point: None, **changes: Any) -> Running:
        running.append(Running(Service(settings(**changes), load=load or words(), at=at)))
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def make_process(valkey: Broker, keys: Keys, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts tests/worker/run_worker.py with these arguments; CLF_... settings by keyword, in lower case."""
    processes: list[Process] = []

    def make(*arguments: str, module: str = "", **changes: str) -> Process:
        chosen = {"home": str(tmp_path / "home"), "redis_url": valkey.worker, "prefix": keys.prefix}
        chosen |= {"lease_seconds": "1", "log_format": "json"} | changes
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("CLF_", "SLACK_"))}
        environment |= {f"CLF_{name.upper()}": value for name, value in chosen.items()}
        environment["PYTHONPATH"] = str(REPOSITORY)
        log = tmp_path / f"worker-{len(processes)}.log"
        command = ["-m", module] if module else [str(Path(__file__).parent / "run_worker.py")]
        with log.open("wb") as file:
            popen = subprocess.Popen([sys.executable, *command, *arguments], env=environment, stderr=file, cwd=tmp_path)
        processes.append(Process(popen, log))
        return processes[-1]

    yield make
    for process in processes:
        process.popen.kill()
        process.popen.wait(10)
