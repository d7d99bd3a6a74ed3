"""The stage: broker, sandbox, workers and bots as processes on 127.0.0.1, all gone when the block ends."""

import random
import shutil
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.child import Child
from tests.chaos.ledger import Ledger
from tests.chaos.proxy import Proxy
from tests.chaos.server import Server
from tests.sandbox_client import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SandboxClient
from tests.waiting import until
from worker.fleet import Fleet
from worker.jobs import Keys, StreamName

HERE = Path(__file__).parent
# How much faster than Slack the sandbox and our bots live: limits, retries and the settle time.
SPEED = 50.0
HANDS = 8
# Leases, in seconds. The product's are 30 and 60; what follows from them is tested in the same proportions.
JOB_LEASE, RESULT_LEASE, SETTLE = 2.0, 6.0, 1.0


@dataclass
class Stage:
    """Made by `set_up`. Workers and bots that a fault ended stay ended; new ones are started by the caller."""

    folder: Path
    home: Path
    server: Server
    sandbox: SandboxClient
    ledger: Ledger
    url: str  # of the broker, as bots and workers reach it
    proxy: Proxy
    dice: random.Random
    stack: ExitStack
    children: list[Child] = field(default_factory=list[Child])
    keys: Keys = field(default_factory=Keys)

    def worker(self, *arguments: str, **settings: object) -> Child:
        """`python -m worker`; with arguments tests/chaos/run_worker.py. Settings by name, in lower case."""
        program = [str(HERE / "run_worker.py"), *arguments] if arguments else ["-m", "worker"]
        chosen = {"home": self.home, "lease_seconds": JOB_LEASE, "threads": 1} | settings
        return self._child("worker", program, chosen, {}, ready='"worker ready"')

    def bot(self, *arguments: str, speed: float = SPEED, **settings: object) -> Child:
        """tests/chaos/run_bot.py with short leases and fifty times Slack's limits."""
        given = ["--speed", str(speed), "--lease", str(RESULT_LEASE), "--settle", str(SETTLE), *arguments]
        return self.plain_bot(program=[str(HERE / "run_bot.py"), *given], **settings)

    def plain_bot(self, *, program: list[str] | None = None, **settings: object) -> Child:
        """`python -m bot`, with all its patience."""
        slack = {"bot_token": BOT_TOKEN, "app_token": APP_TOKEN, "api_url": self.sandbox.api_url}
        variables = {f"SLACK_{name.upper()}": value for name, value in slack.items()}
        return self._child("bot", program or ["-m", "bot"], settings, variables, ready='"event": "ready"')

    def http_bot(self) -> Child:
        """A bot that waits for signed events on a port of its own, which its log names; nothing sends it any."""
        secrets = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_SIGNING_SECRET": SIGNING_SECRET}
        variables = secrets | {"SLACK_API_URL": self.sandbox.api_url}
        program = [str(HERE / "run_bot.py"), "--speed", str(SPEED), "--lease", str(RESULT_LEASE)]
        return self._child("bot", program, {"http_port": 0}, variables, ready='"event": "ready"')

    def _child(
        self, kind: str, program: list[str], settings: dict[str, Any], variables: dict[str, str], *, ready: str
    ) -> Child:
        chosen = {"redis_url": self.url, "log_format": "json"} | settings
        variables |= {f"CLF_{name.upper()}": str(value) for name, value in chosen.items()}
        child = Child(program, variables, self.folder / f"{kind}-{len(self.children)}.log", ready=ready)
        self.children.append(child)
        return child

    def several(self, number: int, *arguments: str, **settings: object) -> list[Child]:
        """So many workers, all ready."""
        workers = [self.worker(*arguments, **settings) for _ in range(number)]
        return [worker.ready() for worker in workers]

    def fleet(self) -> Fleet:
        """The operator's view, straight to the broker."""
        fleet = Fleet(self.server.url, keys=self.keys)
        self.stack.callback(fleet.close)
        return fleet

    def pending(self, child: Child, stream: StreamName = StreamName.JOBS) -> int:
        """Entries leased to this process: its consumer's name holds its pid."""
        with self.server.client() as client:
            summary: Any = client.xpending(self.keys.stream(stream), stream.group)
        consumers = summary["consumers"] or []
        return sum(one["pending"] for one in consumers if f"-{child.pid}-" in one["name"].decode())

    def left(self) -> int:
        """Jobs and results not done."""
        with self.server.client() as client:
            return sum(client.xlen(self.keys.stream(name)) for name in (StreamName.JOBS, StreamName.RESULTS))

    def dead(self) -> list[dict[str, str]]:
        with self.server.client() as client:
            rows: Any = client.xrange(self.keys.stream(StreamName.DEAD))
        return [{name.decode(): value.decode(errors="replace") for name, value in row.items()} for _, row in rows]

    def probe(self, seconds: float = 60.0) -> float:
        """One message of a person now; the seconds until it was answered."""
        started = time.monotonic()
        room, ts = self.ledger.post("good build")
        until(lambda: self.ledger.answered(room, ts), "the answer to a message", seconds)
        return time.monotonic() - started

    def close(self) -> None:
        self.proxy.heal()
        for child in self.children:
            if child.code is None:
                child.wake()
                child.kill()
        self.server.kill()


@contextmanager
def set_up(
    folder: Path, home: Path, *, seed: int, rooms: int = 30, fsync: str = "always", proxied: bool = False, url: str = ""
) -> Generator[Stage]:
    """A fresh broker and sandbox. Bots and workers reach it directly, `proxied`, or another one at `url`."""
    with ExitStack() as stack:
        folder.mkdir(parents=True)
        server = Server(folder / "broker", fsync=fsync)
        server.start()
        stack.callback(server.kill)
        sandbox = stack.enter_context(own_sandbox(folder / "sandbox.log"))
        sandbox.clock(SPEED)
        proxy = stack.enter_context(Proxy(server.port))
        where = url or (f"redis://127.0.0.1:{proxy.port}" if proxied else server.url)
        ledger = Ledger(sandbox, rooms=rooms, seed=seed)
        copy = shutil.copytree(home, folder / "home")
        stage = Stage(folder, copy, server, sandbox, ledger, where, proxy, random.Random(seed), stack)
        stack.callback(stage.close)
        yield stage


@contextmanager
def own_sandbox(log: Path) -> Iterator[SandboxClient]:
    """A local Slack in a process of its own."""
    child = Child(["-m", "clfadmin.sandbox", "--port", "0"], {}, log, ready="sandbox: http")
    try:
        url = child.ready().found(r"sandbox: (\S+)")
        with httpx.Client(timeout=60) as http:
            yield SandboxClient(url, http)
    finally:
        child.kill()


def burst(stage: Stage, number: int) -> None:
    """So many messages, as fast as several hands can write them."""
    with ThreadPoolExecutor(HANDS) as pool:
        for one in [pool.submit(stage.ledger.post) for _ in range(number)]:
            one.result()


class Traffic:
    """People who write all the time until the block ends, at about `rate` messages a second."""

    def __init__(self, ledger: Ledger, rate: float, *, text: str = "") -> None:
        self._ledger, self._every, self._text = ledger, 1 / rate, text
        self.posted: list[str] = []  # the messages' ts
        self._stop = threading.Event()
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._write, name="people")

    def _write(self) -> None:
        due = time.monotonic()
        try:
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                self.posted.append(self._ledger.post(self._text)[1])
                # What could not be kept up with is not made up for: that would be another load.
                due = max(due + self._every, time.monotonic() - 1)
        except Exception as error:  # raised where the block ends
            self._problem = error

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._problem:
            raise self._problem
