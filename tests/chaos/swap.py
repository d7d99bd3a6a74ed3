"""F16 and F17: versions swapped under load, operators that die or compete, versions that are bad."""

import io
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path

import numpy as np
import safetensors.numpy

from clfadmin.cli import run as clfadmin
from clfadmin.swapping import State, Swap
from tests.chaos.child import Child
from tests.chaos.ledger import slowest_percent
from tests.chaos.scene import QUICK_PATIENCE, Row, Scene
from tests.chaos.stage import Stage, Traffic
from tests.clfadmin.damage import flip_a_byte, nudge_the_bias, rename_labels, sign_again, swap_two_labels, truncate
from tests.waiting import until
from worker.fleet import CANDIDATE_TTL

RATE = 20.0
VERSIONS = ("tiny-b", "tiny")
REFUSED, CONFLICT = 3, 1
TWICE_AS_SLOW = 2.0
# Below this a message's delay is the machine's mood, not the swap's: the slowest of a hundred is not judged.
NOTICEABLE = 0.5
GROWTH = 0.10


@contextmanager
def operator(stage: Stage) -> Generator[Callable[..., int]]:
    """`operator("swap-model", "tiny-b")` runs a command in this process; its exit code. Its words go nowhere."""
    ours = {"CLF_HOME": str(stage.home), "CLF_REDIS_URL": stage.server.url}
    before = {name: os.environ.get(name) for name in ours}
    os.environ |= ours

    def run(*arguments: str) -> int:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return clfadmin(list(arguments))

    try:
        yield run
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def swaps_under_load(scene: Scene) -> Row:
    swaps = scene.of(200, 6)
    row = Row("F16", "swaps in a row under load, two workers", swaps)
    failed, growth, seconds = 0, 0.0, [0.0]
    swapping, calm = list[str](), list[str]()  # the messages of both phases
    with scene.play(row) as stage, operator(stage) as clf:
        workers = stage.several(2)
        stage.bot().ready()
        first: list[float] = []
        with Traffic(stage.ledger, RATE) as traffic:
            for number in range(swaps):
                started = time.monotonic()
                failed += clf("swap-model", VERSIONS[number % 2]) != 0
                seconds.append(time.monotonic() - started)
                if number == max(swaps // 10, 2) - 1:
                    first = [worker.memory() for worker in workers]
            swapping = traffic.posted
        last = [worker.memory() for worker in workers]
        with Traffic(stage.ledger, RATE) as traffic:
            time.sleep(sum(seconds))
            calm = traffic.posted
        stage.ledger.wait(60)
        growth = max(after / before for after, before in zip(last, first, strict=True)) - 1
        row.demand(not failed, f"{failed} swaps failed")
        row.demand(growth <= GROWTH, f"a worker grew by {growth:.0%} since the first tenth of the swaps")
    with_swaps, without = (
        slowest_percent(row.counts.delays.get(ts, 0.0) for ts in posted) for posted in (swapping, calm)
    )
    most = TWICE_AS_SLOW * max(without, NOTICEABLE) * (QUICK_PATIENCE if scene.quick else 1)
    if with_swaps > most:
        row.late.append(f"slowest 1 % of messages {with_swaps:.2f} s during swaps, {without:.2f} s without")
    row.note = (
        f"slowest 1 % of messages {with_swaps:.2f} s during swaps, {without:.2f} s without; a swap took "
        f"{max(seconds):.1f} s at most; worker memory {growth:+.1%} since the first tenth"
    )
    return row


def operators_in_trouble(scene: Scene) -> Row:
    """One is killed half way, which blocks nobody for longer than a proposal lives; of two at once one wins."""
    row = Row("F16", "operator killed half way; two operators at once", scene.of(10, 1))
    with scene.play(row) as stage, operator(stage) as clf:
        stage.several(2)
        stage.bot().ready()
        fleet = stage.fleet()
        until(lambda: fleet.model().gen and len(fleet.workers()) == 2, "the first commit", 30)
        with Traffic(stage.ledger, RATE):
            for number in range(row.trials):
                _two_at_once(stage, row, VERSIONS[number % 2])
            served = fleet.model().version
            other = next(one for one in VERSIONS if one != served)
            _kill_half_way(stage, other)
            row.demand(fleet.model().version == served, "a swap that was killed half way went through")
            row.demand(clf("swap-model", other) == CONFLICT, "a second swap passed a living proposal")
            if scene.quick:  # five minutes are for the full run: here the proposal is taken back in its owner's name
                model = fleet.model()
                row.demand(fleet.abort(gen=model.gen, by=model.next_by), "the proposal could not be taken back")
            started = time.monotonic()
            ttl = CANDIDATE_TTL.total_seconds()
            until(lambda: clf("swap-model", other) == 0, "a swap after the dead one's", ttl + 60, every=1)
            row.recovered(time.monotonic() - started)
            row.target = ttl + 10
    row.note = "the time is until a swap went through after one whose operator was killed; a proposal lives 300 s" + (
        ", here it was taken back at once" if scene.quick else ""
    )
    return row


def _two_at_once(stage: Stage, row: Row, version: str) -> None:
    swaps = [Swap(stage.fleet(), timeout=timedelta(seconds=60), watch=lambda _: None) for _ in range(2)]
    sha256 = {name: _sha256(stage, name) for name in VERSIONS}
    ended: list[State] = []
    threads = [
        threading.Thread(target=lambda one=one: ended.append(one.to(version, sha256[version]).state)) for one in swaps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row.demand(sorted(ended) == [State.ACTIVE, State.CONFLICT], f"two operators ended as {', '.join(ended)}")


def _sha256(stage: Stage, name: str) -> str:
    from classifier.registry import Registry
    from worker.loading import fingerprint

    return fingerprint(Registry(stage.home).get(name))


def _kill_half_way(stage: Stage, version: str) -> None:
    """A command as a process, killed while its proposal is on the table; a frozen worker keeps it there."""
    frozen = next(child for child in stage.children if child.log.stem.startswith("worker"))
    frozen.freeze()
    fleet = stage.fleet()
    settings = {"CLF_HOME": str(stage.home), "CLF_REDIS_URL": stage.server.url}
    command = Child(["-m", "clfadmin", "swap-model", version], settings, stage.folder / "operator.log", ready="\n")
    try:
        until(lambda: fleet.model().next_version, "the proposal", 60)
    finally:
        command.kill()
        frozen.wake()
    until(lambda: len(fleet.workers()) == 2, "the frozen worker beating again", 30)


def not_a_number(folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / "weights.safetensors")
    tensors["head.0.bias"][:] = np.nan
    safetensors.numpy.save_file(tensors, folder / "weights.safetensors")
    sign_again(folder, "weights.safetensors")


def wrong_shape(folder: Path) -> None:
    tensors = safetensors.numpy.load_file(folder / "weights.safetensors")
    tensors["head.0.bias"] = np.zeros(tensors["head.0.bias"].size + 1, np.float32)
    safetensors.numpy.save_file(tensors, folder / "weights.safetensors")
    sign_again(folder, "weights.safetensors")


DAMAGES = (flip_a_byte, not_a_number, wrong_shape, truncate, rename_labels, swap_two_labels, nudge_the_bias)


def bad_versions(scene: Scene) -> Row:
    trials = scene.of(50, 3)
    row = Row("F17", "damaged files, weights that are no numbers, wrong shapes", trials)
    with scene.play(row) as stage, operator(stage) as clf:
        stage.several(1)
        stage.bot().ready()
        fleet = stage.fleet()
        until(lambda: fleet.model().gen, "the first commit", 30)
        gen, names = fleet.model().gen, list[str]()
        with Traffic(stage.ledger, RATE / 2):
            for number in range(trials):
                damage = DAMAGES[number % len(DAMAGES)]
                names.append(damage.__name__)
                folder = shutil.copytree(stage.home / "models" / "tiny-b", stage.home / "models" / f"bad-{number}")
                damage(folder)
                code = clf("swap-model", f"bad-{number}")
                row.demand(code == REFUSED, f"{damage.__name__}: exit code {code} instead of {REFUSED}")
            stage.probe()
        row.demand(fleet.model().gen == gen, "a bad version was committed")
    row.note = f"refused with exit code 3: {', '.join(dict.fromkeys(names))}"
    return row


def fails_live(scene: Scene) -> Row:
    trials = scene.of(10, 1)
    row = Row("F17", "a version that passes every check and fails on live texts", trials, target=10.0)
    with scene.play(row) as stage, operator(stage) as clf:
        worker = stage.several(1, "--fails", "sham")[0]
        stage.bot().ready()
        fleet = stage.fleet()
        until(lambda: fleet.model().gen, "the first commit", 30)
        with Traffic(stage.ledger, RATE):
            for number in range(trials):
                name = f"sham-{number}"
                shutil.copytree(stage.home / "models" / "tiny-b", stage.home / "models" / name)
                started = time.monotonic()
                clf("swap-model", name, "--timeout", "20")
                until(lambda name=name: fleet.model().rolled_back_from == name, "the rollback", 60)
                row.recovered(time.monotonic() - started)
        row.demand(worker.told('"rolled back"') == trials, "not every one was rolled back by the worker")
        row.demand(not stage.dead(), f"{len(stage.dead())} dead letters")
    row.note = "the time is from the command to the rollback; each text it failed on was answered by the version before"
    return row


FAULTS = (swaps_under_load, operators_in_trouble, bad_versions, fails_live)
