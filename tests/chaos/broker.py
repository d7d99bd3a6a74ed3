"""F5 to F9: a broker that is killed, away, cut off, silent, or replaced by its replica."""

import time
from contextlib import closing, suppress
from importlib import resources

from tests.chaos.fuzz import to_nowhere
from tests.chaos.scene import QUICK_PATIENCE, Row, Scene
from tests.chaos.stage import SPEED, Stage, Traffic
from tests.waiting import Stuck, until
from worker.connection import QueueError
from worker.stream import enqueuer

RATE = 20.0
# For long faults: what people write meanwhile must not take longer to answer than what is being measured.
CALM = 5.0
RESUMES, HEALS, LISTENS = 10.0, 15.0, 2.5
SCRIPTS = ("enqueue", "finish", "renew", "release", "begin")
# Busy workers renew and hold; the first two scripts would be cut without them as well.
TAKES = ("--takes", "0.3")
# An answer that hands entries over, and not the one that says there are none.
WITH_ENTRIES = 100


def kills_always(scene: Scene) -> Row:
    return _kills(scene, "always", scene.of(20, 2))


def kills_everysec(scene: Scene) -> Row:
    return _kills(scene, "everysec", scene.of(20, 0))


def _kills(scene: Scene, fsync: str, kills: int) -> Row:
    row = Row("F5", f"the broker is killed and started on its data, AOF {fsync}", kills, target=RESUMES)
    if not kills:
        row.skipped = "in small"
        return row
    with scene.play(row, fsync=fsync) as stage:
        workers, bot = stage.several(2), stage.bot().ready()
        with Traffic(stage.ledger, RATE):
            for _ in range(kills):
                time.sleep(stage.dice.uniform(0.5, 2))
                stage.server.kill()
                time.sleep(stage.dice.uniform(0, 1))
                stage.server.start()
                row.recovered(stage.probe())
        row.demand(all(one.is_up for one in (*workers, bot)), "a worker or the bot ended")
    row.note = "no process was restarted; the time is from the broker's start to the answer to a new message"
    if fsync == "everysec":
        row.note += "; a killed process loses nothing that it handed to the system: a power cut is not played here"
    return row


def away(scene: Scene) -> Row:
    seconds = scene.of(600, 5)
    row = Row("F6", f"the broker is away for {seconds} s while people write", 1, target=RESUMES)
    written, took = 0, 0.0
    with scene.play(row, settles=600) as stage:
        stage.several(2)
        stage.bot().ready()
        stage.probe()
        stage.ledger.wait(30)
        until(lambda: not stage.left(), "an empty queue", 30)
        stage.sandbox.clock(1)  # Slack's own pace: what it gives up after six minutes comes through history
        stage.server.kill()
        with Traffic(stage.ledger, CALM if not scene.quick else RATE) as traffic:
            time.sleep(0.2)
            before = stage.sandbox.counts().get("acked", 0)
            time.sleep(seconds)
            after = stage.sandbox.counts().get("acked", 0)
            written = len(traffic.posted)
        stage.server.start()
        stage.sandbox.clock(SPEED)
        started = time.monotonic()
        row.recovered(stage.probe())
        stage.ledger.wait(600)
        took = time.monotonic() - started
        row.demand(after == before, f"{after - before} events were acknowledged although nothing took them")
    row.note = (
        f"{written} messages meanwhile, none acknowledged, all answered {took:.1f} s after its start; the time "
        "is until a new message was answered"
    )
    return row


def lost_answers(scene: Scene) -> Row:
    each = scene.of(100, 3)
    row = Row("F7", f"connection cut after the request, before the answer: {', '.join(SCRIPTS)}", each * len(SCRIPTS))
    with scene.play(row, proxied=True) as stage:
        stage.several(2, *TAKES)
        stage.bot().ready()
        words = {name: _sha1(stage, name) for name in SCRIPTS}
        with Traffic(stage.ledger, RATE):
            for _ in range(each):
                for name in SCRIPTS:
                    if name == "release":
                        _cut_release(stage, words[name])
                    else:
                        _cut(stage, words[name])
        row.demand(stage.proxy.made >= each * (len(SCRIPTS) + 1), f"only {stage.proxy.made} answers were lost")
    row.note = f"{each} each; for release also {each} answers to reads, whose entries are then given back"
    return row


