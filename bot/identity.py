"""Who we are in Slack: the installation whose messages we tag and whose posts we must not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Identity:
    """`team` is our installation's and goes into every job id; an event's own team differs in shared channels."""

    team: str
    bot_user: str
    bot_id: str = ""
    app: str = ""  # empty while unknown
    name: str = ""
    team_name: str = ""
    url: str = ""  # the workspace's address, ending in a slash


def from_auth_test(answer: Mapping[str, Any], *, app: str = "") -> Identity:
    """From what `auth.test` answered."""

    def text(name: str) -> str:
        value = answer.get(name)
        return value if isinstance(value, str) else ""

    return Identity(
        team=text("team_id"),
        bot_user=text("user_id"),
        bot_id=text("bot_id"),
        app=app or text("app_id"),
        name=text("user"),
        team_name=text("team"),
        url=text("url"),
    )


def teams_of(body: Mapping[str, Any]) -> list[str]:
    """The workspaces a request may be for, likeliest first: in a channel shared with another organisation it bears the
    sender's team, and names ours among those it is authorised for.
    """
    granted: Any = body.get("authorizations")
    found = [_part(one, "team_id") for one in granted] if isinstance(granted, list) else []  # pyright: ignore
    found += [body.get("team_id"), _part(body.get("team"), "id"), _part(body.get("user"), "team_id")]
    return [one for one in found if isinstance(one, str) and one]


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None  # pyright: ignore


def is_for(body: Mapping[str, Any], me: Identity) -> bool:
    """Whether an event was meant for our app and installation. What the event leaves out speaks for nobody."""
    app = body.get("api_app_id")
    if me.app and app is not None and app != me.app:
        return False
    teams = [body.get("team_id")]
    installations: Any = body.get("authorizations")
    if isinstance(installations, list):
        # In a channel shared with another organisation the event bears the sender's team.
        teams += [one.get("team_id") for one in installations if isinstance(one, dict)]  # pyright: ignore
    known = [team for team in teams if team is not None]
    return not known or me.team in known
