"""One part of the benchmarks: what it writes for the report, and the settings all parts share.

A part is a program. It writes build/bench/<name>.json: `title`, `command`, `date`, `others` (the share of the
machine that other work took meanwhile), `text` (paragraphs before the tables), `tables` (each `columns` and `rows` of
strings) and `figures` (the numbers themselves); `python -m tests.bench` joins the parts.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).parents[2]
# Where PyTorch and OpenVINO are, if they are; see the Makefile.
OTHER_PYTHON = REPOSITORY / ".venv-bench" / "bin" / "python"


@dataclass(frozen=True)
class Settings:
    """From the environment, so that `make bench QUICK=1 DATA=texts.jsonl THREADS=4` sets them."""

    quick: bool = False
    data: Path | None = None
    threads: int = 2

    @property
    def folder(self) -> Path:
        """Where parts are written; a quick pass must not push what was really measured off the page."""
        return REPOSITORY / "build" / ("bench-quick" if self.quick else "bench")

    @property
    def other_python(self) -> str:
        """Raises nothing where it is missing: then the contenders say what is not installed."""
        return str(OTHER_PYTHON) if OTHER_PYTHON.exists() else sys.executable


def settings() -> Settings:
    read = {name: os.environ.get(name, "") for name in ("QUICK", "DATA", "THREADS")}
    return Settings(
        quick=read["QUICK"] not in ("", "0"),
        data=Path(read["DATA"]) if read["DATA"] else None,
        threads=int(read["THREADS"] or 2),
    )


@dataclass(frozen=True)
class Table:
    """`columns` are headings; the first column is text, the others are numbers and aligned to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Part:
    """What one program found out."""

    title: str
    command: str
    text: Sequence[str]
    tables: Sequence[Table]
    figures: dict[str, Any] = field(default_factory=dict)


def write(name: str, part: Part) -> None:
    """To be called last: the note on other work covers the program from its start."""
    settings().folder.mkdir(parents=True, exist_ok=True)
    others = _others_share(_BEFORE, _times())
    document = asdict(part) | {"date": time.strftime("%Y-%m-%d"), "others": round(others, 3)}
    say(f"{name}: other work took {others:.0%} of the machine meanwhile")
    (settings().folder / f"{name}.json").write_text(json.dumps(document, indent=1, ensure_ascii=False))


def _times() -> tuple[float, float, float]:
    """Seconds so far: of processor time on the whole machine, of that used by anybody, and by us and our children."""
    machine = psutil.cpu_times()
    ours = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(machine[:8]), sum(machine[:8]) - machine.idle - getattr(machine, "iowait", 0.0), ours


def _others_share(before: tuple[float, float, float], after: tuple[float, float, float]) -> float:
    """The share of the machine that neither was idle nor worked for us, what a hypervisor took included."""
    whole, used, ours = (late - early for early, late in zip(before, after, strict=True))
    return max(0.0, (used - ours) / whole)


_BEFORE = _times()


def say(text: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(text + "\n")
