"""F15, F19 and F21: a text that kills, a disk that is full, and input nobody meant."""

import hashlib
import hmac
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

import httpx
from redis import RedisError

from tests.chaos import fuzz
from tests.chaos.child import Child
from tests.chaos.scene import Row, Scene
from tests.chaos.stage import JOB_LEASE, Stage, Traffic
from tests.sandbox_client import SIGNING_SECRET
from tests.waiting import until
from worker.jobs import StreamName, message_id

RATE = 20.0
# A job's deliveries: one shared with the text that killed, one alone.
MOST_DELIVERIES = 2
# What may still be written before the disk is full.
LITTLE = 4_096
UNDERSTOOD = (200, 400, 401, 403, 404)


@contextmanager
def kept_alive(stage: Stage, number: int, *arguments: str) -> Generator[list[Child]]:
    """So many workers; each that ends is followed by another, as a service manager does it. Yields all there were."""
    workers = stage.several(number, *arguments)
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(0.1):
            for _ in range(number - sum(worker.code is None for worker in workers)):
                workers.append(stage.worker(*arguments))

    thread = threading.Thread(target=keep, name="keeper")
    thread.start()
    try:
        yield workers
    finally:
        stop.set()
        thread.join()


def killing_text(scene: Scene) -> Row:
    others = scene.of(499, 19)
    row = Row("F15", f"a text that kills the worker, among {others} others", scene.of(5, 1), target=180.0)
    killed, most = 0, 0
    with scene.play(row) as stage:
        with kept_alive(stage, 2, "--killable", "--each", "0.02") as workers:
            stage.bot().ready()
            for number in range(1, row.trials + 1):
                started = time.monotonic()
                dead = _among_others(stage, others)
                until(lambda known=number: len(stage.dead()) == known, "the dead letter", 120)
                stage.ledger.wait(120)
                row.recovered(time.monotonic() - started)
                letter = stage.dead()[-1]
                row.demand(letter["reason"] == "delivered too often", f"a dead letter says {letter['reason']!r}")
                row.demand(f'"{dead}"' in letter["data"], "another text than the killing one is dead")
            killed = sum(worker.code == -9 for worker in workers)
            most = max((_deliveries(worker, stage) for worker in workers), default=0)
        row.demand(most <= MOST_DELIVERIES, f"a neighbour was delivered {most} times, {MOST_DELIVERIES} are allowed")
    row.note = (
        f"lease {JOB_LEASE:g} s; {killed} workers killed by {row.trials} such texts; neighbours had {max(most, 1)} "
        "deliveries at most; the time is until the dead letter stands and all others are answered"
    )
    return row


def _among_others(stage: Stage, others: int) -> str:
    """Post the killing text in the middle; its job's id."""
    for _ in range(others // 2):
        stage.ledger.post()
    room, ts = stage.ledger.post("this kills the build")
    stage.ledger.expect_silence(ts)
    for _ in range(others - others // 2):
        stage.ledger.post()
    return message_id("T0SANDBOX", room, ts)


def _deliveries(worker: Child, stage: Stage) -> int:
    """The most deliveries of a job that this worker ran alone and that is not dead."""
    dead = "".join(letter["data"] for letter in stage.dead())
    return max((count for job, count in worker.suspects() if job not in dead), default=0)


def full_disk(scene: Scene) -> Row:
    row = Row("F19", "the broker's disk is full", scene.of(10, 1), target=10.0)
    with scene.play(row, fsync="everysec") as stage:
        workers, bot = stage.several(2), stage.bot().ready()
        with Traffic(stage.ledger, RATE):
            for _ in range(row.trials):
                stage.probe()
                stage.server.fill_disk(left=LITTLE)
                until(lambda: not _takes_writes(stage), "a broker that takes no more writes", 30)
                time.sleep(stage.dice.uniform(1, 4))
                row.demand(not _takes_writes(stage), "the disk was not full for long enough to mean anything")
                stage.server.empty_disk()
                until(lambda: _takes_writes(stage), "a broker that takes writes again", 30)
                row.recovered(stage.probe())
        row.demand(all(one.is_up for one in (*workers, bot)), "a worker or the bot ended")
        row.demand(stage.server.running, "the broker ended")
    row.note = (
        "the broker's file may not grow (RLIMIT_FSIZE), AOF everysec; the time is from the first write it takes to the "
        "answer to a new message; disks full of logs or training output are not played"
    )
    return row


def _takes_writes(stage: Stage) -> bool:
    try:
        with stage.server.client() as client:
            return bool(client.set("chaos:writes", "x" * 100))
    except RedisError:
        return False


def nonsense(scene: Scene) -> Row:
    """Entries of both streams and signed events, each a damaged one of the real kind."""
    number = scene.of(10_000, 200)
    row = Row("F21", "nonsense in streams and events", number)
    dead, answers = 0, dict[int, int]()
    with scene.play(row) as stage:
        worker, bot = stage.several(1)[0], stage.http_bot().ready()
        port = bot.found(r'"port": (\d+)')
        with stage.server.client() as client, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            for _ in range(number // 4):
                for _ in range(2):
                    client.xadd(stage.keys.stream(StreamName.JOBS), fuzz.job(stage.dice))
                client.xadd(stage.keys.stream(StreamName.RESULTS), fuzz.result(stage.dice))
                code = _signed(http, fuzz.event(stage.dice))
                answers[code] = answers.get(code, 0) + 1
        until(lambda: not stage.left(), "empty streams", scene.of(900, 90), every=0.5)
        dead = len(stage.dead())
        row.demand(worker.is_up and bot.is_up, "a process ended")
        row.demand(set(answers) <= set(UNDERSTOOD), f"events were answered with {sorted(answers)}")
        row.demand(not worker.tells("a part of the worker crashed"), "a part of the worker crashed")
        row.demand(not bot.tells("reply failed"), "a reply failed for a reason nobody foresaw")
        stage.bot().ready()  # a socket, through which a person's message comes
        stage.probe()
    row.note = (
        f"half of them jobs, a quarter results, a quarter events; {dead} dead letters, both streams empty; events were "
        f"answered {', '.join(f'{count} x {code}' for code, count in sorted(answers.items()))}"
    )
    return row


def _signed(http: httpx.Client, body: bytes) -> int:
    """As Slack signs it; the status of the answer."""
    now = str(int(time.time()))
    mark = hmac.new(SIGNING_SECRET.encode(), f"v0:{now}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": f"v0={mark}",
    }
    return http.post("/slack/events", content=body, headers=headers).status_code


FAULTS = (killing_text, full_disk, nonsense)
