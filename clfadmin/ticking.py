"""Progress over data files: a bar that moves with the bytes read and names the rows done, and how many a second."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clfadmin import console

# Before that a speed is more guess than measurement.
SETTLED = 1.0


@contextmanager
def over_files(what: str, paths: Sequence[Path]) -> Generator[Callable[[float, float], None]]:
    """Yields advance(bytes, rows), to be called with what was just done; the first call says where this run begins.

    The files are looked at before the model is loaded: a mistyped name is told at once. Raises DataError for files that
    can't be read.
    """
    from classifier.rows import check_readable

    total = sum(check_readable(path) for path in paths)
    with console.progress(what) as tick:
        yield _Pace(tick, max(total, 1)).advance


class _Pace:
    def __init__(self, tick: console.Tick, total: int) -> None:
        self._tick, self._total = tick, total
        self._bytes = self._rows = 0.0
        self._begun: tuple[float, float] | None = None

    def advance(self, size: float, rows: float) -> None:
        self._bytes, self._rows = self._bytes + size, self._rows + rows
        now = time.monotonic()
        began, before = self._begun = self._begun or (now, self._rows)
        rate = f", {(self._rows - before) / (now - began):,.0f} rows/s" if now - began >= SETTLED else ""
        self._tick(self._bytes, self._total, f"{self._rows:,.0f} rows{rate}")
