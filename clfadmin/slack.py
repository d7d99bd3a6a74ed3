"""`clfadmin slack`: what is needed to bring the bot into a workspace of your own."""

from typing import Annotated

import typer

from clfadmin import console

EXAMPLE = "Example: clfadmin slack manifest > manifest.json"

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def slack() -> None:
    """What is needed to bring the bot into a workspace of your own."""


@app.command(epilog=EXAMPLE)
def manifest(
    *,
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="URL", show_default=False, help="HTTP mode: Slack posts to this address."),
    ] = None,
    several: Annotated[
        bool, typer.Option("--several", help="With --http: for an app that several workspaces install by themselves.")
    ] = False,
) -> None:
    """The app manifest to paste into https://api.slack.com/apps, Create New App, From a manifest.

    It holds exactly the scopes and events the bot uses. Without --http it asks for Socket Mode.
    """
    import json

    from clfadmin.bot_facts import ask

    if several and not http:
        raise typer.BadParameter("Workspaces install it over HTTP: name its address, --http.", param_hint="--several")
    more = ["--several"] if several else []
    console.document(json.loads(ask("--manifest", *(["--http", _address(http)] if http else []), *more)))


def _address(url: str) -> str:
    if not url.startswith("https://") or len(url) <= len("https://"):
        raise typer.BadParameter(f"Slack posts to https:// addresses only, not to {url!r}.", param_hint="--http")
    return url
