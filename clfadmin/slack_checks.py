"""Slack's side of `clfadmin doctor`: tokens, scopes, sockets, channels, events. Functions from facts to findings."""

from clfadmin.bot_facts import SlackFacts, WorkspaceFacts, invitation
from clfadmin.findings import Facts, Finding, State, good, problem, unknown, warning


def tokens(facts: Facts) -> list[Finding]:
    """Right kinds, accepted by Slack."""
    slack = facts.slack
    if slack is None:
        return unknown("tokens", facts.no_slack)
    if slack.mode_error:
        return [_wrong_token(slack.mode_error, slack)]
    if slack.workspaces is not None:
        return _installations(slack.workspaces)
    if slack.auth_error and slack.auth_passing:
        return unknown("tokens", f"Slack does not answer ({slack.auth_error})")
    if slack.auth_error:
        what = f"Slack refuses SLACK_BOT_TOKEN: {slack.auth_error}"
        remedy = "Copy the Bot User OAuth Token again (Slack's app settings, OAuth & Permissions), or install the app."
        return problem("tokens", what, remedy)
    return good("tokens", f"Slack knows the bot @{slack.bot_name} in {slack.team}")


def _installations(workspaces: tuple[WorkspaceFacts, ...]) -> list[Finding]:
    if not workspaces:
        remedy = "Open /slack/install at the bot's public address in a browser."
        return warning("tokens", "no workspace has installed the app yet", remedy)
    if refused := [one for one in workspaces if one.error and not one.passing]:
        what = "; ".join(f"{one.name}: {one.error}" for one in refused)
        remedy = "Install the app there again, or erase what is left: clfadmin forget --everything --team ID."
        return problem("tokens", what, remedy)
    if silent := [one.name for one in workspaces if one.error]:
        return unknown("tokens", f"Slack does not answer for {', '.join(silent)}")
    return good("tokens", f"Slack knows the bot in {', '.join(one.name for one in workspaces)}")


def _wrong_token(error: str, slack: SlackFacts) -> Finding:
    if slack.bot_kind not in ("bot", "several"):
        what = f"SLACK_BOT_TOKEN is {_kind(slack.bot_kind)}, a bot token is needed"
        remedy = "Use the Bot User OAuth Token (xoxb-) of Slack's app settings, OAuth & Permissions."
    elif slack.app_kind not in ("app", "missing"):
        what = f"SLACK_APP_TOKEN is {_kind(slack.app_kind)}, an app-level token is needed"
        remedy = "Use an App-Level Token (xapp-) with connections:write of Slack's app settings, Basic Information."
    else:
        what, remedy = error, "README, Connecting a workspace, lists what to set."
    return Finding("tokens", State.PROBLEM, what, remedy)


def _kind(kind: str) -> str:
    return {"missing": "not set", "other": "no token of Slack's"}.get(kind, f"the wrong kind of token ({kind})")


def scopes(facts: Facts) -> list[Finding]:
    slack = facts.slack
    missing = _missing_scopes(slack)
    if missing is None:
        return unknown("scopes", "Slack did not tell what the token may do")
    if missing:
        what = f"the bot token lacks {', '.join(missing)}"
        remedy = "Add them under OAuth & Permissions (or paste `clfadmin slack manifest`), then reinstall the app."
        return problem("scopes", what, remedy)
    return good("scopes", "the bot token has every scope the bot uses")


def _missing_scopes(slack: SlackFacts | None) -> list[str] | None:
    """Of any workspace; None where Slack did not tell."""
    if slack is None:
        return None
    told = [slack.missing_scopes, *(one.missing_scopes for one in slack.workspaces or ())]
    known = [one for one in told if one is not None]
    return sorted({name for one in known for name in one}) if known else None


def socket_mode(facts: Facts) -> list[Finding]:
    """Whether a socket can be opened; Slack does not document its word for Socket Mode being off."""
    slack = facts.slack
    if slack is None or slack.mode != "socket":
        return []
    if slack.app_error and slack.app_passing:
        return unknown("socket mode", f"Slack does not answer ({slack.app_error})")
    if slack.app_error in ("invalid_auth", "not_authed", "token_revoked", "account_inactive"):
        what = f"Slack refuses SLACK_APP_TOKEN: {slack.app_error}"
        remedy = "Make a new App-Level Token with connections:write (Slack's app settings, Basic Information)."
        return problem("socket mode", what, remedy)
    if slack.app_error in ("missing_scope", "not_allowed_token_type"):
        what = f"SLACK_APP_TOKEN may not open sockets: {slack.app_error}"
        remedy = "Make an App-Level Token (xapp-) with the scope connections:write (Basic Information)."
        return problem("socket mode", what, remedy)
    if slack.app_error:
        what = f"Slack opens no socket ({slack.app_error}): Socket Mode is off"
        return problem("socket mode", what, "Switch it on: Slack's app settings, Socket Mode.")
    return good("socket mode", "Slack opens sockets for the app")


def bots(facts: Facts) -> list[Finding]:
    """Running, connected, able to post."""
    if facts.server is None:
        return []
    if not facts.bots:
        return problem("bot", "no bot runs", "Start `clfadmin up`, or `python -m bot`.")
    wrong = [bot for bot in facts.bots if bot.problem or not bot.connected]
    if not wrong:
        return good("bot", f"{len(facts.bots)} connected to Slack")
    what = "; ".join(f"{bot.id}: {bot.problem or 'not connected to Slack'}" for bot in wrong)
    return problem("bot", what, "It tries on by itself; its log says more.")


def channels(facts: Facts) -> list[Finding]:
    known = [bot.channels for bot in facts.bots if bot.channels >= 0]
    if facts.slack and facts.slack.channels is not None:
        known.append(facts.slack.channels)
    if facts.slack and facts.slack.workspaces:
        known.append(sum(one.channels or 0 for one in facts.slack.workspaces))
    if not known:
        return unknown("channels", "nobody has counted them")
    if max(known) == 0:
        names = [facts.slack.bot_name] if facts.slack else [bot.bot_name for bot in facts.bots]
        return warning("channels", "the bot is in no channel", f"{invitation(names[0] or None)}.")
    return good("channels", f"the bot is in {max(known)}")


def events(facts: Facts) -> list[Finding]:
    if not facts.bots:
        return []
    if not any(bot.last_event_ms for bot in facts.bots):
        remedy = (
            "Write a message in a channel of the bot. If this stays: Slack's app settings, Event Subscriptions, must "
            "list the events of `clfadmin slack manifest`."
        )
        return warning("events", "no event has come from Slack since the bot started", remedy)
    return good("events", "events come in")


def environments(facts: Facts) -> list[Finding]:
    """Slack hands each event to one socket of the app: a second environment takes events away."""
    found: list[Finding] = []
    ours = [bot for bot in facts.bots if bot.mode == "socket"]
    for app in sorted({bot.app for bot in ours}):
        sockets = [bot.sockets for bot in ours if bot.app == app]
        if max(sockets) > len(sockets):
            what = f"Slack counted {max(sockets)} sockets of the app, {len(sockets)} belong to bots of this queue"
            remedy = (
                "Another environment uses the same app token and takes a share of the events: give each its own app. "
                "Right after a restart the old socket may still be counted."
            )
            found += warning("environments", what, remedy)
    return found or (good("environments", "all sockets of the app are ours") if ours else [])


SLACK_CHECKS = (tokens, scopes, socket_mode, bots, channels, events, environments)
