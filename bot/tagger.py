"""Everything the tagger runs beside a Bolt app: its workspaces, poster and heartbeat, started and stopped together."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from slack_bolt import BoltResponse

from bot.beat import Beat, Link, ServerClock
from bot.identity import Identity, teams_of
from bot.intake import Decide
from bot.listening import HASTE
from bot.metrics import Metrics
from bot.poster import Poster
from bot.posting import Posting
from bot.settings import Mode, Settings
from bot.slack_client import Slack
from bot.store import Store
from bot.workspace import Common, Workspace
from worker.connection import Full, QueueError, Unavailable, check_server
from worker.fleet import Fleet, QueueLengths
from worker.jobs import Keys
from worker.stream import enqueuer

# A poster that has not turned for this long hangs; it rests for half a minute when Redis refuses it.
STUCK = timedelta(seconds=60)
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Health:
    """`alive`: restarting would not help. `ready`: events arrive and replies go out. `problems`: one line each."""

    alive: bool
    ready: bool
    problems: list[str]


class Tagger:
    """Made by `bot.listeners.register`, or by the roster for an app that several workspaces install."""

    def __init__(
        self,
        settings: Settings,
        decide: Decide,
        *,
        mode: Mode = Mode.PLUGIN,
        posting: Posting | None = None,
        several: bool = False,
        has_left: Callable[[str], bool] = lambda _: False,
        problems: Callable[[], list[str]] = list,
    ) -> None:
        """Without a workspace yet: see `add`; `several`: there may be any number, else there is one. `has_left` as the
        poster's; `problems` are further ones for people to see, one line each. Raises SettingsError, Misconfigured.
        """
        url, keys, posting = settings.redis_url, Keys(settings.clf_prefix), posting or Posting()
        self.metrics = Metrics()
        self.link = Link(mode, connected=mode is Mode.PLUGIN, on_missed=self._open_gaps)
        self.metrics.connected.set_function(lambda: self.link.connected)
        # Fresh for each start: the name is the fence between this process and those before it.
        self.id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._clock = ServerClock()
        self.poster = Poster(
            url,
            self.metrics,
            keys=keys,
            consumer=self.id,
            now_ms=self._clock,
            posting=posting,
            on_lost=self._open_gaps,
            has_left=has_left,
        )
        self._common = Common(
            settings,
            posting,
            self.metrics,
            self.link,
            self._clock,
            store=Store(url, keys=keys),
            hasty=Store(url, keys=keys, patience=HASTE),
            enqueuer=enqueuer(url, keys=keys),
            fleet=Fleet(url, keys=keys),
            poster=self.poster,
            id=self.id,
            decide=decide,
        )
        self._workspaces: dict[str, Workspace] = {}  # replaced as a whole, so that threads may go through it
        self._changing = threading.Lock()
        self._started, self._several = False, several
        self._more_problems = problems
        self._greet()
        self.beat = Beat(
            Fleet(url, keys=keys),
            lambda: [(workspace.slack, workspace.me) for workspace in self.workspaces],
            self.link,
            id=self.id,
            clock=self._clock,
            last_event=lambda: max((one.intake.last_event for one in self.workspaces), default=0.0),
            problem=lambda: self.poster.problem or self.poster.paused or next(iter(self._of_workspaces()), ""),
            pause=self.poster.pause,
            catching_up=lambda: any(one.catch_up.running for one in self.workspaces),
            crowded=lambda: len(self.poster.crowded),
        )

    def _greet(self) -> None:
        """Fail at once on what no waiting mends: a wrong password, a server too old."""
        try:
            check_server(self._common.enqueuer.client)
            self._common.enqueuer.ensure_groups()
            self._clock.set(self._common.fleet.now_ms())
        except (Unavailable, Full) as error:
            _log.warning("redis does not work yet; slack is not acknowledged until it does", error=str(error))

    # Workspaces

    @property
    def workspaces(self) -> list[Workspace]:
        return list(self._workspaces.values())

    @property
    def workspace(self) -> Workspace:
        """The only one, of an app that has a token of its own."""
        (only,) = self.workspaces
        return only

    @property
    def store(self) -> Store:
        return self._common.store

    def add(self, slack: Slack, me: Identity) -> Workspace:
        """Tag a workspace's messages from now on, or from `start` on."""
        with self._changing:
            workspace = Workspace(self._common, slack, me)
            try:
                workspace.tidy()
            except QueueError as error:
                _log.warning("redis does not work yet", error=str(error))
            self._workspaces = self._workspaces | {me.team: workspace}
            if self._started:
                self._start(workspace)
        return workspace

    def remove(self, team: str) -> None:
        """Hear, post and read nothing more of a workspace."""
        with self._changing:
            workspace = self._workspaces.get(team)
            self._workspaces = {name: one for name, one in self._workspaces.items() if name != team}
        if workspace:
            workspace.stop_hearing()
            self.poster.shut(team)
            workspace.close()

    def serves(self, team: str) -> Workspace | None:
        return self._workspaces.get(team)

    def of(self, body: Mapping[str, Any]) -> Workspace | None:
        """The workspace that a request of Slack's is for. Of an app with a token of its own the only one, which says
        itself whether a request is for it.
        """
        if not self._several:
            return self.workspace
        return next((found for team in teams_of(body) if (found := self._workspaces.get(team))), None)

    def on_event(self, body: dict[str, Any], next: Callable[[], object]) -> BoltResponse | None:
        """A global middleware of Bolt: see Intake.on_event."""
        workspace = self.of(body)
        if workspace:
            return workspace.intake.on_event(body, next)
        next()
        return None

    def _open_gaps(self) -> None:
        for workspace in self.workspaces:
            workspace.gaps.open_everywhere()

    # From start to end

    def start(self) -> None:
        self.poster.start()
        with self._changing:
            self._started = True
            for workspace in self.workspaces:
                self._start(workspace)
        self.beat.start()

    def _start(self, workspace: Workspace) -> None:
        workspace.start()
        me = workspace.me
        _log.info("tagging", team=me.team, bot=me.bot_user, mode=self.link.mode.value, id=self.id)

    def stop(self, within: timedelta = timedelta(seconds=15)) -> None:
        """Let the replies under way end, give back the rest, sign off. Events should have been stopped before."""
        workspaces = self.workspaces
        for workspace in workspaces:
            workspace.stop_hearing()
        self.poster.stop(within)
        self.beat.stop()
        for workspace in workspaces:
            workspace.close()
        self._common.enqueuer.close()
        self._common.fleet.close()
        self._common.store.close()
        self._common.hasty.close()

    def health(self) -> Health:
        alive = time.monotonic() - self.poster.turned < STUCK.total_seconds()
        problems = [] if alive else ["The poster hangs."]
        if not self.link.connected:
            problems.append("Slack cannot reach us at present.")
        if self.poster.problem:
            problems.append(self.poster.problem)
        return Health(alive, alive and not problems, problems + self._of_workspaces())

    def _of_workspaces(self) -> list[str]:
        """What stands in the way of some of several workspaces."""
        if not self._several:
            return []
        refused = [
            f"{one.me.team_name or one.me.team}: {why}" for one in self.workspaces if (why := one.outbox.refused)
        ]
        return refused + self._more_problems()

    def queue_lengths(self) -> QueueLengths | None:
        """How full the queue is; None where Redis is down or does not let us look."""
        try:
            return self._common.fleet.lengths()
        except QueueError:
            return None
