"""The picture of a report: share of each label by day, and below it how many messages there were.

Drawn in a process of its own (bot/drawing.py), so that the bot neither grows by
matplotlib nor waits for it, and a picture that fails is only a picture. It gets no setting and no secret.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from bot.report import Report, when

# A second or two; on a machine that is busy with something else, much more.
DRAWING_TAKES = timedelta(minutes=2)
# Okabe and Ito (2008), told apart by colour-blind people; worst and best stand furthest apart.
_KNOWN = {"negative": "#D55E00", "neutral": "#BFBFBF", "positive": "#0072B2"}
_OTHERS = ("#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#F0E442", "#7F7F7F")
OTHER = "other labels"


class ChartFailed(Exception):
    """No picture. One line that says why; the words of a report stand without it."""


def picture(report: Report) -> bytes:
    """A PNG. Raises ChartFailed."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bot.drawing"],
            input=json.dumps(figures(report)).encode(),
            capture_output=True,
            timeout=DRAWING_TAKES.total_seconds(),
            check=False,
            env=_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ChartFailed(f"The picture could not be drawn: {type(error).__name__}.") from error
    if done.returncode or not done.stdout.startswith(b"\x89PNG"):
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ChartFailed(f"The picture could not be drawn: {' '.join(last)[:200]}")
    return done.stdout


def figures(report: Report) -> dict[str, Any]:
    """What is drawn, as plain JSON. More labels than there are colours are drawn as one."""
    shown, rest = report.labels, ()
    if len(shown) > len(colours(shown)):
        known = [label for label in shown if label in _KNOWN]
        others = [label for label in shown if label not in _KNOWN]
        shown, rest = (*known, *others[: len(_OTHERS) - 1]), tuple(others[len(_OTHERS) - 1 :])
    days = [
        {
            "day": point.day.isoformat(),
            "counts": [point.counts.get(label, 0) for label in shown]
            + ([sum(point.counts.get(label, 0) for label in rest)] if rest else []),
        }
        for point in report.points
    ]
    labels = [*shown, *([OTHER] if rest else [])]
    return {"title": when(*report.span), "labels": labels, "colours": colours(labels), "days": days}


def colours(labels: Sequence[str]) -> list[str]:
    """One for each label, as far as they go."""
    others = iter(_OTHERS)
    found = [_KNOWN.get(label) or next(others, "") for label in labels]
    return found[: found.index("")] if "" in found else found


@cache
def _folder() -> str:
    """Where matplotlib keeps its list of fonts: a root that can't be written to has no home for it."""
    folder = tempfile.mkdtemp(prefix="clf-chart-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[1]), "MPLCONFIGDIR": _folder(), "OMP_NUM_THREADS": "1"}
