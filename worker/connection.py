"""Clients for Redis or Valkey, and what each of their errors means for the caller.

redis-py's defaults hold a caller for about a minute and re-send commands; each of our uses has its own patience.
"""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConnectionError,
    MaxConnectionsError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from worker.address import (
    EXAMPLES,
    NO_PORT,
    BadAddress,
    Cluster,
    Sentinels,
    cluster,
    is_cluster,
    is_sentinel,
    sentinels,
    split,
)
from worker.cluster import ClusterConnection, ClusterTLSConnection, Elsewhere, Nodes

OLDEST_SERVER = (7, 0)
SENTINEL_ANSWERS = 0.3
# How often one command may be sent on, in a cluster that is just changing.
HOPS = 3


class QueueError(Exception):
    """Redis did not do what we asked. The message is one line and holds no secret."""


class Unavailable(QueueError):
    """Passing: connect again with a pause (0.1 to 5 s)."""


class Misconfigured(QueueError):
    """Wrong password, missing right, wrong server: nothing gets better until a person acts."""


class Full(QueueError):
    """Redis takes no more writes (memory or disk); reading and finishing go on."""


class GroupMissing(QueueError):
    """The streams or their groups are gone (FLUSHALL, XGROUP DESTROY): make them again, then catch up."""


@dataclass(frozen=True)
class Patience:
    """How long one command may take."""

    connect: timedelta
    answer: timedelta


# Slack waits 3 s for a listener: one try and one more must fit.
ENQUEUE = Patience(timedelta(seconds=0.5), timedelta(seconds=1))
# Above BLOCK (0.5 s), or reads would be given up and silently repeated; finite, or a half-open peer hangs us.
READER = Patience(timedelta(seconds=2), timedelta(seconds=5))
# Short against the 7 s between two renewals.
RENEWER = Patience(timedelta(seconds=1), timedelta(seconds=2))

_FULL_WORDS = ("OOM", "MISCONF")
_PASSING_WORDS = ("UNBLOCKED", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "LOADING", "READONLY")


def connect(url: str, patience: Patience = READER, *, name: str = "clf") -> Any:
    """A redis.Redis with its own pool. No connection is made before the first command.

    Typed Any: redis-py declares each answer for its sync and async clients at once. Raises Misconfigured when the URL
    cannot be used.
    """
    how: dict[str, Any] = {
        "socket_connect_timeout": patience.connect.total_seconds(),
        "socket_timeout": patience.answer.total_seconds(),
        # Scripts and plain overwrites only are ever sent twice, and by us, not behind our back.
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        "legacy_responses": True,
    }
    try:
        if is_sentinel(url):
            return _behind_sentinels(sentinels(url), how, client_name=name)
        if is_cluster(url):
            return _to_cluster(cluster(url), how | {"client_name": name})
        if split(url).scheme in ("redis", "rediss", "unix"):
            return _to_server(url, how | {"client_name": name})
    except ValueError as error:
        raise Misconfigured(f"CLF_REDIS_URL cannot be read: {error}. Examples: {EXAMPLES}.") from error
    # Without :// the first word may be anything, a password too.
    start = f"starts with {split(url).scheme!r}" if "://" in url else "is no URL"
    raise Misconfigured(f"CLF_REDIS_URL {start}. Use {EXAMPLES}.")


def _to_server(url: str, how: dict[str, Any]) -> Any:
    try:
        _ = split(url).port
    except ValueError as error:
        raise BadAddress(NO_PORT) from error
    client: Any = redis.Redis.from_url(url, **how)  # pyright: ignore[reportUnknownMemberType]
    pool = client.connection_pool
    try:
        pool.connection_class(**pool.connection_kwargs)  # now, not at the first command; it does not connect yet
    except TypeError as error:
        raise BadAddress("redis-py does not know one of the options after its ?") from error
    return client


def _behind_sentinels(where: Sentinels, how: dict[str, Any], **more: Any) -> Any:
    """A client that asks the sentinels for the master at every new connection, so a failover needs no restart."""
    tls = {"ssl": True} if where.tls else {}
    login = {"username": where.user or None, "password": where.password or None} if where.password else {}
    # Asked one after the other: one that is away must not cost a listener its three seconds.
    asking = {"socket_connect_timeout": SENTINEL_ANSWERS, "socket_timeout": SENTINEL_ANSWERS, "legacy_responses": True}
    if where.sentinel_password:
        asking |= {"username": where.sentinel_username or None, "password": where.sentinel_password}
    found: Any = Sentinel(list(where.hosts), sentinel_kwargs=asking | tls, **how, **login, **tls)
    return found.master_for(where.master, **more)


