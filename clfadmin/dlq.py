"""`clfadmin dlq`: dead letters, which nobody will answer unless they are sent back."""

import os
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clfadmin import console
from clfadmin.actions import recorded
from clfadmin.options import Home, Json, RedisUrl

if TYPE_CHECKING:
    from worker.deadletters import DeadLetters, Letter

EXAMPLE = "Example: clfadmin dlq retry --all"
NONE = "No dead letters."

app = typer.Typer(rich_markup_mode=None)
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Only those whose reason holds this, such as refused.")
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Ids as `clfadmin dlq list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Every one, or with --reason every one of that reason.")]


@app.callback(invoke_without_command=True)
def dlq(context: typer.Context, *, home: Home = None, redis_url: RedisUrl = None, json: Json = False) -> None:
    """What could not be labelled or posted; without a subcommand, list it."""
    if context.invoked_subcommand is None:
        list_letters(home=home, redis_url=redis_url, json=json)


@app.command("list", epilog="Example: clfadmin dlq list --reason refused --json")
def list_letters(*, reason: Reason = None, home: Home = None, redis_url: RedisUrl = None, json: Json = False) -> None:
    """Every dead letter, oldest first, with its reason. No texts."""
    with _open(home, redis_url) as letters:
        found = [letter for letter in letters if _matches(letter, reason)]
    if json:
        console.document([_about(letter) for letter in found])
    elif found:
        columns = ("id", "died", "what", "reason", "error", "channel", "ts")
        # Ids are copied from here.
        console.table(columns, [_cells(letter) for letter in found], whole=("id",))
        console.note("Send back with `clfadmin dlq retry ID` or `--all`, throw away with `clfadmin dlq purge`.")
    else:
        console.say(NONE)


@app.command(epilog="Example: clfadmin dlq show 1700000000000-0")
@recorded("dlq show")
def show(
    entry: Annotated[str, typer.Argument(metavar="ID", help="As `clfadmin dlq list` shows it.")],
    *,
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """One dead letter with all that is kept of it, the message's text included."""
    from dataclasses import asdict

    with _open(home, redis_url) as letters:
        letter = _needed(letters, entry)
    document = _about(letter) | {"content": asdict(letter.content) if letter.content else None}
    if json:
        console.document(document)
        return
    rows = [(name, value) for name, value in (_about(letter) | (document["content"] or {})).items() if value != ""]
    console.table(("what", "value"), [(name, console.plain(str(value))) for name, value in rows])


@app.command(epilog="Example: clfadmin dlq retry --all --reason refused")
@recorded("dlq retry")
def retry(
    ids: Ids = None, *, every: All = False, reason: Reason = None, home: Home = None, redis_url: RedisUrl = None
) -> None:
    """Send dead letters back: a text to the workers, a reply to the bot, which looks first whether it was posted."""
    with _open(home, redis_url) as letters:
        chosen = _chosen(letters, ids, every=every, reason=reason)
        readable = [letter for letter in chosen if letter.content]
        sent = sum(letters.retry(letter) for letter in readable)
    console.say(f"Sent back {sent} of {len(chosen)}.")
    if unreadable := len(chosen) - len(readable):
        console.note(f"{unreadable} cannot be read by this release; `clfadmin dlq purge` throws them away.")


@app.command(epilog="Example: clfadmin dlq purge --all --yes")
@recorded("dlq purge")
def purge(
    ids: Ids = None,
    *,
    every: All = False,
    reason: Reason = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
    redis_url: RedisUrl = None,
) -> None:
    """Throw dead letters away for good, their texts included."""
    with _open(home, redis_url) as letters:
        chosen = _chosen(letters, ids, every=every, reason=reason)
        if chosen and not yes:
            typer.confirm(f"Throw {len(chosen)} dead letters away?", abort=True, err=True)
        gone = sum(letters.purge(letter) for letter in chosen)
    console.say(f"Threw away {gone}.")


@contextmanager
def _open(home: Path | None, redis_url: str | None) -> "Generator[DeadLetters]":
    """Raises BrokerError, QueueError."""
    from clfadmin import settings
    from clfadmin.broker import require_url
    from worker.deadletters import DeadLetters
    from worker.jobs import Keys
    from worker.stream import Queue

    chosen = settings.load(home=home, redis_url=redis_url)
    url = require_url(chosen.home, chosen.redis_url.get_secret_value() if chosen.redis_url else None)
    # Fresh for each run, as every consumer's name.
    name = f"admin-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    queue = Queue(url, keys=Keys(chosen.prefix), consumer=name)
    try:
        queue.ensure_groups()
        yield DeadLetters(queue)
    finally:
        queue.close()


def _chosen(letters: "DeadLetters", ids: list[str] | None, *, every: bool, reason: str | None) -> "list[Letter]":
    if bool(ids) == (every or reason is not None):
        raise typer.BadParameter("Name ids, or give --all or --reason.")
    if ids:
        return [_needed(letters, entry) for entry in ids]
    return [letter for letter in letters if _matches(letter, reason)]


def _needed(letters: "DeadLetters", entry: str) -> "Letter":
    from classifier.errors import ClassifierError

    found = letters.get(entry) if _looks_like_an_id(entry) else None
    if found is None:
        raise ClassifierError(f"There is no dead letter {entry}. `clfadmin dlq list` shows those there are.")
    return found


def _looks_like_an_id(entry: str) -> bool:
    first, _, second = entry.partition("-")
    return first.isdigit() and second.isdigit()


def _matches(letter: "Letter", reason: str | None) -> bool:
    return reason is None or reason.casefold() in f"{letter.reason} {letter.error}".casefold()


def _about(letter: "Letter") -> dict[str, Any]:
    names = ("id", "what", "reason", "error", "deliveries", "died_ms", "size", "job", "message", "channel", "ts")
    return {name: getattr(letter, name) for name in names}


def _cells(letter: "Letter") -> tuple[str, ...]:
    died = datetime.fromtimestamp(letter.died_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    what = (letter.what, letter.reason, letter.error, letter.channel, letter.ts)
    return (letter.id, died, *(console.plain(one) for one in what))
