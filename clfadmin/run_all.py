"""One run of `clfadmin up`: start in order, say when ready, watch until a signal, drain and stop in order."""

import json
import os
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from classifier.errors import ClassifierError
from clfadmin import console, leftovers, lock
from clfadmin.bot_facts import invitation
from clfadmin.plan import Plan
from clfadmin.supervise import TICK, Child, GaveUp, Spec, Supervisor
from worker.fleet import QueueStats

# A start that takes longer than this deserves a word: people wonder by then.
PATIENCE_BETWEEN_WORDS = timedelta(seconds=15)
# What is waiting at Ctrl-C is answered if that takes no longer; the rest stays in the queue, on disk.
DRAIN = timedelta(seconds=10)
# For what a worker handed on when it stopped.
LAST_POSTS = timedelta(seconds=3)
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AlreadyRunning(ClassifierError):
    """Another `clfadmin up` serves this home."""


class Stop:
    """Counts the signals that ask us to stop."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *_: object) -> None:
        self.count += 1

    @property
    def asked(self) -> bool:
        return self.count > 0

    def hurried(self) -> bool:
        return self.count > 1


@contextmanager
def only_one(home: Path) -> Generator[None]:
    """One `up` a home. Raises AlreadyRunning. Ends what an earlier one, killed, may have left behind."""
    with lock.held(home / "run" / "up.lock") as ours:
        if not ours:
            raise AlreadyRunning(f"`clfadmin up` runs already for {home}{_where(home)}. Use it, or another --home.")
        for module in leftovers.end_all(home / "run"):
            console.note(f"ended a left-over process: {module}")
        try:
            yield
        finally:
            _note(home).unlink(missing_ok=True)


def run(plan: Plan, *, browser: bool) -> None:
    """Until SIGINT, SIGTERM or SIGHUP. Raises GaveUp when a child will not live.

    Raises QueueError when the Redis given is of no use: then nothing is started.
    """
    if not plan.broker:
        plan.beats.check()
    about = {"pid": os.getpid(), "page": plan.page, "sandbox": plan.sandbox is not None}
    _note(plan.home).write_text(json.dumps(about))
    stop = Stop()
    # SIGHUP ignored is the wish of nohup. SIGINT ignored is only what a shell does to every background job: who sends
    # it all the same means it.
    numbers = [
        number for number in STOPPING if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = [signal.signal(number, stop) for number in numbers]
    supervisor = Supervisor(plan.home, say=console.note, hurried=stop.hurried)
    try:
        if _start(plan, supervisor, stop):
            (bot,) = supervisor.named("bot")
            beat = plan.beats.bot(bot.pid) if bot.pid else None
            _announce(plan, beat.bot_name if beat else None, browser=browser)
        while not stop.asked:
            supervisor.tick()
            time.sleep(TICK.total_seconds())
    except GaveUp:
        _show_last_words(supervisor)
        raise
    finally:
        _stop(plan, supervisor, stop)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _start(plan: Plan, supervisor: Supervisor, stop: Stop) -> bool:
    """Start everything and wait until it is ready; False when asked to stop meanwhile."""
    if plan.broker:
        console.note("starting the broker")
        if not _wait_ready(supervisor, [supervisor.add(plan.broker)], stop):
            return False
    if not (plan.home / "models" / "ACTIVE").exists():
        console.note("installing the starter version: first start of this home only")
    console.note(f"starting {_count(plan.workers)}, which loads the model")
    children = [supervisor.add(spec) for spec in plan.workers]
    if plan.sandbox:
        console.note(f"starting the local Slack on port {plan.port}")
        if not _wait_ready(supervisor, [supervisor.add(plan.sandbox)], stop):
            return False
    console.note("starting the bot")
    return _wait_ready(supervisor, [*children, supervisor.add(plan.bot)], stop)


def _wait_ready(supervisor: Supervisor, children: Sequence[Child], stop: Stop) -> bool:
    word_at = time.monotonic() + PATIENCE_BETWEEN_WORDS.total_seconds()
    while not stop.asked:
        supervisor.tick()
        waiting = [child for child in children if not child.ready]
        if not waiting:
            return True
        if time.monotonic() >= word_at:
            word_at += PATIENCE_BETWEEN_WORDS.total_seconds()
            console.note(f"still waiting for {', '.join(f'{c.spec.name} ({c.log.path})' for c in waiting)}")
        time.sleep(TICK.total_seconds())
    return False


def _announce(plan: Plan, name: str | None, *, browser: bool) -> None:
    console.say(f"ready: {plan.page}")
    if plan.sandbox:
        console.note("Open it and write in #general. A second terminal: clfadmin status. Ctrl-C stops everything.")
    else:
        console.note(f"That page shows the bot's state. {invitation(name)}. Ctrl-C stops everything.")
    if browser:
        open_page(plan.page)


def open_page(page: str) -> None:
    """Show the page where there is a desktop: elsewhere a text browser might be found, and take this terminal over."""
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        # Some browsers are waited for until they are closed.
        threading.Thread(target=webbrowser.open, args=[page], daemon=True).start()


def _stop(plan: Plan, supervisor: Supervisor, stop: Stop) -> None:
    """What is waiting is finished while all still run; then workers, bot, sandbox, and the broker last."""
    if not supervisor.children:
        return
    console.note("stopping, once more Ctrl-C to hurry" if stop.asked else "stopping")
    everything = all(child.ready for child in supervisor.children)
    if everything and _drain(plan, supervisor, stop, _unfinished, within=DRAIN):
        supervisor.stop("worker", "bot")
    else:
        supervisor.stop("worker")
        if all(child.ready for child in supervisor.named("bot")):
            _drain(plan, supervisor, stop, _unposted, within=LAST_POSTS)
        supervisor.stop("bot")
    supervisor.stop("sandbox")
    supervisor.stop("broker")
    console.note("stopped")


def _drain(
    plan: Plan, supervisor: Supervisor, stop: Stop, count: Callable[[QueueStats], int], *, within: timedelta
) -> bool:
    """Wait while there is something left; True when nothing is."""
    end, said = time.monotonic() + within.total_seconds(), False
    while time.monotonic() < end and not stop.hurried():
        stats = plan.beats.stats()
        left = count(stats) if stats else 0
        if not left:
            return True
        if not said:
            console.note(f"finishing {left} messages, or what can be done in {within.total_seconds():g} s")
            said = True
        supervisor.relay()
        time.sleep(TICK.total_seconds())
    return False


def _unfinished(stats: QueueStats) -> int:
    return stats.waiting + stats.leased + stats.results


def _unposted(stats: QueueStats) -> int:
    return stats.results


def _show_last_words(supervisor: Supervisor) -> None:
    for child in supervisor.children:
        if not child.alive:
            for line in child.log.last:
                console.note(f"{child.spec.name}: {line}")


def _count(workers: Sequence[Spec]) -> str:
    return "1 worker" if len(workers) == 1 else f"{len(workers)} workers"


def running_page(home: Path) -> str | None:
    """The address of the local Slack that an `up` of this home runs."""
    known = _noted(home)
    return known["page"] if known.get("sandbox") else None


def _where(home: Path) -> str:
    known = _noted(home)
    return f" (pid {known['pid']}, {known['page']})" if known else ""


def _note(home: Path) -> Path:
    """Where a running `up` tells of itself."""
    return home / "run" / "up"


def _noted(home: Path) -> dict[str, Any]:
    """What it tells; empty where none runs, or it is only just starting."""
    try:
        known: object = json.loads(_note(home).read_text())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", known) if isinstance(known, dict) else {}
