"""`clfadmin doctor`: what is wrong with this installation, and how to mend it."""

from dataclasses import asdict
from typing import Annotated

import typer

from clfadmin import console
from clfadmin.options import Home, Json, RedisUrl

EXAMPLE = "Example: clfadmin doctor --json"


def doctor(
    *,
    bring_back: Annotated[
        bool, typer.Option("--bring-back", help="First hand orphaned entries of the queue to the next reader.")
    ] = False,
    json: Json = False,
    home: Home = None,
    redis_url: RedisUrl = None,
) -> None:
    """Check Slack's settings, Redis, queue, workers, clock and disk; name each problem with its remedy.

    The exit code is 1 when there is a problem. With Slack's tokens in the environment Slack is asked too.
    """
    from clfadmin import facts, settings
    from clfadmin.findings import State
    from clfadmin.queue_checks import QUEUE_CHECKS
    from clfadmin.slack_checks import SLACK_CHECKS

    chosen = settings.load(home=home, redis_url=redis_url)
    if bring_back:
        console.note(f"brought back {facts.bring_back(chosen)} entries")
    known = facts.gather(chosen)
    found = [finding for check in (*SLACK_CHECKS, *QUEUE_CHECKS) for finding in check(known)]
    if json:
        console.document([asdict(finding) for finding in found])
    else:
        console.table(
            ("check", "state", "what", "what to do"),
            [(finding.check, finding.state.value, finding.what, finding.remedy) for finding in found],
        )
    if any(finding.state is State.PROBLEM for finding in found):
        raise typer.Exit(1)
