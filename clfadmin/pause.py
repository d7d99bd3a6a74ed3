"""`clfadmin pause` and `resume`: nothing is posted for a while, and nothing is lost."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from clfadmin import console
from clfadmin.options import Home, RedisUrl

PAUSE_EXAMPLE = 'Example: clfadmin pause --why "the label names are being changed"'
RESUME_EXAMPLE = "Example: clfadmin resume"
LONGEST = 200


def pause(
    *,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Shown to whoever looks at the status.")] = "",
    home: Home = None,
    redis_url: RedisUrl = None,
) -> None:
    """Stop all posting. Messages are heard and labelled as before, and the replies wait in the queue."""
    from clfadmin import facts, settings

    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    said = f": {console.plain(' '.join(why.split()))[:LONGEST]}" if why else ""
    with closing(facts.open_fleet(settings.load(home=home, redis_url=redis_url))) as fleet:
        fleet.pause(f"Paused by the operator since {since}{said}")
    console.say("Posting stops within two seconds; replies are kept. `clfadmin resume` lets them go.")


def resume(*, home: Home = None, redis_url: RedisUrl = None) -> None:
    """Post again, beginning with the replies that waited."""
    from clfadmin import facts, settings

    with closing(facts.open_fleet(settings.load(home=home, redis_url=redis_url))) as fleet:
        was_paused = bool(fleet.paused())
        fleet.pause("")
        waiting = fleet.stats().results
    console.say(f"Posting goes on, {waiting:,} replies wait." if was_paused else "Posting was not paused.")
