"""`/_sandbox/…`, the part about people and places."""

from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import available_timezones

from clfadmin.sandbox.authorize import allow, problem_of
from clfadmin.sandbox.door import Handler, Refused, Visit
from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.store import DEFAULT_ZONE, KINDS, STRANGE_TEAM, Kind, User

DONE: Json = {"ok": True}


async def add_channel(visit: Visit) -> Json:
    kind = visit.text("kind", "channel")
    if kind not in KINDS:
        raise Refused(f"'kind' can be {', '.join(KINDS)}, not {kind!r}.")
    people = [user for user in visit.workspace.team.users.values() if not user.bot_id]
    members = [visit.user(name) for name in visit.texts("members")]
    if not members and kind in ("im", "mpim"):
        raise Refused("'members' is missing: a direct conversation is with somebody.")
    members = members or people
    creator = visit.user(visit.text("creator") or members[0].name)
    ids = list(dict.fromkeys([creator.id, *(user.id for user in members)]))
    bot = visit.workspace.team.bot
    if visit.flag("bot", default=True):
        ids.append(bot.id)
    name = visit.text("name") or _name_of_direct(kind, members)
    return _existing_or_new(visit, name, kind, ids, creator.id)


def _name_of_direct(kind: str, members: list[User]) -> str:
    names = [user.name for user in members]
    if kind == "im":
        return "dm-" + "-".join(names)
    if kind == "mpim":
        return "mpdm-" + "--".join(names) + "-1"
    raise Refused("'name' is missing.")


def _existing_or_new(visit: Visit, name: str, kind: Kind, ids: list[str], creator: str) -> Json:
    """A direct conversation of the same people is the same one, as in Slack."""
    team = visit.workspace.team
    for channel in team.channels.values():
        if kind in ("im", "mpim") and channel.kind == kind and set(channel.members) == set(ids):
            return {"ok": True, "channel": channel.id, "name": channel.name}
    if team.channel(name) is not None:
        raise Refused(f"name_taken: there is a channel {name!r} already.", 409)
    shared_with = STRANGE_TEAM if visit.flag("shared") else ""
    channel = visit.workspace.add_channel(name, kind, ids, creator, shared_with=shared_with)
    return {"ok": True, "channel": channel.id, "name": channel.name}


async def add_user(visit: Visit) -> Json:
    """An unknown `team` becomes a second workspace with the bot in it."""
    name, team = visit.needed("name"), visit.text("team")
    workspace = visit.sandbox.workspace(team) or visit.sandbox.add_team(
        team, installed=visit.flag("installed", default=True)
    )
    user = workspace.team.user(name)
    if user is not None:
        raise Refused(f"There is a user {name!r} already.", 409)
    user = workspace.add_user(name, bot=visit.flag("bot"), **_standing(visit))
    return {"ok": True, "user": user.id, "team": workspace.team.id, "bot_token": workspace.team.bot_token}


def _standing(visit: Visit) -> dict[str, Any]:
    """What a person may do, and where their clock is."""
    guest, zone = visit.body.get("guest", False), visit.text("tz", DEFAULT_ZONE)
    if guest not in (False, True, "multi", "single"):
        raise Refused("'guest' can be true or multi (several channels), or single (one channel).")
    if zone not in available_timezones():
        raise Refused(f"No time zone {zone!r}. Name one such as Europe/Berlin.")
    return {
        "admin": visit.flag("admin") or visit.flag("owner"),
        "owner": visit.flag("owner"),
        "guest": "multi" if guest is True else str(guest or ""),
        "tz": zone,
        "home": STRANGE_TEAM if visit.flag("stranger") else "",
    }


async def change_membership(visit: Visit) -> Json:
    channel, user = visit.channel(visit.needed("channel")), visit.user(visit.needed("user"))
    if visit.flag("join", default=True):
        inviter = visit.text("inviter")
        visit.workspace.join(channel, user, inviter=visit.user(inviter).id if inviter else "")
    else:
        remover = visit.text("remover")
        visit.workspace.leave(channel, user, remover=visit.user(remover).id if remover else "")
    return DONE


async def archive(visit: Visit) -> Json:
    """`archive` false brings the channel back."""
    channel, user = visit.channel(visit.needed("channel")), visit.user(visit.needed("user"))
    visit.workspace.archive(channel, user, archived=visit.flag("archive", default=True))
    return DONE


async def share(visit: Visit) -> Json:
    """With another organisation, or with `share` false no longer."""
    visit.workspace.share(visit.channel(visit.needed("channel")), shared=visit.flag("share", default=True))
    return DONE


async def install(visit: Visit) -> Json:
    """Somebody presses Allow; what the browser would carry to the app."""
    scope = visit.text("scope", ",".join(visit.workspace.team.scopes))
    asked = {"client_id": visit.sandbox.settings.client_id, "scope": scope, "state": visit.text("state")}
    asked["redirect_uri"] = visit.text("redirect_uri")
    problem = problem_of(visit.sandbox, asked)
    if problem:
        raise Refused(problem)
    url = allow(visit.sandbox, visit.workspace, visit.user(visit.needed("user")).id, asked)
    return {"ok": True, "url": url, "code": parse_qs(urlsplit(url).query)["code"][0]}


async def uninstall(visit: Visit) -> Json:
    visit.sandbox.uninstall(visit.workspace)
    return DONE


CALLS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/channels", add_channel),
    ("POST", "/users", add_user),
    ("POST", "/membership", change_membership),
    ("POST", "/archive", archive),
    ("POST", "/sharing", share),
    ("POST", "/install", install),
    ("POST", "/uninstall", uninstall),
)
