"""An app that several workspaces have installed: which those are, with which tokens, and what comes and goes.

The store is the truth and every bot of the installation looks there every few seconds: one that was installed through
another bot, one whose token was renewed, one that removed the app. An event of a workspace nobody knows yet makes it
look at once.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from slack_bolt import App, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltError

from bot.app import make_app
from bot.identity import teams_of
from bot.installation import Installation, tokens_of
from bot.listeners import listen, understood
from bot.posting import Posting
from bot.scopes import REMOVED
from bot.settings import Mode, Settings
from bot.slack_client import Slack, quiet_web_client
from bot.slack_errors import trouble
from bot.store import Installed
from bot.tagger import Tagger
from bot.vault import Locked, Vault
from bot.workspace import Workspace
from worker.connection import QueueError
from worker.jobs import Keys
from worker.log import Seldom
from worker.stream import Queue
from worker.traces import About, Traces

LOOKS_EVERY = timedelta(seconds=5)
# A token that is renewed lives for twelve hours. Of several bots one tries in each of these spans.
RENEW_BEFORE = timedelta(hours=2)
RENEW_AGAIN = timedelta(minutes=5)
# Slack waits three seconds for the answer to an event.
SLACK_IN_A_HURRY = timedelta(seconds=2)
_FOUND = "clf_workspace"  # in Bolt's context

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class NotKept(BoltError):
    """An installation that is not to be, or that could not be kept. One line for the one who installs."""


class Roster:
    """Owns the app and the tagger of a process that serves several workspaces."""

    def __init__(self, settings: Settings, *, posting: Posting | None = None) -> None:
        """Raises SettingsError, Misconfigured."""
        self._settings = settings
        self.vault = Vault(settings.clf_secret_key.get_secret_value())
        self.tagger = Tagger(
            settings,
            understood,
            mode=Mode.HTTP,
            posting=posting,
            several=True,
            has_left=self._has_left,
            problems=lambda: list(self._problems.values()),
        )
        self._traces = Queue(settings.redis_url, keys=Keys(settings.clf_prefix), consumer=self.tagger.id)
        self._seen: dict[str, tuple[str, Installation]] = {}
        self._problems: dict[str, str] = {}
        self._changing = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._forever, name="roster", daemon=True)
        self._seldom = Seldom()
        self.app: App = make_app(settings, self._client(""), authorize=_authorized, before_authorize=self.admit)
        listen(self.app, self.tagger)

    def start(self) -> None:
        """Serve who has installed already, and look for more. Does not wait for Redis."""
        self._thread.start()
        self.tagger.start()

    def stop(self, within: timedelta = timedelta(seconds=15)) -> None:
        self._stopping.set()
        self._thread.join(5)
        self.tagger.stop(within)
        self._traces.close()

    # What Bolt asks

    def admit(self, body: dict[str, Any], context: dict[str, Any], next: Callable[[], object]) -> BoltResponse | None:
        """Before Bolt asks who a request is for: open a workspace that was installed a moment ago, or let one go."""
        event = body.get("event")
        try:
            workspace = self._find(body)
            if isinstance(event, dict) and event.get("type") == REMOVED:  # pyright: ignore
                return BoltResponse(status=self._hear_removal(body))
        except QueueError as error:
            if self._seldom.due("redis"):
                _log.warning("redis does not work, slack is not acknowledged and sends again", error=str(error))
            return BoltResponse(status=503)
        if not workspace and teams_of(body):
            # Of a workspace that removed the app, or of an installation we do not have: nobody's any more.
            return BoltResponse(status=200)
        context[_FOUND] = workspace
        next()
        return None

    def _find(self, body: Mapping[str, Any]) -> Workspace | None:
        if workspace := self.tagger.of(body):
            return workspace
        found = (self.look(team) for team in dict.fromkeys(teams_of(body)))
        return next((workspace for workspace in found if workspace), None)

    # Coming

    def install(
        self, slack: Slack, *, team: str, whole_organisation: bool, token: str, renewal: str, ends: int
    ) -> None:
        """Keep what Slack granted, and serve that workspace from now on. Raises NotKept, and what `slack` raises."""
        if whole_organisation or not team:
            raise NotKept("This app is installed in one workspace at a time, not in a whole organisation.")
        allowed = self._settings.workspaces
        if allowed and team not in allowed:
            with suppress(Exception):  # what Slack granted is of no use to us; that it takes it back is a courtesy
                slack.call("auth.revoke")
            raise NotKept(
                f"Workspace {team} is not among those that may install this. Whoever runs it can add it to "
                "CLF_WORKSPACES."
            )
        installation = Installation(slack.identify(), token, renewal, ends)
        store = self.tagger.store
        try:
            store.add_team(team, datetime.now(UTC))  # first: only known workspaces are looked at
            store.of(team).installs.save(installation.sealed(self.vault))
            self.look(team)
        except QueueError as error:
            _log.error("an installation could not be kept", team=team, error=str(error))
            raise NotKept("Its memory (Redis) cannot be reached just now. Install it again in a minute.") from error
        _log.info("installed", team=team)

    def look(self, team: str) -> Workspace | None:
        """Go by what the store says of a workspace now; that workspace if it is served. Raises QueueError."""
        return self._follow(team, self.tagger.store.of(team).installs.read())

    def _follow(self, team: str, found: Installed | None) -> Workspace | None:
        with self._changing:
            seen = self._seen.get(team)
            if not found or not found.sealed:
                self._close(team)
                return None
            if seen and seen[0] == found.sealed:
                return self.tagger.serves(team)
            try:
                installation = Installation.unsealed(self.vault, team, found.sealed)
            except Locked:
                self._problems[team] = f"CLF_SECRET_KEY does not open the installation of {team}: set the key it was "
                self._problems[team] += "made with, or install the app there again."
                return self.tagger.serves(team)
            self._problems.pop(team, None)
            self._seen[team] = found.sealed, installation
            return self._open(installation)

    def _open(self, installation: Installation) -> Workspace:
        workspace = self.tagger.serves(installation.me.team)
        if workspace and workspace.me == installation.me:
            workspace.slack.client.token = installation.token  # a renewed one; the old one works until it ends
            workspace.outbox.token_changed()
            return workspace
        if workspace:
            self.tagger.remove(installation.me.team)
        slack = Slack(self._client(installation.token), self.tagger.metrics.called)
        return self.tagger.add(slack, installation.me)

    def _client(self, token: str, timeout: timedelta | None = None) -> Any:
        more = {"timeout": timeout} if timeout else {}
        return quiet_web_client(token, self._settings.slack_api_url, **more)

    # Going

    def _hear_removal(self, body: Mapping[str, Any]) -> int:
        """The status to answer `app_uninstalled` with. Raises QueueError.

        Delivered late, it may be about an installation before the one there is: Slack is asked whether that works.
        """
        for team in teams_of(body):
            seen = self._seen.get(team)
            if not seen:
                continue
            try:
                Slack(self._client(seen[1].token, SLACK_IN_A_HURRY)).call("auth.test")
                return 200
            except Exception as error:
                if not trouble(error).is_about_the_token:
                    return 503
            self.tagger.store.of(team).installs.remove(seen[0], datetime.now(UTC))
            _log.info("the app was removed, everything about the workspace is erased", team=team)
        return 200

    def _close(self, team: str) -> None:
        self._problems.pop(team, None)
        if self._seen.pop(team, None):
            self.tagger.remove(team)

    def _has_left(self, team: str) -> bool:
        """Whether a workspace that is not served here is served nowhere. Raises QueueError."""
        found = self.tagger.store.of(team).installs.read()
        return not found or not found.sealed

    def _erase(self, team: str) -> None:
        """All there is of it, in the queue and in the memory. Several bots may do it side by side."""
        about = About(team=team, everything=True)
        traces = Traces(self._traces)
        traces.erase(traces.find(about))
        if traces.find(about):
            return  # in somebody's hands just now; the removal stays noted, and the next turn goes on
        traces.erase_marks(team)
        self.tagger.store.erase_team(team, datetime.now(UTC))
        _log.info("erased", team=team)

    # By the clock

    def _forever(self) -> None:
        while True:
            try:
                self.turn()
            except QueueError as error:
                if self._seldom.due("redis"):
                    _log.warning("redis does not work, installations are looked for later", error=str(error))
            # Nobody waits for this thread: whatever it is must be seen in the log, and must not be its last turn.
            except Exception:
                _log.exception("installations could not be looked for, it goes on")
            if self._stopping.wait(LOOKS_EVERY.total_seconds()):
                return

    def turn(self) -> None:
        """Look at every workspace once. Raises QueueError."""
        for team in {*self.tagger.store.teams(), *self._seen}:
            served = team in self._seen
            found = self.tagger.store.of(team).installs.read()
            self._follow(team, found)
            # Another bot may have erased it while this one was still at work there.
            if (found and not found.sealed) or (served and not found):
                self._erase(team)
            elif team in self._seen:
                self._renew(team)

    def _renew(self, team: str) -> None:
        sealed, old = self._seen[team]
        left = old.ends - time.time()
        if not old.ends or left > RENEW_BEFORE.total_seconds():
            return
        errands = self.tagger.store.of(team).errands
        span = int(left / RENEW_AGAIN.total_seconds())
        if not errands.first(f"renew:{old.ends}:{span}", datetime.now(UTC)):
            return  # another bot does, or tried a moment ago
        try:
            answer = Slack(self._client(""), self.tagger.metrics.called).call(
                "oauth.v2.access",
                client_id=self._settings.slack_client_id,
                client_secret=self._settings.slack_client_secret.get_secret_value(),
                grant_type="refresh_token",
                refresh_token=old.renewal,
            )
        except Exception as error:
            _log.warning("a token was not renewed, it is tried again", team=team, error=trouble(error).code)
            self._problems[team] = f"The token of {team} could not be renewed and ends in {max(0, left) / 60:.0f} min."
            return
        new = replace(old, **tokens_of(answer, time.time()))
        self._problems.pop(team, None)
        if self.tagger.store.of(team).installs.replace(sealed, new.sealed(self.vault)):
            self.look(team)
            _log.info("token renewed", team=team)


def _authorized(context: dict[str, Any]) -> AuthorizeResult | None:
    """Who we are in the workspace that `admit` found. Slack is not asked: the installation knows."""
    workspace: Workspace | None = context.get(_FOUND)
    if not workspace:
        return None
    me = workspace.me
    return AuthorizeResult(
        enterprise_id=None,
        team_id=me.team,
        bot_id=me.bot_id,
        bot_user_id=me.bot_user,
        bot_token=workspace.slack.client.token,
    )
