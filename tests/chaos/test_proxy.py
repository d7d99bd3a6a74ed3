"""The proxy does to a connection what the table says it does."""

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis

from tests.chaos.proxy import Proxy
from tests.conftest import wait_until
from tests.worker.servers import Servers, free_port

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def server(tmp_path) -> Iterator[int]:
    servers, port = Servers(tmp_path), free_port()
    servers.start(port)
    wait_until(lambda: answers(port), "the server")
    yield port
    servers.close()


def answers(port: int) -> bool:
    try:
        with client_at(port) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def client_at(port: int, **more: object) -> redis.Redis:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis(port=port, retry=Retry(NoBackoff(), 0), legacy_responses=True, **more)


def test_a_cut_loses_the_answer_and_not_the_command(server: int):
    with Proxy(server) as proxy, client_at(proxy.port) as client, client_at(server) as direct:
        assert client.incr("known") == 1
        proxy.cut(b"INCRBY", 1)
        with pytest.raises(redis.ConnectionError):
            client.incr("known")
        assert (direct.get("known"), proxy.made, proxy.armed) == (b"2", 1, 0)
        assert client.incr("known") == 3


def test_a_short_answer_is_let_through_where_a_longer_one_is_to_be_lost(server: int):
    with Proxy(server) as proxy, client_at(proxy.port) as client:
        proxy.cut(b"GET", 1, least=100)
        assert client.get("nothing") is None
        assert proxy.armed == 1


def test_a_script_the_server_does_not_know_is_not_cut(server: int):
    with Proxy(server) as proxy, client_at(proxy.port) as client, client_at(server) as direct:
        script = client.register_script("return redis.call('INCR', KEYS[1])")
        proxy.cut(script.sha.encode(), 1)
        with pytest.raises(redis.ConnectionError):
            script(keys=["ran"])
        assert direct.get("ran") == b"1"


def test_a_black_hole_delays_and_loses_nothing(server: int):
    with Proxy(server) as proxy, client_at(proxy.port, socket_timeout=0.3) as client, client_at(server) as direct:
        client.ping()
        proxy.hold()
        with pytest.raises(redis.TimeoutError):
            client.incr("late")
        assert direct.get("late") is None
        proxy.heal()
        wait_until(lambda: client.ping(), "the healing")


def test_a_slow_network_is_slow_in_both_directions(server: int):
    with Proxy(server) as proxy, client_at(proxy.port) as client:
        client.ping()
        proxy.slow(0.1)
        started = time.monotonic()
        client.ping()
        assert time.monotonic() - started >= 0.2


def test_dropped_connections_are_made_again(server: int):
    with Proxy(server) as proxy, client_at(proxy.port) as client:
        before = client.client_id()
        proxy.drop()
        with suppress(redis.ConnectionError):  # where the reset comes in the middle of a question
            wait_until(lambda: client.client_id() != before, "another connection", 5)
        assert client.client_id() != before


def test_with_nobody_behind_it_connections_are_reset():
    with Proxy(free_port()) as proxy, client_at(proxy.port) as client, pytest.raises(redis.ConnectionError):
        client.ping()
