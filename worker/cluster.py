"""Connections to a Redis or Valkey cluster: to the node that has our keys, wherever it goes.

All keys share one hash tag, so one node has them all, and a client of our own needs no map of the cluster: any node
names the right one (MOVED). That keeps what redis.RedisCluster lacks: no connection before the first command, and the
same patience everywhere.
"""

# redis-py's types are for sync and async at once.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import threading
from collections.abc import Sequence
from typing import Any

from redis.connection import Connection, SSLConnection
from redis.exceptions import AskError, ClusterDownError, ConnectionError, MovedError

Address = tuple[str, int]


class Elsewhere(ConnectionError):
    """Our keys are on another node; this one has done nothing, so the command may be sent again."""


class Nodes:
    """Where to connect to: the node that was last named as ours, else those of the URL in turn. Safe for threads."""

    def __init__(self, seeds: Sequence[Address]) -> None:
        self._seeds = tuple(seeds)
        self._turn = 0
        self._ours: Address | None = None
        self._lock = threading.Lock()

    def now(self) -> Address:
        with self._lock:
            return self._ours or self._seeds[self._turn % len(self._seeds)]

    def moved(self, to: Address) -> None:
        with self._lock:
            self._ours = to

    def failed(self, address: Address) -> None:
        """This one is away or has lost the others: ask the next."""
        with self._lock:
            if self._ours == address:
                self._ours = None
            elif self._ours is None:
                self._turn += 1


class ClusterConnection(Connection):
    """A connection to `nodes.now()`. An answer that points elsewhere ends it as if it had been lost."""

    def __init__(self, *, nodes: Nodes, **how: Any) -> None:
        self._nodes = nodes
        super().__init__(**how)

    def _connect(self) -> Any:
        # redis-py comes here for every new socket; connect() is passed over when a command is sent again.
        self.host, self.port = self._nodes.now()
        try:
            return super()._connect()
        except OSError:
            self._nodes.failed((self.host, self.port))
            raise

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)
        except (AskError, ClusterDownError) as error:
            self.disconnect()
            if isinstance(error, MovedError):
                self._nodes.moved((error.host or self.host, error.port))
                raise Elsewhere(f"our keys moved to {error.node_addr}") from error
            if isinstance(error, ClusterDownError):
                self._nodes.failed((self.host, self.port))
            # ASK: our keys are on their way, and nobody has all of them.
            raise ConnectionError(f"the cluster is not ready: {error}") from error


class ClusterTLSConnection(ClusterConnection, SSLConnection):
    """The same with TLS."""
