"""oauth.v2.* and what ends an installation."""

import hmac

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.installs import ROTATED_LIFE
from clfadmin.sandbox.limits import Tier
from clfadmin.sandbox.methods.call import ApiError, Call, Method
from clfadmin.sandbox.store import APP_ID


def check_client(call: Call) -> None:
    """Id and secret of the app, as arguments; the endpoint has put those of an Authorization header there."""
    settings = call.sandbox.settings
    if call.args.text("client_id") != settings.client_id:
        raise ApiError("invalid_client_id")
    if not hmac.compare_digest(call.args.text("client_secret").encode(), settings.client_secret.encode()):
        raise ApiError("bad_client_secret")


def issued(call: Call, team_id: str, *, rotated: bool) -> Json:
    token, refresh = call.sandbox.installs.issue(team_id, rotated=rotated)
    team = call.sandbox.workspaces[team_id].team
    answer: Json = {
        "access_token": token,
        "token_type": "bot",
        "scope": ",".join(team.scopes),
        "bot_user_id": team.bot.id,
        "app_id": APP_ID,
        "team": {"id": team.id, "name": team.name},
        "enterprise": None,
        "is_enterprise_install": False,
    }
    return answer | ({"refresh_token": refresh, "expires_in": ROTATED_LIFE} if rotated else {})


def access(call: Call) -> Json:
    """A code for a token, or a refresh token for the next one."""
    check_client(call)
    installs, grant = call.sandbox.installs, call.args.text("grant_type", "authorization_code")
    if grant == "refresh_token":
        team = installs.renew(call.args.text("refresh_token"))
        if team not in call.sandbox.workspaces:
            raise ApiError("invalid_refresh_token")
        return issued(call, team, rotated=True)
    if grant != "authorization_code":
        raise ApiError("invalid_grant_type")
    code, error = installs.redeem(call.args.text("code"), call.args.text("redirect_uri"))
    if code is None or code.team not in call.sandbox.workspaces:
        raise ApiError(error or "invalid_code")
    call.sandbox.workspaces[code.team].team.installed = True
    return issued(call, code.team, rotated=installs.rotation) | {"authed_user": {"id": code.user}}


def exchange(call: Call) -> Json:
    """A token without an end for one that is renewed."""
    check_client(call)
    if not call.sandbox.installs.rotation:
        raise ApiError("token_rotation_not_enabled")
    return issued(call, call.team.id, rotated=True)


def uninstall(call: Call) -> Json:
    check_client(call)
    call.sandbox.uninstall(call.workspace)
    return {}


def revoke(call: Call) -> Json:
    """The last token takes the whole installation with it."""
    if call.args.flag("test"):
        return {"revoked": False}
    call.sandbox.installs.revoke(call.token)
    if call.sandbox.installs.alive(call.team.id):
        call.workspace.tokens_revoked()
    else:
        call.sandbox.uninstall(call.workspace)
    return {"revoked": True}


METHODS = (
    Method("oauth.v2.access", access, Tier.FOUR, caller="anyone"),
    Method("oauth.v2.exchange", exchange, Tier.FOUR),
    Method("apps.uninstall", uninstall, Tier.ONE),
    Method("auth.revoke", revoke, Tier.THREE),
)
