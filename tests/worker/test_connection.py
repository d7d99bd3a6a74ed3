"""What an error of Redis means, over real sockets, and that no password leaves in a message."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError

from tests.conftest import Broker
from worker.address import shown
from worker.connection import (
    ENQUEUE,
    Full,
    GroupMissing,
    Misconfigured,
    QueueError,
    Unavailable,
    check_server,
    connect,
    meaning,
    translated,
)
from worker.jobs import Job, Keys, StreamName
from worker.stream import Queue, enqueuer


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (ResponseError("MISCONF Errors writing to the AOF file"), Full),
        (OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), Full),
        (ReadOnlyError("You can't write against a read only replica."), Unavailable),
        (ResponseError("UNBLOCKED force unblock from blocking operation"), Unavailable),
        (ResponseError("NOREPLICAS Not enough good replicas to write."), Unavailable),
        (RedisConnectionError("Connection refused"), Unavailable),
        (NoPermissionError("User has no permissions"), Misconfigured),
        (ResponseError("WRONGTYPE Operation against a key"), Misconfigured),
        (ResponseError("ERR Error running script: NOGROUP No such key"), GroupMissing),
    ],
)
def test_each_error_has_one_meaning(error: Exception, meant: type[QueueError]):
    assert type(translated(error)) is meant  # type: ignore[arg-type]


def test_a_wrong_password_is_a_matter_of_configuration_and_not_shown(any_server: tuple[Broker, Keys]):
    broker, _ = any_server
    url = broker.bot.replace(":test@", ":s3cret-canary@")
    with closing(connect(url)) as client, pytest.raises(Misconfigured) as caught, meaning():
        client.time()
    assert "s3cret-canary" not in str(caught.value)


def test_a_missing_right_is_named(any_server: tuple[Broker, Keys]):
    broker, keys = any_server
    queue = Queue(broker.worker, keys=keys, consumer="w1")
    with closing(queue), pytest.raises(Misconfigured, match="rights"), meaning():
        queue.client.flushall()


def test_the_server_must_be_seven_or_newer(any_server: tuple[Broker, Keys], monkeypatch: pytest.MonkeyPatch):
    broker, _ = any_server
    with closing(connect(broker.url)) as client:
        assert check_server(client) >= (7, 0)
        monkeypatch.setattr("worker.connection.OLDEST_SERVER", (99, 0))
        with pytest.raises(Misconfigured, match=r"7\.0 or newer"):
            check_server(client)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "redis+cluster://a:1/0", "redis+cluster://", "nonsense", "redis://host:port"]
)
def test_a_url_we_cannot_use_is_refused_with_an_example(url: str):
    with pytest.raises(Misconfigured, match="redis://"):
        connect(url)


def test_a_url_is_shown_without_user_and_password():
    assert shown("rediss://clf-bot:s3cret@redis.acme.example:6380/2") == "rediss://redis.acme.example:6380/2"
    assert shown("unix://clf-bot:s3cret@/tmp/x/s?db=1") == "unix:///tmp/x/s"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_listener_waits_at_most_two_seconds_for_a_silent_server(silent_port: int):
    queue = enqueuer(f"redis://127.0.0.1:{silent_port}", keys=Keys())
    job = Job(id="a", message="a", team="T", channel="C", ts="1.0", text="x")
    started = time.monotonic()
    with closing(queue), pytest.raises(Unavailable):
        queue.enqueue(job, limit=10)
    assert time.monotonic() - started < 2.2
    assert ENQUEUE.answer.total_seconds() < 3


def test_a_refused_connection_is_reported_at_once(free_port: int):
    queue = Queue(f"redis://127.0.0.1:{free_port}", keys=Keys(), consumer="w")
    started = time.monotonic()
    with closing(queue), pytest.raises(Unavailable):
        queue.read(StreamName.JOBS, count=1)
    assert time.monotonic() - started < 1


@pytest.fixture
def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]
