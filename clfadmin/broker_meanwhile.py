"""The queue for the time of one command: the one that runs, else the home's own broker, started and stopped again."""

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from clfadmin import broker
from clfadmin.broker import BrokerError

START_PATIENCE = timedelta(minutes=3)
STOP_PATIENCE = timedelta(seconds=20)


@contextmanager
def running(home: Path, redis_url: str | None) -> Generator[str]:
    """Yields the queue's URL. Raises BrokerError."""
    url = redis_url or broker.find_url(home)
    if url:
        yield url
        return
    # Its own session: Ctrl-C must reach the command first, which then lets the broker write what is left.
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "clfadmin.broker_server", "--home", str(home), "--until-eof"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield _answering(home, server)
    finally:
        if server.stdin:
            server.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_PATIENCE.total_seconds())
        if server.stderr:
            server.stderr.close()


def _answering(home: Path, server: "subprocess.Popen[str]") -> str:
    end = time.monotonic() + START_PATIENCE.total_seconds()
    while time.monotonic() < end:
        url = broker.find_url(home)
        if url:
            return url
        if server.poll() is not None:
            said = server.stderr.read().strip() if server.stderr else ""
            last = said.splitlines()[-1].removeprefix("error: ") if said else "no reason was given"
            raise BrokerError(f"The home's broker does not start: {last}")
        time.sleep(0.05)
    raise BrokerError(f"The home's broker did not answer within {START_PATIENCE.total_seconds():.0f} s.")
