"""Keeps a few processes running: starts them again when they die, gives up on one that will not live, stops them all.

One thread, no callbacks: whoever owns a Supervisor calls `tick` several times a second.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from classifier.errors import ClassifierError
from clfadmin import child_log, leftovers
from clfadmin.child_log import ChildLog

TICK = timedelta(seconds=0.1)
FIRST_DELAY = timedelta(seconds=0.5)
LONGEST_DELAY = timedelta(seconds=30)
# Whoever lived this long was well: what killed it is news.
HEALTHY = timedelta(minutes=1)
MOST_DEATHS = 10
# A child that never worked and says the same each time (a wrong token, a wrong password) waits for a person.
SAME_WORDS = 3
# Each check opens a connection; nobody waits for a tenth of a second.
CHECK_EVERY = timedelta(seconds=0.25)
BOUND_EVERY = timedelta(seconds=10)
# After SIGKILL only the kernel is left to wait for.
KILL_PATIENCE = timedelta(seconds=5)

# A person who pressed Ctrl-C twice does not want to wait; what is unfinished comes back with its lease.
HURRIED = timedelta(seconds=2)

Say = Callable[[str], None]


class GaveUp(ClassifierError):
    """A child died too often, or said that starting it again is no use."""


@dataclass(frozen=True)
class Deaths:
    """How often one child died in a row, that is, without a healthy minute between."""

    in_a_row: int = 0

    def after(self, lived: timedelta) -> "Deaths":
        return Deaths(1) if lived >= HEALTHY else Deaths(self.in_a_row + 1)

    @property
    def delay(self) -> timedelta:
        """How long to wait before the next start: 0.5 s, doubling to 30 s."""
        return min(FIRST_DELAY * 2 ** max(self.in_a_row - 1, 0), LONGEST_DELAY)

    @property
    def hopeless(self) -> bool:
        return self.in_a_row >= MOST_DEATHS


@dataclass(frozen=True)
class Spec:
    """A process to keep running: `python -m MODULE ARGUMENTS`.

    `ready` tells from its pid whether it does its work yet. `until_eof` processes end when the pipe at their standard
    input does; all others get SIGTERM. `patience` is what it may take to end before it is killed.
    """

    name: str
    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    ready: Callable[[int], bool]
    patience: timedelta
    until_eof: bool = False


class Child:
    """One process of a Spec, and its successors. `run` is the folder where it is recorded while it lives."""

    def __init__(self, spec: Spec, log: ChildLog, run: Path, say: Say) -> None:
        self.spec = spec
        self.log = log
        self.ready = False
        self.deaths = Deaths()
        self._run = run
        self._say = say
        self._was_ready = False
        self._words, self._same_words = "", 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._check_at = self._start_at = 0.0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        spec = self.spec
        plain = [sys.executable, "-m", spec.module, *spec.arguments]
        tied = [sys.executable, "-m", "clfadmin.tied", str(os.getpid()), spec.module, *spec.arguments]
        with self.log.open() as file:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules
                plain if spec.until_eof else tied,
                env=dict(spec.environment),
                stdin=subprocess.PIPE if spec.until_eof else subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # Ctrl-C and the closing of the terminal must reach us alone: we know the order.
                start_new_session=True,
            )
        leftovers.record(self._run, spec.name, pid=self._process.pid, module=spec.module)
        self._started = time.monotonic()
        self.ready = False

    def tick(self) -> None:
        """Pass its warnings on, note that it became ready, start it again when it is time. Raises GaveUp."""
        self.relay()
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self.start()
        elif self._process.poll() is not None:
            self._bury(self._process.returncode)
        elif not self.ready and time.monotonic() >= self._check_at:
            self._check_at = time.monotonic() + CHECK_EVERY.total_seconds()
            self.ready = self.spec.ready(self._process.pid)
            self._was_ready |= self.ready
            if self.ready and self.deaths.in_a_row:
                self._say(f"{self.spec.name} is back")

    def ask_to_stop(self) -> None:
        if self._process is None or not self.alive:
            return
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        else:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(KILL_PATIENCE.total_seconds())

    def let_go(self) -> None:
        """It has ended and is not to be started again."""
        self._forget()

    def _bury(self, code: int) -> None:
        lived = timedelta(seconds=time.monotonic() - self._started)
        self.deaths = self.deaths.after(lived)
        self.relay()
        self._forget()
        words = child_log.shown(self.log.last[-1]) if self.log.last else "It said nothing."
        self._same_words = self._same_words + 1 if words == self._words else 1
        self._words = words
        if self.deaths.hopeless:
            raise GaveUp(
                f"{self.spec.name} ended {MOST_DEATHS} times in a row ({_reason(code)}). All it said: {self.log.path}"
            )
        if not self._was_ready and self._same_words >= SAME_WORDS:
            raise GaveUp(f"{self.spec.name} cannot start: {words}")
        delay = self.deaths.delay.total_seconds()
        self._start_at = time.monotonic() + delay
        # Killed, its last line tells nothing.
        because = f": {words}" if code > 0 else ""
        self._say(f"{self.spec.name} ended ({_reason(code)}), starting it again in {delay:g} s{because}")

    def _forget(self) -> None:
        if self._process and self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process = None
        self.ready = False
        self.relay()
        leftovers.forget(self._run, self.spec.name)

    def relay(self) -> None:
        """Show what it warned of."""
        for line in self.log.new_lines():
            if loud := child_log.warning(line):
                self._say(f"{self.spec.name}: {loud}")


class Supervisor:
    """All children. `hurried` tells while they end that nobody wants to wait any longer."""

    def __init__(self, folder: Path, *, say: Say, hurried: Callable[[], bool] = lambda: False) -> None:
        self._logs = folder / "logs"
        self._run = folder / "run"
        self._say = say
        self._bound_at = 0.0
        self.hurried = hurried
        self.children: list[Child] = []

    def add(self, spec: Spec) -> Child:
        """Start it."""
        child = Child(spec, ChildLog(self._logs / f"{spec.name}.log"), self._run, self._say)
        self.children.append(child)
        child.start()
        return child

    def tick(self) -> None:
        """Raises GaveUp."""
        for child in self.children:
            child.tick()
        if time.monotonic() >= self._bound_at:
            self._bound_at = time.monotonic() + BOUND_EVERY.total_seconds()
            for child in self.children:
                child.log.bound()

    def named(self, *names: str) -> list[Child]:
        """The children of these names; of workers, all."""
        return [child for child in self.children if child.spec.name.rstrip("-0123456789") in names]

    def relay(self) -> None:
        for child in self.children:
            child.relay()

    def stop(self, *names: str) -> None:
        """Stop the children of these names together; one that takes longer than its patience is killed."""
        started = time.monotonic()
        for child in self.named(*names):
            child.ask_to_stop()
        for child in self.named(*names):
            while child.alive and time.monotonic() < self._deadline(child, started):
                child.relay()
                time.sleep(0.02)
            if child.alive:
                self._say(f"{child.spec.name} did not end in {time.monotonic() - started:.0f} s, killed")
                child.kill()
            child.let_go()

    def _deadline(self, child: Child, started: float) -> float:
        patience = min(child.spec.patience, HURRIED) if self.hurried() else child.spec.patience
        return started + patience.total_seconds()


def numbered(spec: Spec, count: int) -> list[Spec]:
    """`count` of the same, the first without a number: worker, worker-2, worker-3."""
    return [spec] + [replace(spec, name=f"{spec.name}-{number}") for number in range(2, count + 1)]


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
