"""Processes an earlier `clfadmin up` left behind: recorded by pid and start time, ended if they are still the same.

Only needed where `up` was killed and the system does not tell its children.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import psutil

# Both readings come from the same kernel counter; the start of the epoch they are added to may be corrected by seconds.
SAME_START = timedelta(seconds=5)
# A worker may take 20 s to finish its batch (worker/loop); one that nobody supervises any more gets less.
PATIENCE = timedelta(seconds=10)


@dataclass(frozen=True)
class Record:
    """`module` is what the process runs: `python -m MODULE`."""

    pid: int
    created: float
    module: str


def record(folder: Path, name: str, *, pid: int, module: str) -> None:
    """Note a process that was just started."""
    with suppress(psutil.NoSuchProcess):  # it is dead already: nothing to leave behind
        noted = Record(pid, psutil.Process(pid).create_time(), module)
        (folder / f"{name}.json").write_text(json.dumps(asdict(noted)))


def forget(folder: Path, name: str) -> None:
    (folder / f"{name}.json").unlink(missing_ok=True)


def end_all(folder: Path) -> list[str]:
    """End what is recorded in the folder and still runs; returns its modules."""
    found = [process for path in folder.glob("*.json") if (process := _same(path))]
    names = [process.cmdline()[2] for process in found if process.is_running()]
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(found, PATIENCE.total_seconds())
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, PATIENCE.total_seconds())
    for path in folder.glob("*.json"):
        path.unlink(missing_ok=True)
    return names


def _same(path: Path) -> psutil.Process | None:
    """The recorded process, if the one that has its pid now is no other."""
    try:
        noted = Record(**json.loads(path.read_text()))
        process = psutil.Process(noted.pid)
        same_start = abs(process.create_time() - noted.created) < SAME_START.total_seconds()
        same_program = ["-m", noted.module] == process.cmdline()[1:3]
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return process if same_start and same_program else None