def _to_cluster(where: Cluster, how: dict[str, Any]) -> Any:
    """A client that is told by the cluster which node has our keys, so a failover needs no restart."""
    login: dict[str, Any] = {"username": where.user or None, "password": where.password} if where.password else {}
    kind = ClusterTLSConnection if where.tls else ClusterConnection
    how["retry"] = Retry(NoBackoff(), HOPS, supported_errors=(Elsewhere,))
    pool = redis.ConnectionPool(connection_class=kind, nodes=Nodes(where.hosts), **how, **login)
    return redis.Redis(connection_pool=pool)


@contextmanager
def meaning() -> Generator[None]:
    """Turn redis-py's errors into ours; the order of the tests matters, see `translated`."""
    try:
        yield
    except RedisError as error:
        raise translated(error) from error


def translated(error: RedisError) -> QueueError:
    if isinstance(error, MasterNotFoundError):
        return _no_master(str(error))
    text = str(error).rstrip(".")
    word = text.partition(" ")[0]
    # Both are subclasses of ConnectionError: asked first, or a wrong password would be retried for ever.
    if isinstance(error, AuthenticationError | AuthorizationError | NoPermissionError):
        return Misconfigured(f"Redis refuses us: {text}. Check user, password and rights in CLF_REDIS_URL.")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Misconfigured(
            f"Redis shows a certificate that can't be trusted: {text}. The host in CLF_REDIS_URL must be one the "
            "certificate names; a CA of your own goes into SSL_CERT_FILE."
        )
    if isinstance(error, OutOfMemoryError) or word in _FULL_WORDS:
        return Full(f"Redis takes no more writes: {text}")
    if (
        isinstance(error, ConnectionError | TimeoutError | MaxConnectionsError | ReadOnlyError)
        or word in _PASSING_WORDS
    ):
        return Unavailable(f"Redis does not answer: {text or type(error).__name__}")
    # Inside a script the word stands in the middle of the text.
    if "NOGROUP" in text:
        return GroupMissing("The queue's streams are gone from Redis.")
    if isinstance(error, ResponseError):
        return Misconfigured(f"Redis does not understand us: {text}")
    return Unavailable(f"Redis failed: {type(error).__name__}: {text}")


def _no_master(text: str) -> QueueError:
    """redis-py tells the reason of each sentinel, the last word after a page about the connection."""
    what = text.partition(" : ")[0]
    reasons = set(re.findall(r"> - (?:\w+:)?(\w+)", text))
    # A sentinel that is away may be the one that would let us in.
    if reasons == {"AuthenticationError"}:
        return Misconfigured(
            "The sentinels refuse us. Check ?sentinel_username=…&sentinel_password=… in CLF_REDIS_URL."
        )
    return Unavailable(" ".join(["Redis does not answer:", what, *sorted(reasons)]))


def check_server(client: Any) -> tuple[int, ...]:
    """The server's version. Raises Misconfigured below 7.0, and whatever `meaning` makes of a failing connection."""
    with meaning():
        answer: Any = client.execute_command("HELLO")
    if isinstance(answer, list):  # RESP2 has no maps
        flat = cast("list[Any]", answer)
        answer = dict(zip(flat[::2], flat[1::2], strict=True))
    version = tuple(int(part) for part in answer[b"version"].decode().split(".")[:2])
    if version < OLDEST_SERVER:
        raise Misconfigured(f"Redis is {version[0]}.{version[1]}; 7.0 or newer is needed, or any Valkey.")
    return version


def once_more(call: Callable[[], bytes], *, within: timedelta, clock: Callable[[], float]) -> bytes:
    """Run `call`; on a passing failure once more, if little time has gone. For listeners, which Slack times."""
    started = clock()
    try:
        with meaning():
            return call()
    except Unavailable:
        if clock() - started >= within.total_seconds():
            raise
    with meaning():
        return call()
