"""What the bot tells the fleet about itself, every two seconds, and what it asks Slack about itself, every minute."""

import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from bot.identity import Identity
from bot.settings import Mode
from bot.slack_client import Slack
from bot.slack_errors import trouble
from worker.connection import QueueError
from worker.fleet import BEAT_EVERY, BotBeat, Fleet
from worker.log import Seldom

CHANNELS_EVERY = timedelta(minutes=1)
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass
class Link:
    """How Slack reaches us at present. Written by the transport, read by heartbeat and pages."""

    mode: Mode
    connected: bool = False
    sockets: int = 0  # of the app, as Slack counts them
    app: str = ""
    reconnects: int = 0
    on_missed: Callable[[], None] = lambda: None  # events may have been missed


@dataclass
class ServerClock:
    """The Redis server's clock in milliseconds, kept between the calls that really ask it."""

    _base_ms: float = field(default_factory=lambda: time.time() * 1000)
    _at: float = field(default_factory=time.monotonic)

    def set(self, now_ms: int) -> None:
        self._base_ms, self._at = float(now_ms), time.monotonic()

    def __call__(self) -> int:
        return self.at(time.monotonic())

    def at(self, moment: float) -> int:
        """The server's time at a monotonic `moment`."""
        return int(self._base_ms + (moment - self._at) * 1000)


class Beat:
    """Two threads: one must never wait for Slack, or a slow Slack would make us look dead."""

    def __init__(
        self,
        fleet: Fleet,
        workspaces: Callable[[], list[tuple[Slack, Identity]]],
        link: Link,
        *,
        id: str,
        clock: ServerClock,
        last_event: Callable[[], float],
        problem: Callable[[], str],
        catching_up: Callable[[], bool],
        crowded: Callable[[], int],
        pause: Callable[[str], None],
    ) -> None:
        """`last_event` is a monotonic time, 0 for never; `problem` one line, empty when all is well; `crowded` counts
        channels where replies take less room than was set. With every beat `pause` is told why the operator wants
        nothing posted, or "" when it may be.
        """
        self._fleet, self._workspaces, self._link = fleet, workspaces, link
        self._id, self._clock, self._last_event, self._problem = id, clock, last_event, problem
        self._catching_up, self._crowded, self._pause = catching_up, crowded, pause
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._seldom = Seldom()
        self.channels = -1

    def start(self) -> None:
        loops = [("beat", self._beat_forever), ("channels", self._count_forever)]
        self._threads = [threading.Thread(target=loop, name=name, daemon=True) for name, loop in loops]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._threads[0].join(5)
        try:
            self._fleet.leave(self._beat())
        except QueueError as error:
            _log.info("could not sign off, the heartbeat ends by itself", error=str(error))
        self._fleet.close()

    def _beat(self) -> BotBeat:
        last = self._last_event()
        known = [me for _, me in self._workspaces()]
        me = known[0] if len(known) == 1 else Identity("", "")
        return BotBeat(
            id=self._id,
            host=socket.gethostname(),
            pid=os.getpid(),
            mode=self._link.mode.value,
            connected=self._link.connected,
            sockets=self._link.sockets,
            app=me.app or self._link.app,
            team=me.team,
            bot_user=me.bot_user,
            bot_name=me.name,
            workspaces=len(known),
            channels=self.channels,
            last_event_ms=self._clock.at(last) if last else 0,
            catching_up=self._catching_up(),
            crowded=self._crowded(),
            problem=self._problem(),
        )

    def _beat_forever(self) -> None:
        while True:
            try:
                self._clock.set(self._fleet.beat(self._beat()))
                self._pause(self._fleet.paused())
            except QueueError as error:
                if self._seldom.due("beat"):
                    _log.warning("no heartbeat, redis does not work", error=str(error))
            if self._stopping.wait(BEAT_EVERY.total_seconds()):
                return

    def _count_forever(self) -> None:
        while True:
            try:
                self.channels = sum(count_channels(slack) for slack, _ in self._workspaces())
            except Exception as error:
                why = trouble(error)
                if self._seldom.due("channels"):
                    _log.warning("channels could not be counted", error=why.code)
            if self._stopping.wait(CHANNELS_EVERY.total_seconds()):
                return


def count_channels(slack: Slack) -> int:
    """Channels and private channels the bot is in."""
    types = "public_channel,private_channel"
    pages = slack.pages("users.conversations", types=types, exclude_archived=True, limit=200)
    return sum(len(page.get("channels", [])) for page in pages)
