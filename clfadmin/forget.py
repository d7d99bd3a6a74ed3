"""`clfadmin forget`: all about a person, a channel, a message or a workspace erased, looked for again, and shown."""

import re
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from clfadmin import console
from clfadmin.options import Home, Json, RedisUrl

if TYPE_CHECKING:
    from clfadmin.forgetting import Forgotten

EXAMPLE = "Example: clfadmin forget --user U024BE7LH --dry-run"
# A rewrite of the embedded broker takes about a second; a large one of somebody else's may take longer.
REWRITE_MAY_TAKE = timedelta(minutes=2)
_USER, _CHANNEL = re.compile(r"[UW][A-Z0-9]{2,}"), re.compile(r"[CGD][A-Z0-9]{2,}")
_LINK = re.compile(r"https?://[^/\s]+/archives/([CGD][A-Z0-9]{2,})/p(\d{10})(\d{6})(?:\?\S*)?")
_PLACE = re.compile(r"([CGD][A-Z0-9]{2,}):(\d{10}\.\d{6})")
_MESSAGE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Subject:
    """One of the four; of a message its id, or where it stands."""

    user: str = ""
    channel: str = ""
    message: str = ""
    ts: str = ""  # of the message, in `channel`
    everything: bool = False  # of the workspace


def forget(
    *,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="A person: U024BE7LH.")] = None,
    channel: Annotated[str | None, typer.Option("--channel", metavar="ID", help="A channel: C024BE91L.")] = None,
    message: Annotated[
        str | None,
        typer.Option("--message", metavar="LINK", help="A message: its link, CHANNEL:TS, or the id a log names."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="The whole workspace, and how the app was installed there.")
    ] = False,
    team: Annotated[str, typer.Option("--team", metavar="ID", help="The workspace, where there are several.")] = "",
    choices: Annotated[
        bool,
        typer.Option("--choices", help="Also what they chose: the opt-out, or the channel's settings."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be erased.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Erase everything about a person, a channel, a message or a workspace, and prove it by looking again.

    Exit code 1 where something is left.
    """
    subject = _subject(user, channel, message, everything=everything)
    from clfadmin import settings
    from clfadmin.forgetting import opened

    with opened(settings.load(home=home, redis_url=redis_url), team, subject, choices=choices) as work:
        if dry_run:
            forgotten = work.look()
        else:
            if not yes:
                console.note(_summary(work.look()))
                typer.confirm("Erase all of it for good?", abort=True, err=True)
            forgotten = work.erase(rewrite_within=REWRITE_MAY_TAKE)
    if json:
        console.document(_as_json(forgotten))
    else:
        _show(forgotten)
    if not dry_run and forgotten.left:
        raise typer.Exit(1)


def _subject(user: str | None, channel: str | None, message: str | None, *, everything: bool) -> Subject:
    """Raises BadParameter: never for what is said, only for how it is written."""
    if sum(one is not None for one in (user, channel, message)) + everything != 1:
        raise typer.BadParameter("Name one of --user, --channel, --message and --everything.")
    if everything:
        return Subject(everything=True)
    if user is not None:
        if not _USER.fullmatch(user):
            raise typer.BadParameter("--user is an id such as U024BE7LH; Slack shows it in a person's profile.")
        return Subject(user=user)
    if channel is not None:
        if not _CHANNEL.fullmatch(channel):
            raise typer.BadParameter("--channel is an id such as C024BE91L; Slack shows it in the channel's details.")
        return Subject(channel=channel)
    return _message(message or "")


def _message(text: str) -> Subject:
    if _MESSAGE.fullmatch(text):
        return Subject(message=text)
    if link := _LINK.fullmatch(text):
        return Subject(channel=link[1], ts=f"{link[2]}.{link[3]}")
    if place := _PLACE.fullmatch(text):
        return Subject(channel=place[1], ts=place[2])
    raise typer.BadParameter("--message is a link to it, or CHANNEL:TS such as C024BE91L:1700000000.000100.")


def _summary(forgotten: "Forgotten") -> str:
    found = [f"{place.before} {place.place}" for place in forgotten.places if place.before and not place.kept]
    return f"Found: {', '.join(found)}." if found else "Found: nothing."


def _as_json(forgotten: "Forgotten") -> dict[str, object]:
    return {
        "kind": forgotten.kind,
        "team": forgotten.team,
        "dry_run": forgotten.dry_run,
        "places": [asdict(place) for place in forgotten.places],
        "left": forgotten.left,
        "append_only_file": forgotten.rewrite,
        "out_of_reach": list(forgotten.out_of_reach),
    }


def _show(forgotten: "Forgotten") -> None:
    rows = [
        (place.place, str(place.before), "" if forgotten.dry_run else str(place.after), "kept" if place.kept else "")
        for place in forgotten.places
    ]
    console.table(("place", "found", "left", ""), rows)
    if forgotten.dry_run:
        console.note("Nothing was erased.")
    else:
        said = {
            "done": "The append-only file was written anew, without what was erased.",
            "off": "The server keeps no append-only file.",
            "not allowed": "We may not have the append-only file written anew: run BGREWRITEAOF on the server.",
            "failed": "The server could not write its append-only file anew: run BGREWRITEAOF once it can.",
            "running": "The append-only file is being written anew still; the server's INFO tells when it is done.",
        }
        console.say(said.get(forgotten.rewrite, forgotten.rewrite))
    if any(place.kept and place.before for place in forgotten.places):
        console.note("What they chose is kept, or they would be listened to again; --choices erases it too.")
    for line in forgotten.out_of_reach:
        console.note(f"Out of reach: {line}")
