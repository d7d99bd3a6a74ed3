"""`python -m tests.bench.classify_file [ROWS]`: a large file through `clfadmin classify`, its memory and its speed."""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import psutil

from classifier.predictor import Predictor, load_predictor
from classifier.rows import Columns, RowFile
from classifier.version import Version
from classifier.whole_file import CHUNK
from clfadmin.classify import label_file
from tests.bench import part, rig
from tests.bench.models import install_starter
from tests.bench.part import Part, Table

COMMAND = "python -m tests.bench.classify_file"
SHARED = part.REPOSITORY.parent / "shared" / "data"
CHAT = part.REPOSITORY / "examples" / "chat.csv"
MB = 1e6
# One comparison: long enough to time, short enough that both sides meet the same machine.
PIECE = CHUNK

# Seconds since the start, rows on the disk, megabytes resident.
Sample = tuple[float, int, float]


def write_rows(path: Path, count: int, settings: part.Settings) -> str:
    """A file of `count` rows, the texts of all sources mixed, over and over. Returns what they are."""
    sources = [settings.data] if settings.data else sorted(SHARED.glob("*/*.jsonl")) or [CHAT]
    texts = [row.text for source in sources for row in RowFile(source, Columns(label=None))]
    random.Random(0).shuffle(texts)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            file.write(json.dumps({"text": texts[number % len(texts)]}, ensure_ascii=False) + "\n")
    return f"{count:,} rows, {len(texts):,} different ones, of {', '.join(source.name for source in sources)}"


def whole_run(home: Path, source: Path, out: Path, threads: int) -> list[Sample]:
    """Run the command as a user does, and look at it once a second."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "clfadmin", "classify", "--file", source, "--out", out, "--home", home],
        cwd=part.REPOSITORY,
        env=rig.scrubbed() | {"CLF_THREADS": str(threads)},
    )
    state = out.with_name(f"{out.name}.partial.json")
    samples: list[Sample] = []
    resident = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            rows = json.loads(state.read_bytes())["reached"]["rows"]
            samples.append((time.monotonic() - began, rows, resident.memory_info().rss / MB))
        except (FileNotFoundError, psutil.Error):  # not begun yet, or just over
            pass
        time.sleep(1)
    if process.returncode:
        raise SystemExit(f"clfadmin classify ended with {process.returncode}")
    return samples


def compare(
    predictor: Predictor, version: Version, source: Path, folder: Path, rounds: int
) -> list[tuple[float, float]]:
    """Texts a second: of the predictor alone on texts in memory, and of file to file. In turn, piece by piece."""
    texts = (row.text for row in RowFile(source, Columns(label=None)))
    found: list[tuple[float, float]] = []
    for number in range(rounds):
        piece = list(islice(texts, PIECE))
        file, out = folder / "piece.jsonl", folder / "piece.csv"
        file.write_text("".join(json.dumps({"text": text}) + "\n" for text in piece))
        out.unlink(missing_ok=True)
        sides: list[Callable[[], object]] = [
            lambda piece=piece: predictor.classify(piece),
            lambda file=file, out=out: label_file(predictor, version, file, "text", out, advance=lambda *_: None),
        ]
        # Whoever is second finds warm caches: take turns.
        rates = {side: len(piece) / seconds(sides[side]) for side in ((0, 1) if number % 2 else (1, 0))}
        found.append((rates[0], rates[1]))
        part.say(f"alone {rates[0]:.0f}, file to file {rates[1]:.0f} texts/s")
    return found


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def between(samples: Sequence[Sample], low: float, high: float) -> float:
    """The most megabytes resident while this share of the rows was done."""
    last = samples[-1][1]
    return max((size for _, rows, size in samples if low * last <= rows <= high * last), default=0.0)


def measure(folder: Path, rows: int, settings: part.Settings) -> Part:
    source = folder / "rows.jsonl"
    what = write_rows(source, rows, settings)
    version = install_starter(folder / "home")
    predictor = load_predictor(version, threads=settings.threads)
    pairs = compare(predictor, version, source, folder, min(rows // PIECE, 2 if settings.quick else 12))
    runtime = predictor.runtime
    del predictor
    samples = whole_run(folder / "home", source, folder / "out.csv", settings.threads)
    alone, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    share = statistics.median(file / bare for bare, file in pairs)
    rate = (samples[-1][1] - samples[0][1]) / (samples[-1][0] - samples[0][0])
    figures = {
        "rows": rows,
        "peak_mb": max(size for _, _, size in samples),
        "second_quarter_mb": between(samples, 0.25, 0.5),
        "last_quarter_mb": between(samples, 0.75, 1.0),
        "rows_per_second": rate,
        "share_of_predictor": share,
        "pieces": pairs,
    }
    return Part(
        title="A large file: `clfadmin classify --file`",
        command=COMMAND,
        text=[
            f"{what}; the starter, {runtime}, {settings.threads} threads. Memory is what the process holds resident, "
            f"looked at once a second. The share is the median of {len(pairs)} pieces of {PIECE:,} rows, classified "
            "by the predictor alone and from file to file, in turn.",
        ],
        tables=[
            Table(
                ("", "value"),
                [
                    ["MB resident, at most", f"{figures['peak_mb']:.0f}"],
                    ["the same in the second quarter", f"{figures['second_quarter_mb']:.0f}"],
                    ["the same in the last quarter", f"{figures['last_quarter_mb']:.0f}"],
                    ["rows a second, whole file", f"{rate:.0f}"],
                    ["rows a second, pieces", f"{ours:.0f}"],
                    ["rows a second, predictor alone, pieces", f"{alone:.0f}"],
                    ["share of the predictor's speed", f"{share:.1%}"],
                ],
            )
        ],
        figures=figures,
    )


def main() -> None:
    settings = part.settings()
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000 if settings.quick else 200_000
    with tempfile.TemporaryDirectory(prefix="clf-bench-") as folder:
        found = measure(Path(folder), rows, settings)
    part.write("classify", found)
    for name, value in found.tables[0].rows:
        part.say(f"{name}: {value}")


if __name__ == "__main__":
    main()
