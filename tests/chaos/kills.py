"""F1 to F4: workers and bots that are killed, frozen and restarted while people write."""

import time

from tests.chaos.child import Child
from tests.chaos.ledger import slowest_percent
from tests.chaos.scene import Row, Scene
from tests.chaos.stage import JOB_LEASE, RESULT_LEASE, SETTLE, Stage, Traffic, burst
from tests.waiting import until
from worker.jobs import StreamName

POINTS = ("before begin", "after begin", "after send", "before finish")
RATE = 20.0
# Each text takes as long as a large model needs, or no kill would find a job in hand. By the text and not by the batch:
# what a dead worker leaves is run one by one.
TAKES = ("--each", "0.03")
# Above the lease: how long others may take until they have looked for what is nobody's.
SWEEP = 10.0
# A batch is cut at 64 tokens, that is about ten texts; two are with the model.
MORE_THAN_TWO_BATCHES = 25
PILE, CALM = 100, 5.0
FENCED = ("no longer ours", "leases lost")


def killed_workers(scene: Scene) -> Row:
    kills = scene.of(50, 3)
    row = Row("F1", "a worker of three is killed (SIGKILL)", kills, target=JOB_LEASE + SWEEP)
    caught = 0
    with scene.play(row) as stage:
        workers = stage.several(3, *TAKES)
        stage.bot().ready()
        with Traffic(stage.ledger, RATE):
            for _ in range(kills):
                time.sleep(stage.dice.uniform(1, 2) if scene.quick else stage.dice.uniform(3, 6))
                victim = workers.pop(0).ready()
                until(lambda one=victim: stage.pending(one), "a worker with jobs", 30, every=0.005)
                victim.kill()
                caught += stage.pending(victim) > 0
                workers.append(stage.worker(*TAKES))
                until(lambda: any(worker.is_up for worker in workers), "a worker that is up", 60)
    row.recovered(slowest_percent(row.counts.delays.values()))
    row.note = (
        f"lease {JOB_LEASE:g} s; {caught} of {kills} had jobs in hand; the time is the slowest 1 % of all messages"
    )
    return row


def killed_bots(scene: Scene) -> Row:
    kills = scene.of(50, 3)
    row = Row("F2", "the bot is killed at any moment", kills, target=RESULT_LEASE + SETTLE + SWEEP)
    caught = 0
    with scene.play(row) as stage:
        stage.several(1)
        bot = stage.bot().ready()
        with Traffic(stage.ledger, RATE):
            for _ in range(kills):
                time.sleep(stage.dice.uniform(0.2, 2))
                bot.kill()
                caught += stage.pending(bot, StreamName.RESULTS) > 0
                bot = stage.bot().ready()
        last = time.monotonic()
        stage.ledger.wait(120)
        row.recovered(time.monotonic() - last)
    slowest = max(row.counts.delays.values(), default=0.0)
    row.note = (
        f"lease of results {RESULT_LEASE:g} s; {caught} of {kills} held results; the time is until the last bot had "
        f"answered all that waited; the slowest message waited {slowest:.1f} s, over bots that died before they had "
        "read all channels"
    )
    return row


def bots_killed_at(scene: Scene) -> Row:
    each = scene.of(50, 1)
    row = Row("F2", "the bot is killed " + ", ".join(POINTS), each * len(POINTS), target=RESULT_LEASE + SETTLE + SWEEP)
    with scene.play(row) as stage:
        stage.several(1)
        stage.bot().ready()
        with Traffic(stage.ledger, RATE):
            for point in POINTS * each:
                doomed = stage.bot("--dies", point, "--nth", str(stage.dice.randint(1, 5)))
                doomed.ends(90)
                row.demand(doomed.code == -9, f"a bot ended with {doomed.code} instead of dying {point}")
    row.recovered(max(row.counts.delays.values(), default=0.0))
    row.note = f"another bot goes on; {each} each; the time is the slowest message's"
    return row


