"""Progress over data files: a bar that moves with the bytes read and names the rows done."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clfadmin import console


@contextmanager
def over_files(what: str, paths: Sequence[Path]) -> Generator[Callable[[int, int], None]]:
    """Yields advance(bytes, rows), to be called with what was just done. Raises DataError for files that can't be read.

    The files are looked at before the model is loaded: a mistyped name is told at once.
    """
    from classifier.rows import check_readable

    total = sum(check_readable(path) for path in paths)
    done = rows_done = 0
    with console.progress(what) as tick:

        def advance(size: int, rows: int) -> None:
            nonlocal done, rows_done
            done, rows_done = done + size, rows_done + rows
            tick(done, max(total, 1), f"{rows_done:,} rows")

        yield advance
