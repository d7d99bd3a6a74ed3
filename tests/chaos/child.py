"""A worker, bot or sandbox as a process of its own. Only what was started here is ever ended here."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.waiting import Stuck, until

REPOSITORY = Path(__file__).parents[2]
# A start takes seconds on a machine where others work too.
STARTS = 90.0


class Child:
    """`python ARGUMENTS`, what it logs in `log`."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path, *, ready: str) -> None:
        """It is up once its log holds `ready`."""
        self.log, self._ready, self._frozen = log, ready, False
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLF_", "SLACK_"))}
        with log.open("wb") as file:
            self._popen = subprocess.Popen(
                [sys.executable, *arguments],
                env=kept | {"PYTHONPATH": str(REPOSITORY)} | dict(environment),
                cwd=log.parent,
                stdout=file,
                stderr=file,
                stdin=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._popen.poll()

    @property
    def is_up(self) -> bool:
        return self.code is None and self.tells(self._ready)

    def told(self, text: str) -> int:
        """How often its log holds `text`."""
        return self.log.read_text(errors="replace").count(text)

    def tells(self, text: str) -> bool:
        return self.told(text) > 0

    def found(self, pattern: str) -> str:
        """The first group of the pattern's first match in its log."""
        match = re.search(pattern, self.log.read_text(errors="replace"))
        return match[1] if match else ""

    def suspects(self) -> list[tuple[str, int]]:
        """Of a worker: the jobs it ran alone, and in which delivery."""
        found = re.findall(
            r'^{"job": "(.+?)", "deliveries": (\d+), "event": "suspect', self.log.read_text(), re.MULTILINE
        )
        return [(job, int(count)) for job, count in found]

    def ready(self) -> "Child":
        until(lambda: self.tells(self._ready) or self.code is not None, f"{self.log.stem} being ready", STARTS)
        if self.code is not None:
            raise Stuck(f"{self.log.stem} ended with {self.code} while starting")
        return self

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._popen.kill()
        self._popen.wait(30)

    def ends(self, seconds: float = 30.0) -> int:
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Stuck(f"{self.log.stem}'s end: not within {seconds:g} s") from None

    def stop(self) -> float:
        """SIGTERM; the seconds until it has ended. Raises Stuck unless it ends with 0."""
        started = time.monotonic()
        self._popen.terminate()
        if code := self.ends():
            raise Stuck(f"{self.log.stem} ended with {code} after SIGTERM")
        return time.monotonic() - started

    def freeze(self) -> None:
        self._popen.send_signal(signal.SIGSTOP)
        self._frozen = True

    def wake(self) -> None:
        self._popen.send_signal(signal.SIGCONT)
        self._frozen = False

    def memory(self) -> float:
        """Resident megabytes."""
        return psutil.Process(self.pid).memory_info().rss / 1e6
