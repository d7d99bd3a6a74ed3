"""Everything the tagger runs beside a Bolt app: intake, poster and heartbeat, started and stopped together."""

import os
import secrets
import socket
import time
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from slack_sdk import WebClient

from bot.beat import Beat, Link, ServerClock
from bot.catchup import CatchUp
from bot.gaps import Gaps
from bot.intake import Decide, Intake
from bot.metrics import Metrics
from bot.poster import Poster, Posting
from bot.replies import Style
from bot.settings import Mode, ReplyMode, Settings
from bot.slack_client import Slack, like
from worker.connection import Full, QueueError, Unavailable, check_server
from worker.fleet import Fleet, QueueLengths
from worker.jobs import Keys
from worker.stream import Queue, enqueuer

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
    """Made by `bot.listeners.register`."""

    def __init__(
        self,
        client: WebClient,
        settings: Settings,
        decide: Decide,
        *,
        mode: Mode = Mode.PLUGIN,
        posting: Posting | None = None,
    ) -> None:
        """Asks Slack who we are. Raises SettingsError, Misconfigured, and what WebClient raises."""
        url, keys = settings.redis_url, Keys(settings.clf_prefix)
        slack = Slack(like(client))
        self.me = slack.identify()
        self.metrics = Metrics()
        self.gaps = Gaps()
        self.link = Link(mode, connected=mode is Mode.PLUGIN, on_reconnect=self.gaps.open_everywhere)
        self.metrics.connected.set_function(lambda: self.link.connected)
        # Fresh for each start: the name is the fence between this process and those before it.
        self.id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._enqueuer = enqueuer(url, keys=keys)
        self._fleet = Fleet(url, keys=keys)
        self._clock = ServerClock()
        self._greet()
        self.intake = Intake(
            self._enqueuer,
            slack,
            self.me,
            self.metrics,
            self.gaps,
            decide=decide,
            limit=settings.clf_max_queue,
            alone=mode is not Mode.PLUGIN,
            hints=settings.clf_reply is not ReplyMode.NONE,
        )
        posting = posting or Posting()
        self.catch_up = CatchUp(
            Queue(url, keys=keys),
            slack,
            self.me,
            self.gaps,
            self.metrics,
            decide=decide,
            limit=settings.clf_max_queue,
            limits=posting.limits,
        )
        style = Style(settings.clf_reply, settings.clf_unsure, self.me.url)
        self.poster = Poster(
            url,
            slack,
            self.metrics,
            keys=keys,
            consumer=self.id,
            now_ms=self._clock,
            posting=replace(posting, style=style),
            on_lost=self.gaps.open_everywhere,
        )
        self.beat = Beat(
            Fleet(url, keys=keys),
            slack,
            self.me,
            self.link,
            id=self.id,
            clock=self._clock,
            last_event=lambda: self.intake.last_event,
            problem=lambda: self.poster.problem or self.poster.paused,
            pause=self.poster.pause,
            catching_up=lambda: self.catch_up.running,
            crowded=lambda: len(self.poster.crowded),
        )

    def _greet(self) -> None:
        """Fail at once on what no waiting mends: a wrong password, a server too old."""
        try:
            check_server(self._enqueuer.client)
            self._enqueuer.ensure_groups()
            self._clock.set(self._fleet.now_ms())
        except (Unavailable, Full) as error:
            _log.warning("redis does not work yet; slack is not acknowledged until it does", error=str(error))

    def start(self) -> None:
        self.poster.start()
        self.catch_up.start()
        self.beat.start()
        _log.info("tagging", team=self.me.team, bot=self.me.bot_user, mode=self.link.mode.value, id=self.id)

    def stop(self, within: timedelta = timedelta(seconds=15)) -> None:
        """Let the replies under way end, give back the rest, sign off. Events should have been stopped before."""
        self.intake.close()
        self.catch_up.stop()
        self.poster.stop(within)
        self.beat.stop()
        self._enqueuer.close()
        self._fleet.close()

    def health(self) -> Health:
        alive = time.monotonic() - self.poster.turned < STUCK.total_seconds()
        problems = [] if alive else ["The poster hangs."]
        if not self.link.connected:
            problems.append("Slack cannot reach us at present.")
        if self.poster.problem:
            problems.append(self.poster.problem)
        return Health(alive, alive and not problems, problems)

    def queue_lengths(self) -> QueueLengths | None:
        """How full the queue is; None where Redis is down or does not let us look."""
        try:
            return self._fleet.lengths()
        except QueueError:
            return None
