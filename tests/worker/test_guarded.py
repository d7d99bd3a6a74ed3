"""TLS and users together where other servers are in front: behind sentinels, and in a cluster."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import SecretStr
from redis.crc import key_slot

from tests.certificates import make_certificates
from tests.conftest import REPOSITORY, wait_until
from tests.worker.conftest import Bot, Running
from tests.worker.keyword_model import SHA, words
from tests.worker.servers import Behind, Servers, free_port
from worker.connection import Misconfigured, Unavailable, connect, meaning
from worker.fleet import Fleet
from worker.jobs import Keys
from worker.service import Service
from worker.settings import Settings

KEYS = Keys("clf")
SLOT, SLOTS = key_slot(KEYS.model.encode()), 16_384
MASTER = "clf-test"
# Of the sentinels, which have a password and no users.
SESAME = "open-sesame"
# What a replica and a sentinel need, as Redis' own pages on ACL and Sentinel have it; docs/operations.md names them.
HELPERS = (
    "user replica on >test ~* &* -@all +psync +replconf +ping",
    "user sentinel on >test &* -@all +ping +info +role +multi +exec +slaveof +subscribe +publish +config|rewrite"
    " +client|setname +client|kill +script|kill",
    "user tester on >test ~* &* +@all",
)
MISSING = [program for program in ("redis-server", "openssl") if not shutil.which(program)]
# The embedded Valkey is built without TLS.
pytestmark = pytest.mark.skipif(bool(MISSING) and not os.environ.get("CI"), reason=f"not installed: {MISSING}")


class Guarded:
    """Servers that speak nothing but TLS, and to nobody but the users of examples/users.acl and their own kind."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        self.servers, self._certificates = Servers(folder, "redis-server"), certificates
        # Redis 7.0 does not know this one word.
        ours = (REPOSITORY / "examples" / "users.acl").read_text().replace(" +client|setinfo", "")
        self._users = folder / "users.acl"
        self._users.write_text(ours.replace(">CHANGE-ME", ">test") + "\n".join(HELPERS) + "\n")

    def start(self, *more: str) -> int:
        port = free_port()
        where = ("--port", "0", "--bind", "127.0.0.1", "--dir", str(self.servers.folder), "--save", "")
        self.servers.run(port, *where, *self._tls(port), "--aclfile", str(self._users), *more)
        with self.as_tester(port) as client:
            wait_until(lambda: answers(client), "a server")
        return port

    def _tls(self, port: int) -> list[str]:
        files = {"cert": "cert.pem", "key": "key.pem", "ca-cert": "ca.pem"}
        options = [word for name, file in files.items() for word in (f"--tls-{name}-file", str(self.file(file)))]
        return [*options, "--tls-port", str(port), "--tls-auth-clients", "no"]

    def file(self, name: str) -> Path:
        return self._certificates / name

    def as_tester(self, port: int) -> Any:
        login = {"username": "tester", "password": "test"}
        return closing(redis.Redis("localhost", port, ssl=True, ssl_ca_certs=str(self.file("ca.pem")), **login))

    def tell(self, port: int, *command: str | int) -> Any:
        with self.as_tester(port) as client:
            return client.execute_command(*command)

    def info(self, port: int) -> bytes:
        with self.as_tester(port) as client:
            return client.execute_command("CLUSTER", "INFO", NEVER_DECODE=True)

    def sentinel(self, primary: int) -> int:
        port, folder = free_port(), self.servers.folder
        lines = ["port 0", f"dir {folder}", "tls-replication yes", "sentinel resolve-hostnames yes"]
        lines += [" ".join(self._tls(port)).replace("--", "\n").strip(), "sentinel announce-hostnames yes"]
        lines += [f"sentinel monitor {MASTER} localhost {primary} 1", f"sentinel auth-user {MASTER} sentinel"]
        lines += [
            f"sentinel auth-pass {MASTER} test",
            f"requirepass {SESAME}",
            f"sentinel down-after-milliseconds {MASTER} 500",
        ]
        config = folder / f"{port}.conf"
        config.write_text("\n".join([*lines, f"sentinel failover-timeout {MASTER} 3000"]) + "\n")
        self.servers.run(port, str(config), "--sentinel")
        return port


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For `localhost` alone: whatever a server calls itself by another name is refused."""
    return make_certificates(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def guarded(tmp_path: Path, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    guarded = Guarded(tmp_path, certificates)
    yield guarded
    guarded.servers.close()


def logins(scheme: str, rest: str) -> Behind:
    """The URL of each user: bot, worker and operator with the rights of users.acl, and one who may do anything."""
    return Behind(*(f"{scheme}://{user}:test@{rest}" for user in ("tester", "clf-bot", "clf-worker", "clf-admin")))


def ping(url: str) -> bool:
    with closing(connect(url)) as client, meaning():
        return client.ping()


def worker_at(where: Behind, home: Path) -> Running:
    with closing(Fleet(where.admin, keys=KEYS)) as fleet:
        assert fleet.adopt(gen=1, by="test", version="words", sha256=SHA)
    settings = Settings(home=home, redis_url=SecretStr(where.worker), prefix=KEYS.prefix, lease_seconds=1)
    return Running(Service(settings, load=words())).ready()


def takes_jobs(bot: Bot) -> bool:
    try:
        bot.wait_for([bot.send("good")])
    except Unavailable:
        return False
    return True


def test_behind_sentinels_jobs_are_answered_over_tls_by_users_before_and_after_a_failover(
    guarded: Guarded, tmp_path: Path
):
    copied = ("--tls-replication", "yes", "--masteruser", "replica", "--masterauth", "test")
    copied += ("--replica-announce-ip", "localhost")
    primary = guarded.start(*copied)
    replica = guarded.start(*copied, "--replicaof", "localhost", str(primary))
    wait_until(lambda: guarded.tell(replica, "ROLE")[3] == b"connected", "replication", 30)
    sentinel = guarded.sentinel(primary)
    where = logins("rediss+sentinel", f"localhost:{sentinel}/{MASTER}?sentinel_password={SESAME}")
    wait_until(lambda: knows_replica(guarded, sentinel), "the sentinel to know the replica", 30)

    worker = worker_at(where, tmp_path)
    bot = Bot(where, KEYS)
    bot.wait_for(bot.send_many(20))
    guarded.servers.kill(primary)
    wait_until(lambda: takes_jobs(bot), "a primary that takes jobs", 30)
    assert guarded.tell(replica, "ROLE")[0] == b"master"
    assert worker.stop() == 0
    bot.close()


def knows_replica(guarded: Guarded, sentinel: int) -> bool:
    trust = str(guarded.file("ca.pem"))
    with closing(redis.Redis("localhost", sentinel, ssl=True, ssl_ca_certs=trust, password=SESAME)) as client:
        try:
            return len(client.execute_command("SENTINEL", "REPLICAS", MASTER)) == 1
        except redis.RedisError:
            return False


def test_in_a_cluster_users_are_taken_over_tls_to_the_node_that_has_our_keys(guarded: Guarded, tmp_path: Path):
    """The URL names the other node; what it answers is followed, with certificate and password."""
    named = ("--tls-cluster", "yes", "--cluster-enabled", "yes", "--cluster-announce-hostname", "localhost")
    named += ("--cluster-preferred-endpoint-type", "hostname")
    nodes: list[int] = []
    for number in range(2):
        bus = free_port()
        nodes.append(guarded.start(*named, "--cluster-port", str(bus), "--cluster-config-file", f"{number}.conf"))
        guarded.tell(nodes[number], "CLUSTER", "ADDSLOTSRANGE", number * SLOTS // 2, (number + 1) * SLOTS // 2 - 1)
    guarded.tell(nodes[0], "CLUSTER", "MEET", "127.0.0.1", nodes[1], bus)
    for node in nodes:
        wait_until(lambda node=node: b"cluster_state:ok" in guarded.info(node), "the cluster", 30)
    ours, other = reversed(nodes) if SLOT >= SLOTS // 2 else nodes
    where = logins("rediss+cluster", f"localhost:{other}")

    worker = worker_at(where, tmp_path)
    bot = Bot(where, KEYS)
    bot.wait_for(bot.send_many(20))
    assert guarded.tell(ours, "DBSIZE") > 0
    assert guarded.tell(other, "DBSIZE") == 0
    assert worker.stop() == 0
    bot.close()


def test_another_password_stops_at_once_and_is_not_shown(guarded: Guarded):
    primary = guarded.start()
    sentinel = guarded.sentinel(primary)
    cases = {
        "rediss": f"localhost:{primary}",
        "rediss+sentinel": f"localhost:{sentinel}/{MASTER}?sentinel_password={SESAME}",
    }
    for scheme, rest in cases.items():
        wait_until(lambda rest=rest, scheme=scheme: is_there(f"{scheme}://clf-bot:test@{rest}"), "the way there")
        with pytest.raises(Misconfigured, match="Check user, password") as refused:
            ping(f"{scheme}://clf-bot:wr0ngpass@{rest}")
        assert "wr0ngpass" not in str(refused.value)
    for wrong in ("", "?sentinel_password=wr0ngpass"):
        with pytest.raises(Misconfigured, match="The sentinels refuse us") as refused:
            ping(f"rediss+sentinel://clf-bot:test@localhost:{sentinel}/{MASTER}{wrong}")
        assert "wr0ngpass" not in str(refused.value)


def is_there(url: str) -> bool:
    try:
        return ping(url)
    except Unavailable:
        return False
