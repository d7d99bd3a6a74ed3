"""`python -m tests.bench [PART ...]`: runs parts (unless named, all but the long ones), then writes the page.

Each part is a process of its own. What earlier runs measured of other parts stays in the page; `--report` runs nothing
and writes it anew. A quick pass keeps to build/ and leaves docs/benchmarks.md alone; PAGE=FILE writes another page, for
another kind of machine.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

from clfadmin.speed import machine
from tests.bench import part, report
from tests.bench.part import REPOSITORY, say

# In the order of the page: the file a part writes, and what writes it.
PROGRAMS = {
    "starter": ("serving_speed", "starter"),
    "base": ("serving_speed", "base"),
    "processes": ("serving_speed", "processes"),
    "queue": ("queue_speed",),
    "whole": ("whole_product",),
    "start": ("worker_start",),
    "classify": ("classify_file",),
    "train": ("train_speed",),
    "memory": ("train_memory",),
}
# Ten minutes and more by themselves.
LONG = ("classify", "memory")
BUILD = REPOSITORY / "build"
FIGURES = BUILD / "bench.json"
PAGE = REPOSITORY / (os.environ.get("PAGE") or "docs/benchmarks.md")
QUICK_FIGURES, QUICK_PAGE = BUILD / "bench-quick.json", BUILD / "bench-quick.md"


def run(name: str) -> bool:
    """Whether the part could be measured."""
    module, *arguments = PROGRAMS[name]
    say(f"== {name}")
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", f"tests.bench.{module}", *arguments], cwd=REPOSITORY, check=False)
    say(f"== {name}: {time.monotonic() - started:.0f} s" + (f", FAILED ({done.returncode})" if done.returncode else ""))
    return done.returncode == 0


def write_report(about: dict[str, Any]) -> None:
    settings = part.settings()
    files = {name: settings.folder / f"{name}.json" for name in PROGRAMS}
    found = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    text = report.page(about, list(found.values()), quick=settings.quick)
    document = json.dumps({"machine": about, "quick": settings.quick, "parts": found}, indent=1, ensure_ascii=False)
    targets = (QUICK_FIGURES, QUICK_PAGE) if settings.quick else (FIGURES, PAGE)
    for target, content in zip(targets, (document, text), strict=True):
        target.write_text(content)
    say(text)
    say(f"written: {', '.join(str(target.relative_to(REPOSITORY)) for target in targets)}")


def main() -> int:
    names = [name for name in sys.argv[1:] if name != "--report"] or [name for name in PROGRAMS if name not in LONG]
    about = machine.describe()
    if warning := machine.busy():
        say(f"warning: {warning}")
    failed = [] if "--report" in sys.argv[1:] else [name for name in names if not run(name)]
    write_report(about)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
