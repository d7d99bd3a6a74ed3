"""`python -m tests.bench.worker_start`: how soon a worker is ready, and how much memory it takes."""

import statistics
import tempfile
from pathlib import Path

import psutil

from tests.bench import part, rig
from tests.bench.part import Part, Table
from tests.bench.rig import Rig
from tests.bench.texts import benchmark_texts

COMMAND = "python -m tests.bench.worker_start"
MB = 1e6


def one_start(run: Rig, prefix: str, texts: list[str], settings: part.Settings, runtime: str) -> dict[str, float]:
    """Seconds to ready; resident megabytes then and after labelling the texts; whether TensorFlow was loaded."""
    queue, client = run.queue(prefix), run.client()
    worker = run.worker(prefix, CLF_THREADS=str(settings.threads), CLF_RUNTIME=runtime)
    try:
        seconds = worker.ready()
        process = psutil.Process(worker.process.pid)
        at_first = process.memory_info().rss
        for job in rig.jobs(texts):
            queue.enqueue(job, limit=len(texts) + 1)
        rig.until(lambda: client.xlen(rig.results_of(prefix)) >= len(texts), "all results", every=0.05)
        maps = Path(f"/proc/{process.pid}/maps")
        return {
            "seconds": seconds,
            "ready_mb": at_first / MB,
            "worked_mb": process.memory_info().rss / MB,
            "tensorflow": float("tensorflow" in maps.read_text()) if maps.exists() else 0.0,
        }
    finally:
        worker.stop()
        queue.close()
        client.close()


def measure(folder: Path, settings: part.Settings) -> Part:
    texts, _ = benchmark_texts(100 if settings.quick else 1000, settings.data)
    rounds = 2 if settings.quick else 5
    found: dict[str, list[dict[str, float]]] = {"onnx": [], "keras": []}
    with rig.running(folder / "home") as run:
        for number in range(rounds):
            for runtime, starts in found.items():
                starts.append(one_start(run, f"{runtime}{number}", texts, settings, runtime))
                part.say(f"{runtime}: {starts[-1]}")
    rows = [
        [
            title,
            *(
                _middle(found[runtime], name, digits)
                for name, digits in (("seconds", 2), ("ready_mb", 0), ("worked_mb", 0))
            ),
            "yes" if any(one["tensorflow"] for one in found[runtime]) else "no",
        ]
        for runtime, title in (("onnx", "compiled form"), ("keras", "Keras form"))
    ]
    return Part(
        title="A worker's start",
        command=COMMAND,
        text=[
            "From the start of the process until it says that it is ready: model verified, loaded, warmed up, canary "
            f"texts reproduced. Medians of {rounds} starts (lowest to highest), files in the page cache.",
        ],
        tables=[
            Table(
                (
                    "serving",
                    "seconds to ready",
                    "MB resident then",
                    f"MB after {len(texts):,} messages",
                    "TensorFlow loaded",
                ),
                rows,
            )
        ],
        figures=found,
    )


def _middle(starts: list[dict[str, float]], name: str, digits: int) -> str:
    values = [one[name] for one in starts]
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="clf-bench-") as folder:
        part.write("start", measure(Path(folder), part.settings()))


if __name__ == "__main__":
    main()
