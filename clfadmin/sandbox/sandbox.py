"""The whole sandbox: its teams and everything they share."""

import asyncio
from dataclasses import dataclass, field

from clfadmin.sandbox.asks import Asks
from clfadmin.sandbox.clock import Clock
from clfadmin.sandbox.delivery import Carrier, Dispatcher
from clfadmin.sandbox.faults import Faults
from clfadmin.sandbox.http_events import HttpPost
from clfadmin.sandbox.ids import Ids
from clfadmin.sandbox.installs import Installs
from clfadmin.sandbox.limits import Limits
from clfadmin.sandbox.live import LiveFeed
from clfadmin.sandbox.log import Log
from clfadmin.sandbox.settings import Settings
from clfadmin.sandbox.sockets import SocketHub
from clfadmin.sandbox.store import APP_ID, Team, User
from clfadmin.sandbox.workspace import Workspace

BOT_NAME = "sentiment"
# What the app's manifest names, until POST /_sandbox/app says otherwise.
COMMANDS = ("/sentiment",)
SHORTCUTS = {"sentiment": "Sentiment of this message"}
MAIN_TEAM = "T0SANDBOX"


@dataclass
class Sandbox:
    """Lives in one event loop: nothing in here waits, so nothing needs a lock."""

    settings: Settings
    ids: Ids = field(default_factory=Ids)
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    log: Log = field(default_factory=Log)
    live: LiveFeed = field(default_factory=LiveFeed)
    workspaces: dict[str, Workspace] = field(default_factory=dict[str, Workspace])
    commands: list[str] = field(default_factory=lambda: list(COMMANDS))
    shortcuts: dict[str, str] = field(default_factory=lambda: dict(SHORTCUTS))

    def __post_init__(self) -> None:
        self.limits = Limits(self.clock)
        self.installs = Installs(self.clock)
        self.hub = SocketHub(self.clock, self.faults, self.log, self.live)
        self.carrier: Carrier = self.hub
        self.http: HttpPost | None = None
        if not self.settings.socket_mode:
            self.hub.enabled = False
            self.http = HttpPost(self.settings.events_url, self.settings.signing_secret, self.log, self.live)
            self.carrier = self.http
        self.dispatcher = Dispatcher(self.clock, self.faults, self.log, self.carrier)
        self.asks = Asks(self.dispatcher)
        self.add_team("Sandbox")

    def add_team(self, name: str, *, installed: bool = True) -> Workspace:
        """A further workspace with the bot in it; its token is the main one with the name behind it.

        Not `installed`: the app comes in by OAuth, and the bot into channels by invitation.
        """
        first = not self.workspaces
        team_id = MAIN_TEAM if first else self.ids.named("T", f"0{name}", self.workspaces, width=3)
        token = self.settings.bot_token if first else f"{self.settings.bot_token}-{name}"
        bot = User("U0BOT", BOT_NAME, bot_id="B0SANDBOX", app_id=APP_ID)
        team = Team(team_id, name, token, bot, installed)
        workspace = Workspace(team, self.ids, self.faults, self.live, self.dispatcher.publish)
        self.workspaces[team_id] = workspace
        if installed:
            self.installs.adopt(token, team_id)
        else:
            for channel in team.channels.values():
                channel.members.remove(bot.id)
        return workspace

    def workspace(self, name_or_id: str) -> Workspace | None:
        """The main one when nothing is named."""
        if not name_or_id:
            return self.workspaces[MAIN_TEAM]
        return next((one for one in self.workspaces.values() if name_or_id in (one.team.id, one.team.name)), None)

    def workspace_of(self, bot_token: str) -> Workspace | None:
        return self.workspaces.get(self.installs.find(bot_token)[0])

    def uninstall(self, workspace: Workspace) -> None:
        """Somebody took the app out of a workspace: no token works there, and the app hears that, and nothing more."""
        self.installs.end(workspace.team.id)
        workspace.uninstalled()

    def reset(self) -> None:
        """An empty workspace. The app's sockets stay open, and ids and ts never start again."""
        self.dispatcher.clear()
        self.faults.clear()
        self.log.clear()
        self.limits.clear()
        self.clock.set_speed(1.0)
        self.hub.enabled = self.settings.socket_mode
        self.commands, self.shortcuts = list(COMMANDS), dict(SHORTCUTS)
        self.workspaces.clear()
        self.installs.clear()
        self.add_team("Sandbox")
        self.live.announce({"kind": "reset"})

    def start(self) -> None:
        """To be called in the event loop, once the sandbox listens."""
        if self.http is not None:
            self.verifying = asyncio.ensure_future(self.http.verify())

    def stop(self) -> None:
        self.dispatcher.clear()
        if self.http is not None:
            self.verifying.cancel()
            self.http.close()
