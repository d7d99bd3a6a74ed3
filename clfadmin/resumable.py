"""An output file that takes hours: OUT.partial grows by whole lines, OUT.partial.json says how far it is good.

Killed at any point, the same command goes on from the last state: what was written behind it is cut off.
"""

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from classifier import durable
from classifier.errors import DataError, Interrupted, StorageError
from classifier.whole_file import START, Reached
from clfadmin.lock import held


@dataclass(frozen=True)
class State:
    """What OUT.partial.json holds: the first `written` bytes of OUT.partial are the lines of all rows reached.

    `task` names everything else that decides what is in these lines.
    """

    task: Mapping[str, str]
    reached: Reached
    written: int


class Growing:
    """OUT.partial, held by this process. `reached` is how far into the input its lines go."""

    def __init__(self, out: Path, file: FileIO, state: State) -> None:
        self._path, self._file, self._state = _state_path(out), file, state
        self.begun_at = state.reached

    @property
    def reached(self) -> Reached:
        return self._state.reached

    @property
    def kept(self) -> str:
        return f"the first {self.reached.rows:,} rows are kept"

    def append(self, lines: bytes, reached: Reached) -> None:
        """Add the lines of all rows from here to `reached`; once this returns they survive a power cut."""
        rest = memoryview(lines)
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        state = State(self._state.task, reached, self._state.written + len(lines))
        durable.write(self._path, json.dumps(asdict(state), indent=1).encode())
        self._state = state


@contextmanager
def growing(out: Path, task: Mapping[str, str], *, header: bytes, restart: bool) -> Generator[Growing]:
    """Yields what is there of `out`, or its `header` alone; when the block ends well it takes `out`'s place.

    When the block fails it stays, and the error says so; without any rows it goes. Raises DataError where another task
    began it, StorageError when the disk refuses or another process holds it, Interrupted for Ctrl-C.
    """
    partial = _partial_path(out)
    with durable.storage_errors(out), held(partial) as ours:
        if not ours:
            raise StorageError(f"Another process is writing {partial}. Wait for it, or choose another --out.")
        state = None if restart else _stored(out, task)
        if state is None:
            _state_path(out).unlink(missing_ok=True)
            state = State(task, START, 0)
        # Unbuffered: what a full disk refuses must not be written again when the file is closed.
        with partial.open("r+b", buffering=0) as file:
            file.truncate(state.written)
            file.seek(0, os.SEEK_END)
            found = Growing(out, file, state)
            with _explained(out, found):
                if not state.written:
                    found.append(header, START)
                yield found
        partial.replace(out)
        durable.sync_folder(out.parent)
        _state_path(out).unlink(missing_ok=True)


def _stored(out: Path, task: Mapping[str, str]) -> State | None:
    """How far an earlier run came; None where there is nothing to go on from. Raises DataError."""
    partial = _partial_path(out)
    try:
        values = json.loads(_state_path(out).read_bytes())
        state = State(dict(values["task"]), Reached(**values["reached"]), int(values["written"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{_state_path(out)} can't be read. Start over with --restart.") from error
    size = partial.stat().st_size
    if not size:  # what was there is finished or was removed
        return None
    if size < state.written:
        raise DataError(f"{partial} has lost some of its lines. Start over with --restart.")
    for name in (name for name in {**task, **state.task} if task.get(name) != state.task.get(name)):
        raise DataError(
            f"{partial} was begun with {name} {state.task.get(name)!r}, now it is {task.get(name)!r}. "
            "Give the same again, or start over with --restart."
        )
    return state


@contextmanager
def _explained(out: Path, found: Growing) -> Generator[None]:
    """Say in an error what is kept; of a run that has done nothing yet nothing is."""
    try:
        yield
    except BaseException as error:
        if not found.reached.rows:
            _partial_path(out).unlink()
            _state_path(out).unlink(missing_ok=True)
            raise
        if (better := _better(error, out, found)) is not None:
            raise better from error
        raise


def _better(error: BaseException, out: Path, found: Growing) -> Exception | None:
    cause = error.__cause__ if isinstance(error, StorageError) else error
    match cause:
        case KeyboardInterrupt():
            return Interrupted(f"interrupted, {found.kept} and the same command goes on after them")
        case OSError():
            return StorageError(durable.explain(cause, out, kept=found.kept.capitalize()))
        case DataError() if found.reached != found.begun_at:
            return DataError(f"{error} {found.kept.capitalize()}: the same command goes on after them.")
        case _:
            return None


def _partial_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.partial")


def _state_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.partial.json")
