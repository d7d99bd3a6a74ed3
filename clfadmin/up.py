"""`clfadmin up`: broker, sandbox, bot and workers in one terminal, started in order, watched, stopped in order."""

from typing import Annotated

import typer

from clfadmin import console
from clfadmin.options import Home, RedisUrl

EXAMPLE = "Example: clfadmin up --port 8123 --no-browser"


def up(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Of the page on 127.0.0.1; 0 takes any free port.")
    ] = 8080,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page when it is ready.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that hold the model.")] = 1,
    home: Home = None,
    redis_url: RedisUrl = None,
) -> None:
    """Run everything in this terminal until Ctrl-C: broker, local Slack, bot and workers.

    The embedded Valkey is started unless CLF_REDIS_URL is set, and the local Slack unless Slack's tokens are set. What
    dies is started again.
    """
    from clfadmin import plan, run_all, settings

    chosen = settings.load(home=home, redis_url=redis_url)
    console.note(f"home: {chosen.home}")
    with run_all.only_one(chosen.home):
        free = plan.free_port(port)
        planned = plan.make(chosen, settings.SlackTokens(), port=free, workers=workers)
        run_all.run(planned, browser=not no_browser)
