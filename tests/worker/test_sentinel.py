"""A primary, its replica and three sentinels: when the primary dies, bot and worker go on with the other."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from tests.conftest import wait_until
from tests.worker.conftest import Bot, Running
from tests.worker.keyword_model import SHA, words
from tests.worker.servers import Behind, Servers, direct, free_port
from worker.connection import Unavailable, connect, meaning
from worker.fleet import Fleet
from worker.jobs import Keys
from worker.service import Service
from worker.settings import Settings

MASTER = "clf-test"


class Party:
    """Two servers and three sentinels on free ports of this machine; each can be killed."""

    def __init__(self, folder: Path) -> None:
        self.servers = Servers(folder)
        self.primary, self.replica = free_port(), free_port()
        self.servers.start(self.primary)
        self.servers.start(self.replica, "--replicaof", "127.0.0.1", str(self.primary))
        wait_until(lambda: self._info(self.replica)["master_link_status"] == "up", "replication")
        self.sentinels = [free_port() for _ in range(3)]
        for port in self.sentinels:
            self._sentinel(port)
        wait_until(
            lambda: all(self._knows_all(port) for port in self.sentinels), "the sentinels to know each other", 30
        )

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}"

    def _sentinel(self, port: int) -> None:
        folder = self.servers.folder
        config = folder / f"{port}.conf"
        lines = [f"port {port}", f"dir {folder}", f"sentinel monitor {MASTER} 127.0.0.1 {self.primary} 2"]
        lines += [f"sentinel down-after-milliseconds {MASTER} 500", f"sentinel failover-timeout {MASTER} 3000"]
        config.write_text("\n".join(lines) + "\n")
        self.servers.run(port, str(config), "--sentinel")

    def _info(self, port: int) -> dict[str, str]:
        with direct(port) as client:
            try:
                return client.info("replication")
            except redis.ConnectionError:
                return {"master_link_status": "not yet"}

    def _knows_all(self, port: int) -> bool:
        with direct(port) as client:
            try:
                found = client.execute_command("SENTINEL", "MASTER", MASTER)
            except redis.RedisError:
                return False
        return int(found["num-slaves"]) == 1 and int(found["num-other-sentinels"]) == 2


@pytest.fixture
def party(tmp_path: Path) -> Iterator[Party]:
    party = Party(tmp_path)
    yield party
    party.servers.close()


def test_after_a_failover_jobs_are_taken_and_answered_without_a_restart(party: Party, tmp_path: Path):
    keys, broker = Keys("sentinels"), Behind(party.url, party.url, party.url, party.url)
    with closing(Fleet(party.url, keys=keys)) as fleet:
        assert fleet.adopt(gen=1, by="test", version="words", sha256=SHA)
    bot = Bot(broker, keys)
    settings = Settings(home=tmp_path, redis_url=SecretStr(party.url), prefix=keys.prefix, lease_seconds=1)
    worker = Running(Service(settings, load=words())).ready()
    bot.wait_for(bot.send_many(20))
    party.servers.kill(party.sentinels[0])
    party.servers.kill(party.primary)
    killed = time.monotonic()
    wait_until(lambda: takes_jobs(bot), "a primary that takes jobs", 30)
    took = time.monotonic() - killed
    wait_until(lambda: not worker.service.not_ready(), "readiness", 15)
    bot.wait_for(bot.send_many(20))
    assert took < 15
    assert worker.stop() == 0
    bot.close()


def takes_jobs(bot: Bot) -> bool:
    try:
        bot.wait_for([bot.send("good")])
    except Unavailable:
        return False
    return True


def test_without_any_sentinel_it_is_away_and_not_misconfigured():
    client = connect(f"redis+sentinel://127.0.0.1:{free_port()}/{MASTER}")
    with closing(client), pytest.raises(Unavailable), meaning():
        client.ping()
