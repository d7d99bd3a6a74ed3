"""What a supervised process writes: kept in a bounded file, its warnings picked out for the terminal.

The process writes to the file itself, not to a pipe of ours: it must not block when we are stopped (Ctrl-Z), and its
last words must be there when we are killed.
"""

import json
import re
import shutil
from collections import deque
from pathlib import Path
from typing import IO, Any, cast

MAX_BYTES = 5_000_000
LAST_LINES = 20
LOUD = ("warning", "error", "critical")
_TEXT_LEVEL = re.compile(r"\[(warning|error|critical) *\]", re.IGNORECASE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# Said by the logger about every line, and of no use to a person who watches.
_USUAL = ("event", "level", "timestamp")


class ChildLog:
    """One process' log file. `last` holds the latest lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._read = path.stat().st_size if path.exists() else 0

    def open(self) -> IO[bytes]:
        """For the process to write to. Appending, so that it goes on at the start after `bound` has cut the file."""
        return self.path.open("ab")

    def new_lines(self) -> list[str]:
        """The whole lines written since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:  # somebody tidied up: the process goes on writing into nothing
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = [_COLOUR.sub("", line) for line in whole.decode(errors="replace").splitlines() if line.strip()]
        self.last.extend(lines)
        return lines

    def bound(self) -> None:
        """Once the file has grown too large, move what it holds to `<name>.log.1`, in place of an older one."""
        if self.path.exists() and self.path.stat().st_size > MAX_BYTES:
            self.new_lines()
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            with self.path.open("r+b") as file:
                file.truncate(0)
            self._read = 0


def warning(line: str) -> str | None:
    """The line as a person wants to see it, or None for one that need not be seen."""
    if fields := _json_fields(line):
        return _sentence(fields) if fields.get("level") in LOUD else None
    return line if _TEXT_LEVEL.search(line) else None


def shown(line: str) -> str:
    """Any line as a person wants to see it."""
    fields = _json_fields(line)
    return _sentence(fields) if fields else line


def _json_fields(line: str) -> dict[str, Any]:
    try:
        data: object = json.loads(line) if line.startswith("{") else None
    except ValueError:
        return {}
    return cast("dict[str, Any]", data) if isinstance(data, dict) else {}


def _sentence(fields: dict[str, Any]) -> str:
    details = ", ".join(f"{name} {value}" for name, value in fields.items() if name not in _USUAL)
    # A traceback has its place in the file.
    return f"{fields.get('event')} ({details.partition(chr(10))[0][:300]})" if details else str(fields.get("event"))
