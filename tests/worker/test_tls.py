"""TLS to Redis, against a real server with a certificate of our own: used, and refused where it can't be trusted."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from tests.certificates import make_certificates
from tests.conftest import wait_until
from tests.worker.conftest import Bot, Running
from tests.worker.keyword_model import SHA, words
from tests.worker.servers import Behind, Servers, free_port
from worker.connection import Misconfigured, Unavailable, connect, meaning
from worker.fleet import Fleet
from worker.jobs import Keys
from worker.service import Service
from worker.settings import Settings

KEYS = Keys("tls")
MISSING = [program for program in ("redis-server", "openssl") if not shutil.which(program)]
# The embedded Valkey is built without TLS.
pytestmark = pytest.mark.skipif(bool(MISSING) and not os.environ.get("CI"), reason=f"not installed: {MISSING}")


@dataclass(frozen=True)
class Server:
    port: int
    ca: Path

    def url(self, scheme: str = "rediss", host: str = "localhost") -> str:
        return f"{scheme}://{host}:{self.port}"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture
def server(certificates: Path, tmp_path: Path) -> Iterator[Server]:
    """A cluster of one node, which serves those who know nothing of clusters as well."""
    servers, server = Servers(tmp_path, "redis-server"), Server(free_port(), certificates / "ca.pem")
    tls = {"cert": "cert.pem", "key": "key.pem", "ca-cert": "ca.pem"}
    options = [word for name, file in tls.items() for word in (f"--tls-{name}-file", str(certificates / file))]
    options += ["--tls-auth-clients", "no", "--tls-port", str(server.port), "--cluster-enabled", "yes"]
    servers.start(0, *options, "--cluster-port", str(free_port()), "--cluster-config-file", "nodes.conf")
    try:
        with closing(redis.Redis("localhost", server.port, ssl=True, ssl_ca_certs=str(server.ca))) as client:
            wait_until(lambda: answers(client), "the server")
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
            wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"), "the cluster")
        yield server
    finally:
        servers.close()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def ping(url: str) -> bool:
    with closing(connect(url)) as client, meaning():
        return client.ping()


@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster"])
def test_jobs_are_answered_over_tls(server: Server, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A CA of one's own is given the way every program takes it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    url = server.url(scheme)
    with closing(Fleet(url, keys=KEYS)) as fleet:
        assert fleet.adopt(gen=1, by="test", version="words", sha256=SHA)
    bot = Bot(Behind(url, url, url, url), KEYS)
    settings = Settings(home=tmp_path, redis_url=SecretStr(url), prefix=KEYS.prefix)
    worker = Running(Service(settings, load=words())).ready()
    bot.wait_for(bot.send_many(20))
    assert worker.stop() == 0
    bot.close()


def test_a_ca_may_also_stand_in_the_url(server: Server):
    assert ping(f"{server.url()}?ssl_ca_certs={server.ca}")


@pytest.mark.parametrize("scheme", ["rediss", "rediss+cluster"])
def test_a_certificate_of_an_unknown_ca_is_a_matter_of_settings_and_said_so(server: Server, scheme: str):
    with pytest.raises(Misconfigured, match=r"certificate.*SSL_CERT_FILE"):
        ping(server.url(scheme))


def test_a_certificate_for_another_host_is_refused(server: Server):
    with pytest.raises(Misconfigured, match="certificate"):
        ping(f"{server.url(host='127.0.0.1')}?ssl_ca_certs={server.ca}")


def test_plain_text_to_a_tls_port_is_no_success(server: Server):
    with pytest.raises(Unavailable):
        ping(server.url("redis"))
