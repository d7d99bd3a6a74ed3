"""Each user of examples/users.acl may do its own work and nothing else: refused by a real server, scripts included."""

import pytest
import redis
from redis.exceptions import NoPermissionError, ResponseError

from tests.conftest import REPOSITORY, Broker
from worker.jobs import Keys

# What would harm others, or show what they hold; nobody may.
NOBODY = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("CLIENT", "KILL", "ID", "1"),
    ("CLIENT", "LIST"),
    ("MONITOR",),
    ("SAVE",),
    ("SHUTDOWN", "NOSAVE"),
    ("ACL", "SETUSER", "default", "on", "nopass", "+@all"),
    ("SCRIPT", "FLUSH"),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("MODULE", "LIST"),
    ("FUNCTION", "LIST"),
)
# Beyond that, what only others need.
MORE = {
    "bot": (("XTRIM", "{k}:jobs", "MAXLEN", "0"), ("XREVRANGE", "{k}:dead", "+", "-"), ("INFO",), ("BGREWRITEAOF",)),
    "worker": (("XRANGE", "{k}:dead", "-", "+"), ("INFO",), ("DEL", "{k}:marks"), ("HSCAN", "{k}:marks", "0")),
    "admin": (),
}


@pytest.mark.parametrize("user", MORE)
def test_a_user_is_refused_what_its_work_does_not_need(any_server: tuple[Broker, Keys], user: str):
    broker, keys = any_server
    place = f"{{{keys.prefix}}}"
    with redis.Redis.from_url(getattr(broker, user)) as client:
        for command in (*NOBODY, *MORE[user]):
            with pytest.raises(NoPermissionError):
                client.execute_command(*(word.replace("{k}", place) for word in command))
        with pytest.raises(NoPermissionError):
            client.hgetall("a key of somebody else's")


@pytest.mark.parametrize("user", MORE)
def test_a_script_of_its_own_gives_a_user_no_further_right(any_server: tuple[Broker, Keys], user: str):
    """Whoever may EVAL could otherwise do anything."""
    broker, _ = any_server
    with redis.Redis.from_url(getattr(broker, user)) as client:
        for line in ("return redis.call('FLUSHALL')", "return redis.call('GET', 'other')"):
            with pytest.raises(ResponseError, match=r"(?i)permission|can.t (run|access)"):
                client.eval(line, 0)


def test_without_a_user_nothing_is_allowed_where_the_example_is_used():
    first, *_ = (REPOSITORY / "examples" / "users.acl").read_text().splitlines()
    assert first == "user default off"
