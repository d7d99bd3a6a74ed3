"""`python -m tests.bench.train_memory [ROWS [STEPS]]`: what a training on many rows holds in memory, stage by stage."""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from classifier.errors import TrainingInterrupted
from classifier.recipe import Examined, News, Progress, Stage, TrainConfig
from classifier.registry import Registry
from classifier.rows import Columns, RowFile
from tests.bench import part, rig
from tests.bench.classify_file import CHAT, MB, SHARED
from tests.bench.part import Part, Table

COMMAND = "python -m tests.bench.train_memory"
TRAINING = "training"


@dataclass(frozen=True)
class Sample:
    """What the process held resident when a stage had done `done`."""

    stage: str
    done: int
    mb: float


def write_rows(path: Path, count: int, settings: part.Settings) -> str:
    """A file of `count` rows, no two alike: texts of all sources mixed, each with its row's number. Says what it is."""
    sources = [settings.data] if settings.data else sorted(SHARED.glob("*/*.jsonl")) or [CHAT]
    rows = [row for source in sources for row in RowFile(source, Columns()) if row.text and row.label]
    random.Random(0).shuffle(rows)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            row = rows[number % len(rows)]
            file.write(json.dumps({"text": f"{row.text} {number}", "label": row.label}, ensure_ascii=False) + "\n")
    return (
        f"{count:,} rows, {len(rows):,} different ones and a number each, of {', '.join(one.name for one in sources)}"
    )


def watched(data: Path, steps: int, threads: int, home: Path) -> list[Sample]:
    """Train in this process for so many steps, then stop it as Ctrl-C does."""
    from classifier.network import set_threads
    from classifier.training import train_version

    set_threads(threads)
    process = psutil.Process()
    samples: list[Sample] = []

    def report(news: News) -> None:
        match news:
            case Stage():
                stage, done = news.what, news.done
            case Examined():
                stage, done = "data report", 1
            case Progress():
                stage, done = TRAINING, news.step
            case _:
                return
        samples.append(Sample(stage, done, process.memory_info().rss / MB))
        if stage == TRAINING and done == steps:
            raise KeyboardInterrupt

    try:
        train_version(TrainConfig(data=[data], name="big", epochs=1), Registry(home), report=report)
    except TrainingInterrupted:
        return samples
    raise SystemExit(f"the training was over before step {steps}")


def most(samples: Sequence[Sample], stage: str, low: float = 0.0, high: float = 1.0) -> float:
    """The most megabytes while this share of a stage was done."""
    found = [sample for sample in samples if sample.stage == stage]
    return max(sample.mb for sample in found if low * found[-1].done <= sample.done <= high * found[-1].done)


def in_process_of_its_own(data: Path, steps: int, threads: int, home: Path) -> list[Sample]:
    """What this process holds already must not count."""
    command = [sys.executable, "-m", "tests.bench.train_memory", "--watched", data, str(steps), str(threads), home]
    done = subprocess.run(command, cwd=part.REPOSITORY, env=rig.scrubbed(), stdout=subprocess.PIPE, check=True)
    return [Sample(**sample) for sample in json.loads(done.stdout)]


def measure(folder: Path, rows: int, steps: int, settings: part.Settings) -> Part:
    data = folder / "rows.jsonl"
    what = write_rows(data, rows, settings)
    part.say(f"{what}; {steps:,} steps")
    samples = in_process_of_its_own(data, steps, settings.threads, folder / "home")
    halves = most(samples, TRAINING, high=0.5), most(samples, TRAINING, low=0.5)
    table = {
        "all rows read": most(samples, "reading"),
        "all texts tokenised": most(samples, "tokenising"),
        "data report made": most(samples, "data report"),
        "training, first half of the steps": halves[0],
        "training, second half of the steps": halves[1],
        "at the last step": samples[-1].mb,
    }
    return Part(
        title="Training on many rows: memory",
        command=COMMAND,
        text=[
            f"{what}. `clfadmin train` as it comes, every weight trained, {settings.threads} threads, batches of 32 "
            f"drawn from all rows, stopped after {steps:,} steps. What the process holds resident, at most; TensorFlow "
            "and the base are part of it.",
        ],
        tables=[Table(("", "MB"), [[name, f"{mb:,.0f}"] for name, mb in table.items()])],
        figures={
            "rows": rows,
            "steps": steps,
            "mb": table,
            "growth_in_second_half": halves[1] / halves[0] - 1,
            "samples": [asdict(sample) for sample in samples[:: max(1, len(samples) // 400)]],
        },
    )


def main() -> None:
    if sys.argv[1:2] == ["--watched"]:
        data, steps, threads, home = sys.argv[2:]
        samples = watched(Path(data), int(steps), int(threads), Path(home))
        json.dump([asdict(sample) for sample in samples], sys.stdout)
        return
    settings = part.settings()
    given = [int(argument) for argument in sys.argv[1:]]
    rows, steps = (*given, *((5_000, 20) if settings.quick else (200_000, 2_000))[len(given) :])
    with tempfile.TemporaryDirectory(prefix="clf-bench-") as folder:
        found = measure(Path(folder), rows, steps, settings)
    part.write("memory", found)
    for name, value in found.tables[0].rows:
        part.say(f"{name}: {value} MB")


if __name__ == "__main__":
    main()