def fenced(child: Child) -> int:
    return sum(child.told(words) for words in FENCED)


def frozen_workers(scene: Scene) -> Row:
    trials = scene.of(20, 1)
    row = Row("F3", "a worker is frozen beyond its lease and wakes up", trials, target=JOB_LEASE + SWEEP)
    with scene.play(row) as stage:
        frozen, *_ = stage.several(2, *TAKES)
        stage.bot().ready()
        with Traffic(stage.ledger, RATE):
            for _ in range(trials):
                before = fenced(frozen)
                row.recovered(_freeze_with_work(stage, frozen))
                frozen.wake()
                until(lambda known=before: fenced(frozen) > known, "the fence", 20)
    row.note = f"lease {JOB_LEASE:g} s; each was fenced; the time is until others had its jobs"
    return row


def _freeze_with_work(stage: Stage, worker: Child) -> float:
    """Freeze it while it holds jobs; the seconds until none of those was its own any more."""

    def caught() -> bool:
        worker.freeze()
        if stage.pending(worker):
            return True
        worker.wake()
        return False

    until(caught, "a worker with jobs", 30, every=0.07)
    started = time.monotonic()
    until(lambda: not stage.pending(worker), "others having its jobs", 60)
    return time.monotonic() - started


def restarts(scene: Scene) -> Row:
    trials = scene.of(30, 2)
    row = Row("F4", "rolling restart of three workers (SIGTERM)", trials, target=1.0)
    slowest, returned, all_of_them = 0.0, 0, 0.0
    # Small batches: what is held is more than those being computed, so the leaving worker has something to give back.
    # Workers are frozen for a while so that work piles up, and are not to lose their leases over that.
    small: dict[str, object] = {"token_budget": 64, "lease_seconds": 30}
    with scene.play(row) as stage:
        workers = stage.several(3, *TAKES, **small)
        stage.bot().ready()
        with Traffic(stage.ledger, CALM):
            for _ in range(trials):
                workers.append(stage.worker(*TAKES, **small).ready())
                leaving = workers.pop(0)
                _load(stage, leaving, workers)
                slowest = max(slowest, leaving.stop())
                given_back, first, last = _taken_over(stage, leaving)
                row.recovered(first)
                returned, all_of_them = returned + given_back, max(all_of_them, last)
                until(lambda: stage.left() < PILE / 4, "most of it answered", 120)
        burnt = sum(child.told("suspect runs alone") for child in stage.children)
        row.demand(not burnt, f"{burnt} deliveries counted against a job although they were given back")
        row.demand(slowest <= 20, f"an exit took {slowest:.1f} s, 20 are allowed")
    row.note = (
        f"slowest exit {slowest:.1f} s of 20; the time is until another worker took the first of what the leaving "
        f"one gave back, {returned} jobs in all; all of them were taken after {all_of_them:.1f} s at most"
    )
    return row


def _load(stage: Stage, leaving: Child, others: list[Child]) -> None:
    """Let work pile up, and one worker take more of it than the batches it computes."""
    for child in (leaving, *others):
        child.freeze()
    burst(stage, PILE)
    until(lambda: stage.left() >= PILE - 20, "a pile of work", 60)
    leaving.wake()
    until(lambda: stage.pending(leaving) > MORE_THAN_TWO_BATCHES, "a worker with more than it computes", 60, every=0)
    for child in others:
        child.wake()


def _taken_over(stage: Stage, worker: Child) -> tuple[int, float, float]:
    """How many jobs the ended worker left, and the seconds until others had the first and the last of them."""
    started, left = time.monotonic(), stage.pending(worker)
    until(lambda: stage.pending(worker) < left or not left, "others having one of its jobs", 60, every=0.005)
    first = time.monotonic() - started
    until(lambda: not stage.pending(worker), "others having all its jobs", 60, every=0.02)
    return left, first, time.monotonic() - started


FAULTS = (killed_workers, killed_bots, bots_killed_at, frozen_workers, restarts)
