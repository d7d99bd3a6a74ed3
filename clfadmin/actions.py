"""What operators did: one line for each command that changes something or shows a text, in the home."""

import functools
import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import typer

from clfadmin import console

FILE = "actions.jsonl"
# Of an error's line.
LONGEST = 200
# Where something lies, not what was done; an URL may hold a password.
LEFT_OUT = ("home", "redis_url", "json", "yes", "timeout")
# Whom `forget` was asked to forget is not written down for ever.
UNNAMED = ("user", "channel", "message")


def recorded(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose every use is written down when it ends, with its outcome. `name` is how it is typed."""

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(*args: Any, **given: Any) -> None:
            outcome = "interrupted"
            try:
                command(*args, **given)
                outcome = "done"
            except (typer.Exit, SystemExit) as end:
                code = end.exit_code if isinstance(end, typer.Exit) else end.code
                outcome = f"exit {code}" if code else "done"
                raise
            except Exception as error:
                outcome = f"failed: {' '.join(str(error).split())}"[:LONGEST]
                raise
            finally:
                _write(name, given, outcome)

        return run

    return wrap


def _write(name: str, given: dict[str, Any], outcome: str) -> None:
    from clfadmin import settings

    try:
        home = settings.load(home=given["home"]).home
    except settings.SettingsError:  # which the command said itself, and did nothing
        return
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": f"{_user()}@{socket.gethostname()}",
        "command": name,
        "with": _shown(given),
        "outcome": outcome,
    }
    try:
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(home / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with open(descriptor, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        console.note(f"not written down in {home / FILE}: {error.strerror}")


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container a number may have no name
        return str(os.getuid())


def _shown(given: dict[str, Any]) -> dict[str, object]:
    chosen = {key: value for key, value in given.items() if value and key not in LEFT_OUT}
    return {key: "(not noted)" if key in UNNAMED else _plain(value) for key, value in chosen.items()}


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("list[object]", value)]
    return str(value) if isinstance(value, Path) else value