def _sha1(stage: Stage, name: str) -> bytes:
    """How a client names the script."""
    text = (resources.files("worker") / "scripts" / f"{name}.lua").read_text()
    with stage.server.client() as client:
        return str(client.register_script(text).sha).encode()


def _cut(stage: Stage, word: bytes, *, least: int = 0, within: float = 60) -> None:
    stage.proxy.cut(word, 1, least=least)
    until(lambda: not stage.proxy.armed, "a lost answer", within, every=0.01)


def _cut_release(stage: Stage, release: bytes) -> None:
    """Whoever did not see what it was handed gives it back. That may be done before we look for it: then once more."""
    for left in range(9, -1, -1):
        _cut(stage, b"XREADGROUP", least=WITH_ENTRIES)
        try:
            _cut(stage, release, within=5)
        except Stuck:
            if not left:
                raise
        else:
            return


def black_hole(scene: Scene) -> Row:
    seconds = scene.of(60, 5)
    row = Row("F8", f"not a byte to or from the broker for {seconds} s, no reset", scene.of(5, 1), target=HEALS)
    longest = 0.0
    with scene.play(row, proxied=True) as stage:
        stage.several(2)
        stage.bot().ready()
        with Traffic(stage.ledger, CALM if not scene.quick else RATE):
            for _ in range(row.trials):
                stage.probe()
                stage.proxy.hold()
                longest = max(longest, _gives_up(stage))
                time.sleep(seconds)
                stage.proxy.heal()
                row.recovered(stage.probe())
    if longest > LISTENS * (QUICK_PATIENCE if scene.quick else 1):
        row.late.append(f"a listener waited {longest:.1f} s, {LISTENS:g} are allowed")
    row.note = (
        "what was held is delivered late, as a network does; the time is until a new message was answered. A listener "
        f"gave up after {longest:.1f} s of {LISTENS:g}; {CALM:g} messages a second"
    )
    return row


def _gives_up(stage: Stage) -> float:
    """Seconds until a job is handed over or given up, with a listener's patience."""
    started = time.monotonic()
    with closing(enqueuer(stage.url, keys=stage.keys)) as queue, suppress(QueueError):
        queue.enqueue(to_nowhere(stage.dice), limit=100_000, advance=False)
    return time.monotonic() - started


def failover(scene: Scene) -> Row:
    trials = scene.of(10, 0)
    row = Row("F9", "primary killed, three sentinels make the replica the primary", trials, target=30.0)
    if not trials:
        row.skipped = "in small"
        return row
    parts = [_one_failover(scene) for _ in range(trials)]
    for part in parts:
        row.messages += part.messages
        row.lost += part.lost
        row.duplicates += part.duplicates
        row.missed += part.missed
        row.busy = max(row.busy, part.busy)
        row.took += part.took
        row.recovered(part.seconds or 0.0)
    row.note = "each trial with servers of its own; the time is from the kill to the answer to a new message"
    return row


def _one_failover(scene: Scene) -> Row:
    from tests.worker.test_sentinel import Party

    row = Row("F9", "one failover", 1)
    folder = scene.folder / f"party-{scene.number}"
    folder.mkdir(parents=True)
    party = Party(folder)
    try:
        with scene.play(row, url=party.url) as stage:
            stage.several(2)
            stage.bot().ready()
            with Traffic(stage.ledger, RATE):
                stage.probe()
                started = time.monotonic()
                party.servers.kill(party.primary)
                stage.probe(120)
                row.recovered(time.monotonic() - started)
    finally:
        party.servers.close()
    return row


FAULTS = (kills_always, kills_everysec, away, lost_answers, black_hole, failover)
