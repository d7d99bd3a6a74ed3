"""`python -m tests.bench.queue_speed`: what the queue and the worker around the model cost, and what is left."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from clfadmin.speed.contender import OURS, Contender
from clfadmin.speed.rounds import Spread, choose_size
from tests.bench import part, rig
from tests.bench.part import Part, Table
from tests.bench.rig import REPOSITORY, Rig, Worker
from tests.bench.texts import benchmark_texts

COMMAND = "python -m tests.bench.queue_speed"
# The first results come while the worker still finds out how large its batches may be.
SETTLED = 0.2
POLL = 0.05
# A message that comes alone finds the worker waiting.
PAUSE = 0.02


def drained(run: Rig, prefix: str, texts: Sequence[str], workers: int, settings: part.Settings) -> dict[str, float]:
    """Enqueue all, start workers that share the threads, let them finish: messages a second, what took their time."""
    queue = run.queue(prefix)
    for job in rig.jobs(texts):
        queue.enqueue(job, limit=len(texts) + 1)
    with ExitStack() as stack:
        stack.callback(queue.close)
        return _watched(run, prefix, _started(run, stack, prefix, workers, settings), len(texts))


def while_enqueued(run: Rig, prefix: str, count: int, settings: part.Settings) -> dict[str, float]:
    """The same while another process fills the queue all the time."""
    run.queue(prefix).close()
    command = [sys.executable, "-m", "tests.bench.enqueuer", run.url, prefix]
    with subprocess.Popen(command, cwd=REPOSITORY) as filler, ExitStack() as stack:
        workers = _started(run, stack, prefix, 1, settings)
        stack.callback(filler.kill)
        return _watched(run, prefix, workers, count)


def _started(run: Rig, stack: ExitStack, prefix: str, count: int, settings: part.Settings) -> list[Worker]:
    workers = [run.worker(prefix, CLF_THREADS=str(settings.threads // count)) for _ in range(count)]
    for worker in workers:
        stack.callback(worker.stop)
    for worker in workers:
        worker.ready()
    return workers


def _watched(run: Rig, prefix: str, workers: Sequence[Worker], count: int) -> dict[str, float]:
    """Times are those of the broker's own ids, so that watching costs next to nothing."""
    client, stream = run.client(), rig.results_of(prefix)
    rig.until(lambda: client.xlen(stream) > SETTLED * count, "the first results", every=POLL)
    used, server = [psutil.Process(worker.process.pid) for worker in workers], _server_of(client)
    cpu, cpu_server, started = _seconds(*used), _seconds(server), time.perf_counter()
    rig.until(lambda: client.xlen(stream) >= count, "all results", every=POLL)
    seconds = time.perf_counter() - started
    shares = {
        "worker_cores": (_seconds(*used) - cpu) / seconds,
        "broker_cores": (_seconds(server) - cpu_server) / seconds,
    }
    # redis-py shapes answers by protocol; the raw one is a list of [id, fields].
    stamps = [int(entry.partition(b"-")[0]) for entry, _ in client.xrange(stream, count=count)]
    client.close()
    first = int(SETTLED * count)
    return {"per_second": 1000 * (count - first) / (stamps[-1] - stamps[first]), **shares}


