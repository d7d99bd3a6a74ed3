"""`clfadmin classify --file --out` as a process that is killed, interrupted or out of disk, and then run again."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.clfadmin.conftest import REPOSITORY, scrubbed
from tests.conftest import wait_until

WORDS = ("good build", "it is bad", "thanks", "the broken, awful build", "hate", "today 👍", '"great"')
ROWS = 20_000  # seconds of work: an interruption after the first chunks comes in the middle


def write(path: Path, rows: int = ROWS) -> Path:
    path.write_text("".join(f"{WORDS[row % 7]} {'love ' * (row % 13)}\n" for row in range(rows)))
    return path


def start(home: Path, source: Path, out: Path, *, limit: str = "") -> subprocess.Popen:
    """The command as a process of its own, under a `limit` of the shell."""
    arguments = ["-m", "clfadmin", "classify", "--file", source, "--out", out, "--home", home]
    return subprocess.Popen(
        ["bash", "-c", f'{limit} exec "$0" "$@"', sys.executable, *arguments],
        env=scrubbed(), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def rows_kept(out: Path) -> int:
    state = out.with_name(f"{out.name}.partial.json")
    return json.loads(state.read_bytes())["reached"]["rows"] if state.exists() else 0


def stop(home: Path, source: Path, out: Path, number: int) -> tuple[int, str, str]:
    """Send a signal once some more rows are kept. Returns exit code, output and the last line of the errors."""
    before = rows_kept(out)
    process = start(home, source, out)
    try:
        wait_until(lambda: rows_kept(out) > before, "some rows", 120)
        process.send_signal(number)
        printed, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, printed, (errors.splitlines() or [""])[-1]


def test_killed_twice_and_run_again_it_writes_what_an_unbroken_run_writes(command, tiny_home, tmp_path):
    source, out = write(tmp_path / "in.txt"), tmp_path / "out.csv"
    for _ in range(2):
        assert stop(tiny_home, source, out, signal.SIGKILL)[0] == -signal.SIGKILL
        assert not out.exists()
    answer = command("classify", "--file", source, "--out", out, "--home", tiny_home)
    assert (answer.code, answer.out) == (0, f"Labelled {ROWS:,} texts with tiny: {out}\n")
    assert answer.err.startswith("Going on after ")
    unbroken = tmp_path / "unbroken.csv"
    assert command("classify", "--file", source, "--out", unbroken, "--home", tiny_home).code == 0
    assert out.read_bytes() == unbroken.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in.txt", "out.csv", "unbroken.csv"]


def test_ctrl_c_says_how_to_go_on_and_only_the_same_run_goes_on(command, tiny_home, tmp_path):
    source, out = write(tmp_path / "in.txt"), tmp_path / "out.jsonl"
    code, printed, line = stop(tiny_home, source, out, signal.SIGINT)
    assert (code, printed) == (130, "")
    assert re.fullmatch(r"interrupted, the first [\d,]+ rows are kept and the same command goes on after them", line)

    arguments = ["classify", "--file", source, "--out", out, "--home", tiny_home]
    answer = command(*arguments, "--model", "tiny-b")
    assert answer.code == 1
    assert "out.jsonl.partial was begun with version 'tiny " in answer.err
    assert answer.err.count("\n") == 1

    source.write_text(source.read_text().replace("good", "poor", 1))
    answer = command(*arguments)
    assert answer.code == 1
    assert "in.txt is not what it was when its first " in answer.err.splitlines()[-1]

    write(source, 100)
    assert command(*arguments, "--restart", "--model", "tiny-b").out.startswith("Labelled 100 texts with tiny-b")
    assert out.read_text().count('"version": "tiny-b"') == 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in.txt", "out.jsonl"]


def test_a_full_disk_keeps_what_was_written_and_more_room_is_all_it_needs(command, tiny_home, tmp_path):
    source, out = write(tmp_path / "in.txt"), tmp_path / "out.csv"
    process = start(tiny_home, source, out, limit="ulimit -f 1000;")  # files of at most 1,000 KiB
    printed, errors = process.communicate(timeout=120)
    assert (process.returncode, printed) == (1, "")
    line = errors.splitlines()[-1]
    assert line.startswith(f"error: No space left on the disk while writing {out}. The first ")
    assert line.endswith("rows are kept; free some space and try again.")
    assert out.with_name("out.csv.partial").stat().st_size <= 1000 * 1024
    answer = command("classify", "--file", source, "--out", out, "--home", tiny_home)
    assert answer.out == f"Labelled {ROWS:,} texts with tiny: {out}\n"
    assert out.read_bytes().count(b"\n") == ROWS + 1


def peak_megabytes(process: subprocess.Popen) -> float:
    """The most that it held resident, read until it ends (what the system tells then includes who started it)."""
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        if found := re.search(r"VmHWM:\s*(\d+) kB", status):
            peak = int(found[1])
        time.sleep(0.05)
    return peak / 1024


def test_memory_does_not_grow_with_the_file(tiny_home, tmp_path):
    peaks = []
    for rows in (5_000, 30_000):
        process = start(tiny_home, write(tmp_path / "in.txt", rows), tmp_path / f"{rows}.csv")
        peaks.append(peak_megabytes(process))
        process.communicate()
        assert process.returncode == 0
    assert peaks[1] < 400, peaks
    assert peaks[1] - peaks[0] < 40, peaks


def test_a_bad_line_far_down_keeps_the_rows_before_it(command, tiny_home, tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.csv"
    good = '{"text": "good"}\n' * 4106
    source.write_text(good + "oops\n")
    arguments = ["classify", "--file", source, "--out", out, "--home", tiny_home]
    answer = command(*arguments)
    assert answer.code == 1
    assert answer.err.splitlines()[-1] == (
        f"error: {source}, line 4107: no JSON object. JSONL has one object on each line. "
        "The first 4,096 rows are kept: the same command goes on after them."
    )
    source.write_text(good + '{"text": "bad"}\n')
    assert command(*arguments).out == f"Labelled 4,107 texts with tiny: {out}\n"
