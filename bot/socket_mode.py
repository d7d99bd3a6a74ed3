"""Socket Mode: the websocket-client adapter, and the watchdog without which it never notices a silent peer."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from queue import Queue
from typing import Any, cast

import structlog
from slack_bolt import App
from slack_bolt.adapter.socket_mode.websocket_client import SocketModeHandler
from slack_sdk.socket_mode.websocket_client import SocketModeClient
from websocket import WebSocket, WebSocketApp, WebSocketException

from bot.beat import Link
from bot.log import silent
from bot.metrics import Heard, Metrics
from bot.slack_client import like
from worker.log import Seldom

PING_EVERY = timedelta(seconds=10)
# Three pings without an answer. The adapter itself waits for ever.
SILENT_FOR = timedelta(seconds=30)
# If the first takes longer, the rest goes on without it: it is tried again and again.
FIRST_SOCKET = timedelta(seconds=5)
# Slack answers a close frame at once; after this we hang up.
CLOSING_TAKES = timedelta(seconds=2)
# Each event waits for Redis; with Redis down for up to two seconds.
CONCURRENCY = 10
# Envelopes in hand, some 10 kB each. Beyond these the three seconds Slack waits are long over for those that come.
MOST_WAITING = 2_000

_EVENT = "events_api"
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class _Workers(ThreadPoolExecutor):
    """The SDK would give its threads everything that comes; here it waits until one is free."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads, thread_name_prefix="socket")
        self._free = threading.Semaphore(threads)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._free.acquire()
        try:
            future = super().submit(fn, *args, **kwargs)
        except BaseException:
            self._free.release()
            raise
        future.add_done_callback(lambda _: self._free.release())
        return future


class Socket:
    """One client for the whole life of the process: it reconnects by itself and leaks a thread when replaced."""

    def __init__(
        self, app: App, app_token: str, link: Link, metrics: Metrics, *, silent_for: timedelta = SILENT_FOR
    ) -> None:
        self._link, self._metrics, self._silent_for = link, metrics, silent_for
        self._handler = SocketModeHandler(
            app,
            app_token,
            logger=silent(),
            web_client=like(app.client),
            ping_interval=min(PING_EVERY, silent_for / 3).total_seconds(),
            concurrency=CONCURRENCY,
        )
        self._client: SocketModeClient = self._handler.client
        self._client.message_workers.shutdown(wait=False)
        self._client.message_workers = _Workers(CONCURRENCY)
        self._client.enqueue_message = self._take_in
        self._client.message_listeners.append(self._on_message)  # pyright: ignore[reportUnknownMemberType]
        self._client.on_open_listeners.append(self._on_open)
        self._client.on_error_listeners.append(self._on_error)
        self._seldom = Seldom()
        self._opened = time.time()  # wall clock, as websocket-client's own stamps are
        self._sockets_opened = 0
        self._websocket: WebSocket | None = None
        self._open = threading.Event()
        self._stopping = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="socket-watchdog", daemon=True)

    def connect(self) -> None:
        """Open the first socket. Raises SlackApiError when the app token is refused or Socket Mode is off."""
        self._handler.connect()
        if not self._watchdog.ident:
            self._watchdog.start()
        self._open.wait(FIRST_SOCKET.total_seconds())

    def close(self) -> None:
        """Take no more events; what is being handled is finished."""
        # The SDK's own close() takes the file descriptor away from under the reading thread, which then sleeps on for
        # up to ten seconds. Asked to close, the peer wakes it; the runner must know first, or it would connect again.
        self._stopping.set()
        client = self._client
        client.closed = True
        client.default_auto_reconnect_enabled = client.auto_reconnect_enabled = False
        for runner in (client.current_session_runner, client.current_app_monitor, client.message_processor):
            runner.event.set()
        # Wakes the thread that waits for messages.
        client.message_queue.put(None)  # pyright: ignore[reportUnknownMemberType]
        client.message_processor.thread.join(CLOSING_TAKES.total_seconds())
        client.message_workers.shutdown(wait=True)  # while the socket still carries their acknowledgements
        self._say_goodbye()
        client.current_session_runner.thread.join(CLOSING_TAKES.total_seconds())
        client.disconnect()
        if self._websocket:
            self._websocket.shutdown()  # once it has said goodbye, its own close() leaves the descriptor open
        self._link.connected = False

    def _say_goodbye(self) -> None:
        session = self._client.current_session
        try:
            if session and session.sock:
                session.sock.send_close()
        except (OSError, WebSocketException):
            self._client.disconnect()

    def _hang_up(self, session: WebSocketApp) -> None:
        """End a session so that its reading thread notices at once and goes on to the next."""
        session.keep_running = False
        raw: Any = session.sock.sock if session.sock else None
        try:
            if raw:
                raw.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            _log.info("socket was gone already", error=type(error).__name__)
            WebSocketApp.close(session)

    def _on_open(self, session: WebSocketApp) -> None:
        if self._websocket:
            self._websocket.shutdown()  # closed while its reader was answering a close, it would stay open
        self._websocket = session.sock
        # The SDK closes the old session when Slack asks for a new one, with the same ten seconds (see close).
        session.close = lambda **_: self._hang_up(session)
        self._opened = time.time()
        self._sockets_opened += 1
        self._link.connected = True
        self._open.set()
        if self._sockets_opened > 1:
            self._link.reconnects += 1
            self._metrics.reconnects.inc()
            self._link.on_missed()
        _log.info("socket open", number=self._sockets_opened)

    def _take_in(self, message: str) -> None:
        """What arrives waits for a thread. An event too many is dropped: Slack, which hears nothing, sends it again,
        and what it gives up is read from history; kept, it would be answered too late and cost memory without end.
        """
        queue = cast("Queue[str]", self._client.message_queue)  # pyright: ignore[reportUnknownMemberType]
        if queue.qsize() < MOST_WAITING or _EVENT not in message[:500]:
            queue.put(message)
            return
        self._metrics.heard(Heard.DROPPED)
        self._link.on_missed()
        if self._seldom.due("too many"):
            _log.error("more events come than can be taken in, slack sends them again; start another bot")

    def _on_message(self, _: object, message: dict[str, Any], __: object) -> None:
        if message.get("type") != "hello":
            return
        number = message.get("num_connections")
        self._link.sockets = number if isinstance(number, int) else 0
        about = message.get("connection_info")
        if isinstance(about, dict):
            self._link.app = str(cast("dict[str, object]", about).get("app_id", ""))

    def _on_error(self, _: object, error: Exception) -> None:
        if not self._stopping.is_set() and self._seldom.due("broke"):
            _log.warning("socket broke, opening another", error=type(error).__name__)

    def _watch(self) -> None:
        while not self._stopping.wait(1.0):
            connected = self._client.is_connected()
            self._link.connected = connected
            if not connected and self._silent_since() > self._silent_for.total_seconds() and self._seldom.due("none"):
                _log.warning("no socket to slack, trying on; events wait there for some minutes")
            if connected and self._silent_since() > self._silent_for.total_seconds():
                _log.warning("socket silent, opening another", seconds=round(self._silent_since()))
                self._opened = time.time()  # give the next one its time
                self._client.disconnect()

    def _silent_since(self) -> float:
        session = self._client.current_session
        heard = max(session.last_pong_tm, self._opened) if session else self._opened
        return time.time() - heard
