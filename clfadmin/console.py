"""All that the operator sees: answers on standard output, progress and errors on standard error.

Labels, file names and texts come from others: they are shown without markup and without terminal control characters.
"""

import json
import shutil
import sys
import time
import unicodedata
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

# Without a terminal there is no width; enough for our widest table, so that a pipe gets whole lines.
PIPE_WIDTH = 160
# Where there is no terminal to draw a bar on: when the first progress line is written, and how often the others are.
QUIET_FIRST, QUIET_EVERY = 2.0, 10.0

# Controls, formats (bidi and such), halves of surrogate pairs. Unassigned ones may be emoji newer than Python's tables.
STEERING = ("Cc", "Cf", "Cs")
JOINERS = "\u200d\ufe0f"

Tick = Callable[[float, float, str], None]


def say(text: str) -> None:
    """One plain line of the answer."""
    _write(sys.stdout, plain(text))


def note(text: str) -> None:
    """One line about what is going on, beside the answer."""
    _write(sys.stderr, plain(text))


def error(text: str) -> None:
    """The one line a failed command leaves."""
    _write(sys.stderr, "error: " + plain(text).replace("\n", " "))


def traceback(error: BaseException) -> None:
    """Where an error came from, for people who asked for it."""
    import traceback as standard

    _write(sys.stderr, plain("".join(standard.format_exception(error)).rstrip()))


def document(value: object) -> None:
    """The one JSON document of a command run with --json."""
    _write(sys.stdout, json.dumps(value, indent=2, ensure_ascii=not _is_unicode(sys.stdout.encoding)))


def documents(values: Iterable[object]) -> None:
    """One JSON list, written item by item, so that a long one needs no memory."""
    between = "[\n"
    for value in values:
        _write(sys.stdout, between + json.dumps(value, ensure_ascii=not _is_unicode(sys.stdout.encoding)), end="")
        between = ",\n"
    _write(sys.stdout, "[]" if between == "[\n" else "\n]")


def clear() -> None:
    """Empty the terminal for what follows; elsewhere leave an empty line between two looks."""
    _write(sys.stdout, "\x1b[H\x1b[2J\x1b[3J" if sys.stdout.isatty() else "")


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """A compact table of the answer; columns in `right` are aligned to the right, those in `whole` are never folded."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify = "right" if column in right else "left"
        drawn.add_column(Text(column), justify=justify, overflow="fold", no_wrap=column in whole)
    for row in rows:
        drawn.add_row(*(Text(plain(cell)) for cell in row))
    console = _console(stderr=False)
    with console.capture() as captured:
        console.print(drawn)
    # rich fills the last column with blanks, which only get in the way of whoever reads a pipe.
    _write(sys.stdout, "\n".join(line.rstrip() for line in captured.get().splitlines()))


@contextmanager
def progress(what: str, *, lines: bool = True) -> Generator[Tick]:
    """Yields tick(done, total, note), of which the first call says where the work begins. On a terminal that moves a
    bar with the time left; else, with `lines`, it writes a line now and then. Both on standard error."""
    if sys.stderr.isatty():
        with _bar(what) as tick:
            yield tick
    else:
        yield _lines(what) if lines else _nothing


def plain(text: str) -> str:
    """Text without what would steer a terminal; line breaks stay."""
    return text if text.isprintable() else "".join(map(_harmless, text))


def _harmless(character: str) -> str:
    if character == "\n" or character in JOINERS:
        return character
    if character.isspace():
        return " "
    return "\ufffd" if unicodedata.category(character) in STEERING else character


@contextmanager
def _bar(what: str) -> Generator[Tick]:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console(stderr=True), transient=True) as bar:
        task = bar.add_task(plain(what), total=None)

        def tick(done: float, total: float, note: str) -> None:
            # What an earlier run has done, or the loading before, says nothing about the speed.
            if bar.tasks[0].total is None:
                bar.reset(task, completed=round(done))
            bar.update(task, completed=done, total=total, description=plain(f"{what} {note}".rstrip()))

        yield tick


def _lines(what: str) -> Tick:
    begun: tuple[float, float] | None = None
    due = 0.0

    def tick(done: float, total: float, text: str) -> None:
        nonlocal begun, due
        now = time.monotonic()
        if begun is None:
            begun, due = (now, done), now + min(QUIET_FIRST, QUIET_EVERY)
        if now >= due:
            due = now + QUIET_EVERY
            note(f"{what}: {done / total:.0%} {text}{_left(now - begun[0], done - begun[1], total - done)}".rstrip())

    return tick


def _left(seconds: float, done: float, rest: float) -> str:
    """The time left, if what was done in these seconds tells."""
    return f", {timedelta(seconds=round(seconds / done * rest))} left" if done else ""


def _nothing(done: float, total: float, note: str) -> None:
    """Where neither a bar nor lines are wanted."""


def _console(*, stderr: bool) -> "Console":
    """rich's console; it honours NO_COLOR and COLUMNS by itself."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def _write(out: TextIO, text: str, end: str = "\n") -> None:
    encoding = out.encoding or "utf-8"
    # A terminal that knows no emoji, or a lone surrogate, must not end the command.
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=out, end=end, flush=True)


def _is_unicode(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "").startswith("utf")
