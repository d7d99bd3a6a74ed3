"""`clfadmin backup` and `restore`: everything a home and its queue remember, in one file."""

from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clfadmin import console
from clfadmin.options import Home, Json, RedisUrl

if TYPE_CHECKING:
    from collections.abc import Generator

    from clfadmin.memory import Amount
    from clfadmin.settings import Settings
    from worker.fleet import Fleet
    from worker.stream import Queue

BACKUP_EXAMPLE = "Example: clfadmin backup clf-backup.tar"
RESTORE_EXAMPLE = "Example: clfadmin restore clf-backup.tar"
PRIVATE = "It holds texts of messages: keep it as private as those."


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The tar file to write; replaced when it is there.")],
    *,
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Write every version, what the queue holds and what people decided to one file. Nothing needs to stop for it."""
    from clfadmin import memory, settings
    from clfadmin.backup_file import write
    from worker import snapshot

    chosen = settings.load(home=home, redis_url=redis_url)
    with _queue(chosen) as (queue, fleet, url):
        held = snapshot.take(queue, fleet)
        kept = memory.to_keep(url, queue.keys)
    written = write(file, chosen.home, held, kept, said=console.note)
    for name, why in written.left_out.items():
        console.note(f"left out: version {name} is damaged ({why})")
    if json:
        console.document({"file": str(file), "bytes": file.stat().st_size, **written.to_dict()})
        return
    versions = _many(len(written.versions), "version")
    active = f", {written.active} active" if written.active else ""
    console.say(
        f"Wrote {file} ({file.stat().st_size / 1e6:.1f} MB): {versions}{active}, {_many(len(held.jobs), 'job')}, "
        f"{_many(len(held.results), 'result')}, {_many(len(held.dead), 'dead letter')}, "
        f"marks of {_many(len(held.marks), 'channel')}.{_decided(written.remembered)}"
    )
    if held.jobs or held.dead or written.remembered.votes:
        console.note(PRIVATE)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file written by `clfadmin backup`.")],
    *,
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Add what a backup holds and this home and queue do not have. Doing it twice changes nothing more.

    Every version is checked like any import. What was queued is labelled again; before it is posted the bot looks
    whether Slack has the reply already. What `clfadmin forget` erased after the backup was made comes back with it:
    do that again.
    """
    from clfadmin import memory, settings
    from clfadmin.backup_file import read
    from worker import snapshot

    chosen = settings.load(home=home, redis_url=redis_url)
    found = read(file, chosen.home, said=console.note)
    with _queue(chosen) as (queue, fleet, url):
        # Before jobs: nobody's message is taken who does not want it.
        decided = memory.put_back(found.kept, url, queue.keys)
        done = snapshot.put_back(found.held, queue, fleet)
    if json:
        counts = {"jobs": done.jobs, "results": done.results, "dead": done.dead, "marks": done.marks}
        console.document({"file": str(file), **found.to_dict(), "queue": counts, "memory": asdict(decided)})
        return
    active = f", {found.active} active" if found.active else ""
    console.say(
        f"Restored {_many(len(found.added), 'version')}{active}, {_many(done.jobs, 'job')}, "
        f"{_many(done.results, 'result')}, {_many(done.dead, 'dead letter')}, marks of {_many(done.marks, 'channel')}."
        f"{_decided(decided)}"
    )
    if found.held.paused:
        console.note("Posting was paused when the backup was made, and is now: `clfadmin resume` lets replies go.")


@contextmanager
def _queue(settings: "Settings") -> "Generator[tuple[Queue, Fleet, str]]":
    """Raises BrokerError, QueueError."""
    from clfadmin.broker_meanwhile import running
    from worker.fleet import Fleet
    from worker.jobs import Keys
    from worker.stream import Queue

    keys = Keys(settings.prefix)
    with (
        running(settings.home, settings.redis_url.get_secret_value() if settings.redis_url else None) as url,
        closing(Queue(url, keys=keys)) as queue,
        closing(Fleet(url, keys=keys)) as fleet,
    ):
        yield queue, fleet, url


def _decided(amount: "Amount") -> str:
    """In a line of its own; nothing where people decided nothing."""
    counts = {
        f"choices of {_many(amount.choices, 'channel')}": amount.choices,
        _many(amount.optouts, "opt-out"): amount.optouts,
        _many(amount.votes, "correction"): amount.votes,
        f"counts of {_many(amount.days, 'day')}": amount.days,
        _many(amount.installed, "installation"): amount.installed,
    }
    said = ", ".join(text for text, count in counts.items() if count)
    return f"\nOf what people decided: {said}." if said else ""


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
