"""`clfadmin feedback`: what people corrected. Names nobody; texts only where a channel chose to learn."""

import json as jsonlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clfadmin import console
from clfadmin.actions import recorded
from clfadmin.options import Home, Json, RedisUrl

if TYPE_CHECKING:
    from clfadmin.learning import Kept
    from clfadmin.memory import Judged

EXAMPLE = "Example: clfadmin feedback list"
NONE = "Nobody has corrected or confirmed a label yet."
TEXT_CHARACTERS = 60

app = typer.Typer(rich_markup_mode=None)
Team = Annotated[str, typer.Option("--team", metavar="ID", show_default="all", help="One workspace alone.")]
Disputed = Annotated[bool, typer.Option("--disputed", help="Only messages on which people disagree.")]


@app.callback(invoke_without_command=True)
def feedback(context: typer.Context, *, home: Home = None, redis_url: RedisUrl = None, json: Json = False) -> None:
    """What people corrected and confirmed; without a subcommand, list it."""
    if context.invoked_subcommand is None:
        list_votes(home=home, redis_url=redis_url, json=json)


@app.command("list", epilog="Example: clfadmin feedback list --disputed")
def list_votes(
    *, team: Team = "", disputed: Disputed = False, home: Home = None, redis_url: RedisUrl = None, json: Json = False
) -> None:
    """Every judged message: what the version said, what people say, and whether its text is kept."""
    rows = [one for one in _kept(home, redis_url, team).judged if not disputed or len(one.votes) > 1]
    if json:
        console.document([_about(one) for one in rows])
    elif rows:
        console.table(
            ("message", "channel", "said", "at", "people say", "version", "text"), [_cells(one) for one in rows]
        )
    else:
        console.say("People agree on every message." if disputed else NONE)


@app.command(epilog="Example: clfadmin feedback export corrections.jsonl")
@recorded("feedback export")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .jsonl to write; it holds texts of people.")],
    *,
    team: Team = "",
    held_out: Annotated[bool, typer.Option("--held-out", help="Only the fifth that is never learned.")] = False,
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Write kept texts with the label agreed on, for the owner of the file alone to read. Ties are left out."""
    from classifier import durable

    kept = _kept(home, redis_url, team)
    rows = kept.corrections.held_out.rows if held_out else kept.corrections.rows
    lines = [{"message": row.message, "text": row.text, "label": row.label, "held_out": row.held_out} for row in rows]
    if file.suffix != ".jsonl":
        raise typer.BadParameter(f"{file} should end in .jsonl.", param_hint="FILE")
    durable.write(file, "".join(jsonlib.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
    file.chmod(0o600)
    if json:
        console.document({"file": str(file), "texts": len(lines)})
    else:
        console.say(f"Wrote {len(lines):,} corrections to {file}. What is to be erased must be erased there too.")


@app.command(epilog="Example: clfadmin feedback stats --json")
def stats(*, team: Team = "", home: Home = None, redis_url: RedisUrl = None, json: Json = False) -> None:
    """How many, on which labels, how honest the confidence was, and what can be learned from."""
    kept = _kept(home, redis_url, team)
    found = _stats(kept)
    if json:
        console.document(found)
        return
    if not kept.judged:
        console.say(NONE)
        return
    console.say(
        f"{found['judged']:,} judged messages: {found['confirmed']:,} confirmed, {found['corrected']:,} corrected, "
        f"{found['disputed']:,} disputed."
    )
    console.say(
        f"{found['with_text']:,} with their text: {found['to_learn']:,} to learn from, {found['held_out']:,} held out."
    )
    if found["changes"]:
        console.table(("from", "to", "messages"), [tuple(map(str, one.values())) for one in found["changes"]])
    console.say(found["honesty"]["words"])


def _kept(home: Path | None, redis_url: str | None, team: str) -> "Kept":
    from clfadmin import settings
    from clfadmin.learning import kept

    return kept(settings.load(home=home, redis_url=redis_url), team=team)


def _about(one: "Judged") -> dict[str, Any]:
    return {
        "team": one.team,
        "message": one.message,
        "channel": one.channel,
        "ts": one.ts,
        "said": one.said,
        "confidence": one.confidence,
        "version": one.version,
        "votes": one.votes,
        "label": one.label or None,
        "at": one.at.isoformat(),
        "text": one.text or None,
    }


def _cells(one: "Judged") -> tuple[str, ...]:
    votes = ", ".join(f"{label} {count}" for label, count in sorted(one.votes.items(), key=lambda pair: -pair[1]))
    people = votes if len(one.votes) > 1 else one.label
    shown = one.text[:TEXT_CHARACTERS] or "not kept"
    return one.message[:12], one.channel, one.said, f"{one.confidence * 100:.0f} %", people, one.version, shown


def _stats(kept: "Kept") -> dict[str, Any]:
    from clfadmin.memory import live_honesty

    agreed = [one for one in kept.judged if one.label]
    changes = Counter((one.said, one.label) for one in agreed if one.label != one.said)
    honesty, words = live_honesty(kept.judged)
    return {
        "judged": len(kept.judged),
        "confirmed": sum(one.label == one.said for one in agreed),
        "corrected": changes.total(),
        "disputed": sum(len(one.votes) > 1 for one in kept.judged),
        "with_text": len(kept.corrections),
        "to_learn": len(kept.corrections.to_learn),
        "held_out": len(kept.corrections.held_out),
        "changes": [{"from": said, "to": label, "messages": count} for (said, label), count in changes.most_common()],
        "honesty": {
            "confidence": honesty.confidence,
            "cases": honesty.cases,
            "right": honesty.right,
            "share": honesty.share,
            "low": round(honesty.low, 4),
            "high": round(honesty.high, 4),
            "words": words,
        },
    }
