"""When a child of `clfadmin up` does its work, as seen from outside: by its port or by its heartbeat."""

import http.client
import socket
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar

from clfadmin import broker
from clfadmin.broker import Place
from worker.connection import QueueError, check_server, connect
from worker.fleet import BotBeat, Fleet, QueueStats, WorkerBeat
from worker.jobs import Keys

B = TypeVar("B", BotBeat, WorkerBeat)
# A page on this machine; while it starts it refuses at once.
PAGE_PATIENCE = 2.0

Check = Callable[[int], bool]


class Beats:
    """The heartbeats of this machine's processes. Keeps no connection: the broker may be another one each time."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url = url
        self._keys = Keys(prefix)

    def check(self) -> None:
        """Raises QueueError where this Redis is no use to anybody: out of reach, too old, refusing us."""
        with closing(connect(self._url)) as client:
            check_server(client)

    def bot(self, pid: int) -> BotBeat | None:
        return self._find(lambda fleet: fleet.bots(), pid)

    def worker(self, pid: int) -> WorkerBeat | None:
        return self._find(lambda fleet: fleet.workers(), pid)

    def stats(self) -> QueueStats | None:
        """How full the queue is; None when Redis does not tell."""
        try:
            with closing(Fleet(self._url, keys=self._keys)) as fleet:
                return fleet.stats()
        except QueueError:
            return None

    def _find(self, read: Callable[[Fleet], list[B]], pid: int) -> B | None:
        try:
            with closing(Fleet(self._url, keys=self._keys)) as fleet:
                beats = read(fleet)
        except QueueError:
            return None
        return next((beat for beat in beats if (beat.pid, beat.host) == (pid, socket.gethostname())), None)


def broker_answers(there: Place) -> Check:
    return lambda _: broker.answers(there.socket)


def page_answers(port: int) -> Check:
    def check(_: int) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PAGE_PATIENCE)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return check


def bot_connected(beats: Beats) -> Check:
    def check(pid: int) -> bool:
        beat = beats.bot(pid)
        return beat is not None and beat.connected

    return check


def worker_ready(beats: Beats) -> Check:
    def check(pid: int) -> bool:
        beat = beats.worker(pid)
        return beat is not None and beat.state == "ready"

    return check
