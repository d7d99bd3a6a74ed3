"""`python -m tests.chaos [RUN ...]`: plays faults against real processes, counts at the sandbox, prints a table.

Exit code 1 on anything lost or doubled and on a missed target. `--page` runs nothing and writes the figures there are
into docs/reliability.md. From the environment: RUN, QUICK, SEED, as `make chaos` hands them on.
"""

import argparse
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import report
from tests.chaos.scene import BUSY, Row, Scene, machine
from tests.chaos.server import Server

REPOSITORY = Path(__file__).parents[2]
# A home with "tiny" and "tiny-b" that a caller has already, as the tests do; it is copied.
HOME_VARIABLE = "CHAOS_HOME"


def say(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def make_home(folder: Path) -> Path:
    """Two versions of the ten-word model; a process of its own, for it loads TensorFlow."""
    if given := os.environ.get(HOME_VARIABLE):
        return Path(given)
    command = [sys.executable, str(REPOSITORY / "tests" / "tiny_model.py"), str(folder / "home"), "tiny", "tiny-b"]
    subprocess.run(command, check=True, capture_output=True, cwd=REPOSITORY)
    return folder / "home"


def valkey_version(folder: Path) -> str:
    server = Server(folder / "asked")
    server.start()
    try:
        return server.version()
    finally:
        server.kill()


def play(name: str, scene: Scene, valkey: str, *, only: str) -> bool:
    """One run: its table and its document; whether all went well. Of `only` one fault its row is written anew."""
    started = time.monotonic()
    rows: list[Row] = []
    for fault in importlib.import_module(f"tests.chaos.{name}").FAULTS:
        if only and fault.__name__ != only:
            continue
        row = fault(scene)
        scene.judge(row)
        rows.append(row)
    document = {
        "run": name,
        "date": time.strftime("%Y-%m-%d"),
        "quick": scene.quick,
        "seed": scene.seed,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "machine": machine(valkey),
        "rows": [row.document() for row in rows],
    }
    sys.stdout.write(f"\n== {name}\n{report.table(document['rows'], busy=BUSY)}\n")
    sys.stdout.flush()
    if only:
        written = [report.amend(name, row.document(), quick=scene.quick, date=document["date"]) for row in rows]
    else:
        written = [report.write(name, document)]
    for path in filter(None, written):
        say(f"written: {path.relative_to(REPOSITORY)}")
    return all(row.fine for row in rows)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Faults against real processes.")
    parser.add_argument("runs", nargs="*", metavar="RUN", help=", ".join(report.RUNS))
    parser.add_argument("--page", action="store_true", help="write docs/reliability.md from the figures there are")
    parser.add_argument(
        "--only", metavar="NAME", default="", help="of a run only this function, whose row is then written anew"
    )
    chosen = parser.parse_args()
    chosen.runs = chosen.runs or os.environ.get("RUN", "").split() or list(report.RUNS)
    if unknown := set(chosen.runs) - set(report.RUNS):
        parser.error(f"no run {', '.join(sorted(unknown))}; there are {', '.join(report.RUNS)}")
    return chosen


def write_page() -> int:
    report.PAGE.write_text(report.page(report.PAGE.read_text(), report.read(), busy=BUSY))
    say(f"written: {report.PAGE.relative_to(REPOSITORY)}")
    return 0


def main() -> int:
    chosen = options()
    if chosen.page:
        return write_page()
    # As Ctrl-C does: every block ends what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    quick, seed = os.environ.get("QUICK", "") not in ("", "0"), int(os.environ.get("SEED", "") or 1)
    folder = Path(tempfile.mkdtemp(prefix="clf-chaos-"))
    fine = False
    try:
        home, valkey = make_home(folder), valkey_version(folder)
        played = [
            play(name, Scene(folder / name, home, quick, seed, say), valkey, only=chosen.only) for name in chosen.runs
        ]
        fine = all(played)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    finally:
        if fine:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"logs are kept in {folder}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
