"""F22: everything for an hour at eight messages a second, with a fault of the other runs every few seconds."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.chaos.ledger import slowest_percent
from tests.chaos.scene import Row, Scene
from tests.chaos.slack import FAULTS_OF_SLACK
from tests.chaos.stage import JOB_LEASE, Stage, Traffic
from tests.chaos.swap import VERSIONS, operator
from tests.waiting import until
from worker.jobs import StreamName

RATE = 8.0
SLOPE = 1.0  # megabytes an hour
# Until then caches fill, channels get longer than a page of history, and the allocator finds its level: each ten
# minutes bring less than those before. What still grows in the last third grows for ever.
SETTLED = 2 / 3
PARTS = 6
AGAIN_WITHIN = 60.0


class Soak:
    """One worker and one bot live through it all, for their memory's sake; another pair is killed and frozen."""

    def __init__(self, stage: Stage, clf: Callable[..., int]) -> None:
        self.stage, self.clf = stage, clf
        self.steady = [stage.worker(), stage.bot()]
        self.worker, self.bot = stage.worker("--each", "0.03"), stage.bot()
        for child in (*self.steady, self.worker, self.bot):
            child.ready()
        self.played = Counter[str]()
        self.failed: list[str] = []
        self.samples: list[tuple[float, list[float]]] = []

    def faults(self) -> dict[str, Callable[[], None]]:
        return {
            "worker killed": self.kill_worker,
            "bot killed": self.kill_bot,
            "worker frozen": self.freeze_worker,
            "broker killed": self.kill_broker,
            "answer lost": self.lose_answer,
            "connections reset": self.stage.proxy.drop,
            "black hole": self.hold,
            "slow network": self.slow,
            "Slack fails": self.break_slack,
            "socket breaks": self.break_socket,
            "swap": self.swap,
        }

    def kill_worker(self) -> None:
        self.worker.kill()
        self.worker = self.stage.worker("--each", "0.03")

    def kill_bot(self) -> None:
        self.bot.kill()
        self.bot = self.stage.bot()

    def freeze_worker(self) -> None:
        self.worker.freeze()
        time.sleep(1.5 * JOB_LEASE)
        self.worker.wake()

    def kill_broker(self) -> None:
        self.stage.server.kill()
        time.sleep(self.stage.dice.uniform(0, 2))
        self.stage.server.start()

    def lose_answer(self) -> None:
        self.stage.proxy.cut(b"EVALSHA", self.stage.dice.randint(1, 5))
        until(lambda: not self.stage.proxy.armed, "a lost answer", AGAIN_WITHIN)

    def hold(self) -> None:
        self.stage.proxy.hold()
        time.sleep(self.stage.dice.uniform(1, 4))
        self.stage.proxy.heal()

    def slow(self) -> None:
        self.stage.proxy.slow(0.05)
        time.sleep(3)
        self.stage.proxy.heal()

    def break_slack(self) -> None:
        fault = self.stage.dice.choice(list(FAULTS_OF_SLACK.values()))
        self.stage.sandbox.fault(**fault, method="chat.postMessage")

    def break_socket(self) -> None:
        self.stage.sandbox.fault(self.stage.dice.choice(("disconnect", "drop_socket", "close_frame")))

    def swap(self) -> None:
        """Workers that were just killed or frozen may be too late for it: then the old version serves on."""
        served = self.stage.fleet().model().version
        code = self.clf("swap-model", next(one for one in VERSIONS if one != served), "--timeout", "30")
        if code not in (0, 1):
            self.failed.append(f"a swap ended with {code}")

    def go_on(self, seconds: float, every: tuple[float, float]) -> None:
        """Play faults at random, each once before any comes again, for so long."""
        end, waiting = time.monotonic() + seconds, list[str]()
        while time.monotonic() < end:
            if not waiting:
                waiting = sorted(self.faults())
                self.stage.dice.shuffle(waiting)
            name = waiting.pop()
            self.faults()[name]()
            self.played[name] += 1
            time.sleep(self.stage.dice.uniform(*every))
            self.samples.append((time.monotonic(), [child.memory() for child in self.steady]))

    def slopes(self) -> list[float]:
        """Megabytes an hour that the steady worker and bot grew by, once settled."""
        later = self.samples[int(len(self.samples) * SETTLED) :]
        hours = [at / 3600 for at, _ in later]
        return [float(np.polyfit(hours, [sample[one] for _, sample in later], 1)[0]) for one in range(2)]

    def courses(self) -> list[str]:
        """What both took in megabytes, at the beginning and after each sixth."""
        ends = [round(part * (len(self.samples) - 1) / PARTS) for part in range(PARTS + 1)]
        return [", ".join(f"{self.samples[end][1][one]:.1f}" for end in ends) for one in range(2)]


def soak(scene: Scene) -> Row:
    seconds = scene.of(3600, 20)
    row = Row("F22", f"{seconds} s at {RATE:g} messages a second, faults at random", 0, target=30.0)
    with scene.play(row, proxied=True) as stage, operator(stage) as clf:
        playing = Soak(stage, clf)
        until(lambda: stage.fleet().model().gen, "the first commit", 30)
        with Traffic(stage.ledger, RATE):
            playing.go_on(seconds, (1, 2) if scene.quick else (5, 20))
            stage.probe(AGAIN_WITHIN)
        stage.ledger.wait(120)
        row.trials, row.missed = sum(playing.played.values()), row.missed + playing.failed
        slopes, consumers = playing.slopes(), _consumers(stage)
        row.demand(all(child.code is None for child in playing.steady), "a process that nobody killed ended")
        row.demand(scene.quick or max(slopes) < SLOPE, f"memory grows by {max(slopes):.1f} MB an hour")
        started = len(stage.children)
        row.demand(consumers <= started, f"{consumers} consumers of {started} processes")
        played = ", ".join(f"{count} x {name}" for name, count in sorted(playing.played.items()))
        row.note = (
            f"{played}; {consumers} consumers of {started} processes; the time is the slowest 1 % of all messages"
        )
        if not scene.quick:
            courses = playing.courses()
            row.note += (
                f"; megabytes every ten minutes: worker {courses[0]}; bot {courses[1]}; in the last 20 they grow by "
                f"{slopes[0]:+.1f} and {slopes[1]:+.1f} an hour, {SLOPE:g} is allowed"
            )
    row.recovered(slowest_percent(row.counts.delays.values()))
    return row


def _consumers(stage: Stage) -> int:
    """In both groups; one is deleted an hour after it was last heard of."""
    found = 0
    with stage.server.client() as client:
        for name in (StreamName.JOBS, StreamName.RESULTS):
            rows: Any = client.xinfo_consumers(stage.keys.stream(name), name.group)
            found += len(rows)
    return found


FAULTS = (soak,)