def _seconds(*processes: psutil.Process) -> float:
    """Processor time used so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _server_of(client: Any) -> psutil.Process:
    return psutil.Process(int(client.info("server")["process_id"]))


def alone(
    run: Rig, prefix: str, bare: Contender, texts: Sequence[str], settings: part.Settings
) -> dict[str, list[float]]:
    """One message at a time: milliseconds from before enqueue to the result read, and for the bare predictor."""
    queue, client, stream = run.queue(prefix), run.client(), rig.results_of(prefix)
    worker = run.worker(prefix, CLF_THREADS=str(settings.threads))
    through: list[float] = []
    without: list[float] = []
    try:
        worker.ready()
        last: bytes | str = "0-0"
        for row, job in enumerate(rig.jobs(texts)):
            time.sleep(PAUSE)
            started = time.perf_counter()
            queue.enqueue(job, limit=len(texts) + 1)
            last = _next(client, stream, last)
            through.append(1000 * (time.perf_counter() - started))
            without.append(1000 * bare.ask("single", rows=[row], size=bare.size)["seconds"][0])
    finally:
        worker.stop()
        queue.close()
        client.close()
    return {"through": through, "without": without}


def _next(client: Any, stream: str, last: bytes | str) -> bytes:
    answer = client.xread({stream: last}, block=10_000)
    return answer[0][1][-1][0]


def measure(folder: Path, settings: part.Settings) -> Part:
    texts, what = benchmark_texts(600 if settings.quick else 4000, settings.data)
    rounds = 1 if settings.quick else 3
    with rig.running(folder / "home") as run:
        bare = Contender(OURS, run.home / "models" / "starter", threads=settings.threads)
        try:
            bare.ask("give", texts=texts)
            choose_size(bare, range(0, len(texts), 8), tries=2)
            rates: list[float] = []
            found: dict[int, list[dict[str, float]]] = {1: [], settings.threads: []}
            for number in range(rounds):
                rates.append(len(texts) / bare.seconds("text", range(len(texts))))
                part.say(f"bare predictor: {rates[-1]:,.0f} messages/s")
                for workers, measured in found.items():
                    measured.append(drained(run, f"drain{number}by{workers}", texts, workers, settings))
                    part.say(f"through the queue, {workers} workers: {measured[-1]}")
            rates.append(len(texts) / bare.seconds("text", range(len(texts))))
            busy = [while_enqueued(run, f"busy{number}", len(texts), settings) for number in range(rounds)]
            part.say(f"with an enqueuer: {busy}")
            single = alone(run, "alone", bare, texts[: 40 if settings.quick else 200], settings)
        finally:
            bare.close()
    return _part(what, settings, rates, found, busy, single)


def _part(
    what: str,
    settings: part.Settings,
    rates: list[float],
    found: dict[int, list[dict[str, float]]],
    busy: list[dict[str, float]],
    single: dict[str, list[float]],
) -> Part:
    middle = statistics.median(rates)
    rows = [["bare predictor, text to label", str(Spread.of(rates)), "100%", "", ""]]
    for name, measured in (
        ("worker, jobs enqueued beforehand, results unread", found[1]),
        (f"the same, {settings.threads} workers with one thread each", found[settings.threads]),
        ("worker, another process enqueues all the time", busy),
    ):
        speed = [one["per_second"] for one in measured]
        cores = [f"{statistics.median(one[f'{who}_cores'] for one in measured):.2f}" for who in ("worker", "broker")]
        rows.append([name, str(Spread.of(speed)), f"{statistics.median(speed) / middle:.0%}", *cores])
    through, without = (statistics.median(single[name]) for name in ("through", "without"))
    p95 = {name: sorted(values)[int(0.95 * (len(values) - 1))] for name, values in single.items()}
    one = [
        ["bare predictor", f"{without:.2f}", f"{p95['without']:.2f}"],
        ["enqueued, labelled, result read", f"{through:.2f}", f"{p95['through']:.2f}"],
        ["**added by queue and worker**", f"**{through - without:.2f}**", ""],
    ]
    return Part(
        title="Through the queue",
        command=COMMAND,
        text=[
            f"One worker with {settings.threads} threads and its settings as they come, the embedded Valkey with its "
            f"append-only file synced at every write, all on the same cores; {what}. Medians and quartiles of "
            f"{len(busy)} runs in turn with the bare predictor. *Cores* is processor time a second.",
        ],
        tables=[
            Table(("", "messages/s", "of the bare predictor", "worker, cores", "broker, cores"), rows),
            Table(("one message at a time", "ms, median", "ms, p95"), one),
        ],
        figures={"bare": rates, "drained": found, "enqueuing": busy, "single": single},
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="clf-bench-") as folder:
        part.write("queue", measure(Path(folder), part.settings()))


if __name__ == "__main__":
    main()
