"""A cluster of three masters and replicas: our keys are on one of them, and may move to another."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis
from pydantic import SecretStr
from redis.crc import key_slot

from tests.conftest import wait_until
from tests.worker.conftest import Bot, Running
from tests.worker.keyword_model import SHA, words
from tests.worker.servers import Behind, Servers, direct, free_port
from worker.connection import Unavailable, connect, meaning
from worker.fleet import Fleet
from worker.jobs import Keys
from worker.service import Service
from worker.settings import Settings

T = TypeVar("T")
KEYS = Keys("clusters")
SLOT = key_slot(KEYS.model.encode())
SLOTS = 16_384


class Nodes:
    """Three masters with a third of the slots each, and one replica of the master that has ours."""

    def __init__(self, folder: Path) -> None:
        self.servers = Servers(folder)
        self.masters, self.replica = [free_port() for _ in range(3)], free_port()
        for port in (*self.masters, self.replica):
            more = ("--cluster-port", str(free_port()), "--cluster-config-file", f"{port}.conf")
            self.servers.start(port, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", *more)
        for number, port in enumerate(self.masters):
            wait_until(lambda port=port: self.tell(port, "PING"), "a server")
            first, last = (SLOTS * part // 3 for part in (number, number + 1))
            self.tell(port, "CLUSTER", "ADDSLOTSRANGE", first, last - 1)
            self.tell(port, "CONFIG", "SET", "cluster-replica-validity-factor", 0)
        wait_until(lambda: self.tell(self.replica, "PING"), "the replica")
        self.ours = self.masters[SLOT * 3 // SLOTS]
        for port in (*self.masters[1:], self.replica):
            bus = int(self.tell(port, "CONFIG", "GET", "cluster-port")["cluster-port"])
            self.tell(self.masters[0], "CLUSTER", "MEET", "127.0.0.1", port, bus)
        everybody = [*self.masters, self.replica]
        wait_until(lambda: all(self._knows(port) == 4 for port in everybody), "the nodes to know each other", 30)
        self.tell(self.replica, "CLUSTER", "REPLICATE", self.id(self.ours))
        wait_until(lambda: self._in_step(), "replication", 30)

    @property
    def url(self) -> str:
        """The node that has our keys comes last: it has to be found."""
        others = [port for port in self.masters if port != self.ours]
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in (*others, self.ours))

    def tell(self, port: int, *command: str | int) -> Any:
        with direct(port) as client:
            try:
                return client.execute_command(*command)
            except redis.ConnectionError:
                return None

    def id(self, port: int) -> str:
        return self.tell(port, "CLUSTER", "MYID")

    def move_our_slot(self, to: int) -> None:
        """As an operator does it, key by key."""
        self.tell(to, "CLUSTER", "SETSLOT", SLOT, "IMPORTING", self.id(self.ours))
        self.tell(self.ours, "CLUSTER", "SETSLOT", SLOT, "MIGRATING", self.id(to))
        while keys := self.tell(self.ours, "CLUSTER", "GETKEYSINSLOT", SLOT, 100):
            self.tell(self.ours, "MIGRATE", "127.0.0.1", to, "", 0, 5000, "KEYS", *keys)
        for port in (to, self.ours, *self.masters):
            self.tell(port, "CLUSTER", "SETSLOT", SLOT, "NODE", self.id(to))

    def _knows(self, port: int) -> int:
        state = self._info(port)
        return int(state["cluster_known_nodes"]) if state.get("cluster_state") == "ok" else 0

    def _in_step(self) -> bool:
        with direct(self.replica) as client:
            return client.info("replication").get("master_link_status") == "up"

    def _info(self, port: int) -> dict[str, str]:
        answer = self.tell(port, "CLUSTER", "INFO")
        return answer if isinstance(answer, dict) else dict(line.split(":") for line in (answer or "").split())


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    nodes = Nodes(tmp_path)
    yield nodes
    nodes.servers.close()


@pytest.fixture
def bot(nodes: Nodes) -> Iterator[Bot]:
    with closing(Fleet(nodes.url, keys=KEYS)) as fleet:
        assert fleet.adopt(gen=1, by="test", version="words", sha256=SHA)
    bot = Bot(Behind(nodes.url, nodes.url, nodes.url, nodes.url), KEYS)
    yield bot
    bot.close()


@pytest.fixture
def worker(nodes: Nodes, bot: Bot, tmp_path: Path) -> Iterator[Running]:
    settings = Settings(home=tmp_path, redis_url=SecretStr(nodes.url), prefix=KEYS.prefix, lease_seconds=1)
    worker = Running(Service(settings, load=words())).ready()
    yield worker
    assert worker.stop() == 0


def until_it_works(action: Callable[[], T], what: str) -> T:
    """As Slack's retries and the bot's loop do: again until the cluster has settled."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return action()
        except Unavailable:
            assert time.monotonic() < deadline, what
            time.sleep(0.1)


def sent(bot: Bot) -> str:
    return until_it_works(lambda: bot.send("good build"), "nobody takes jobs")


def answered(bot: Bot, jobs: list[str]) -> None:
    until_it_works(lambda: bot.wait_for(jobs), "no results")


def test_after_a_failover_jobs_are_taken_and_answered_without_a_restart(nodes: Nodes, bot: Bot, worker: Running):
    answered(bot, [sent(bot) for _ in range(20)])
    nodes.servers.kill(nodes.ours)
    killed = time.monotonic()
    first = sent(bot)
    assert time.monotonic() - killed < 15
    answered(bot, [first, *(sent(bot) for _ in range(20))])
    wait_until(lambda: not worker.service.not_ready(), "readiness", 15)


def test_our_slot_may_move_to_another_node_under_load(nodes: Nodes, bot: Bot, worker: Running):
    jobs = [sent(bot) for _ in range(50)]
    target = next(port for port in nodes.masters if port != nodes.ours)
    nodes.move_our_slot(target)
    jobs += [sent(bot) for _ in range(50)]
    wait_until(lambda: nodes.tell(target, "CLUSTER", "COUNTKEYSINSLOT", SLOT), "our keys over there")
    assert nodes.tell(nodes.ours, "CLUSTER", "COUNTKEYSINSLOT", SLOT) == 0
    answered(bot, jobs)


def test_without_any_node_it_is_away_and_not_misconfigured():
    client = connect(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}")
    with closing(client), pytest.raises(Unavailable), meaning():
        client.ping()
