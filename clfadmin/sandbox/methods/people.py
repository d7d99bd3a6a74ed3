"""Who is who: tokens, teams, people, bots, and the way to a socket."""

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.limits import Tier
from clfadmin.sandbox.methods.call import ApiError, Call, Method, page_of
from clfadmin.sandbox.shapes import UPDATED, user_json
from clfadmin.sandbox.store import APP_ID


def api_test(call: Call) -> Json:
    error = call.args.text("error")
    if error:
        raise ApiError(error)
    return {}


def auth_test(call: Call) -> Json:
    team = call.team
    return {
        "url": f"{call.base_url}/",
        "team": team.name,
        "user": team.bot.name,
        "team_id": team.id,
        "user_id": team.bot.id,
        "bot_id": team.bot.bot_id,
        "is_enterprise_install": False,
    }


def connections_open(call: Call) -> Json:
    if not call.sandbox.hub.enabled:
        # Slack's word for an app whose Socket Mode is off is not documented.
        raise ApiError("socket_mode_not_enabled")
    address = call.base_url.replace("http", "ws", 1)
    return {"url": f"{address}/link/?ticket={call.sandbox.hub.ticket()}&app_id={APP_ID}"}


def team_info(call: Call) -> Json:
    team = call.team
    domain = team.name.lower()
    icon = {"image_default": True}
    shape = {"id": team.id, "name": team.name, "domain": domain, "email_domain": "", "icon": icon}
    return {"team": shape | {"url": f"{call.base_url}/"}}


def users_info(call: Call) -> Json:
    user = call.team.users.get(call.args.text("user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": user_json(call.team, user)}


def users_list(call: Call) -> Json:
    users, cursor = page_of(list(call.team.users.values()), call)
    return {
        "members": [user_json(call.team, user) for user in users],
        "cache_ts": UPDATED,
        "response_metadata": {"next_cursor": cursor},
    }


def bots_info(call: Call) -> Json:
    bot = call.team.bot_named(call.args.text("bot"))
    if bot is None:
        raise ApiError("bot_not_found")
    return {
        "bot": {
            "id": bot.bot_id,
            "deleted": False,
            "name": bot.name,
            "updated": UPDATED,
            "app_id": bot.app_id,
            "user_id": bot.id,
            "icons": {"image_36": "", "image_48": "", "image_72": ""},
        }
    }


METHODS = (
    Method("api.test", api_test, Tier.FOUR, caller="anyone"),
    Method("auth.test", auth_test, Tier.NONE),
    Method("apps.connections.open", connections_open, Tier.ONE, caller="app"),
    Method("team.info", team_info, Tier.THREE, "team:read"),
    Method("users.info", users_info, Tier.FOUR, "users:read"),
    Method("users.list", users_list, Tier.TWO, "users:read"),
    Method("bots.info", bots_info, Tier.THREE, "users:read"),
)
