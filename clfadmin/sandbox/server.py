"""Runs a sandbox on 127.0.0.1 until it is told to stop."""

import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn

from clfadmin.sandbox.app import build_app
from clfadmin.sandbox.sandbox import Sandbox
from clfadmin.sandbox.settings import Settings
from clfadmin.sandbox.wires import HttpWire, SocketWire

PING_SECONDS = 10.0  # Slack pings its sockets; the app's library answers by itself


class Server(uvicorn.Server):
    """uvicorn, except that it leaves signals to whoever starts it and says when it is ready."""

    def __init__(self, config: uvicorn.Config, sandbox: Sandbox, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.sandbox = sandbox
        self.ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self.sandbox.start()
            self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.sandbox.stop()
        await super().shutdown(sockets)


def listen(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1; port 0 lets the system choose. OSError when the port is taken."""
    # With the protocol named asyncio turns Nagle's delay off; without it each answer would wait 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port whose last connections are still in TIME_WAIT may be taken again at once.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener


def make_server(settings: Settings, *, ready: Callable[[], None]) -> Server:
    """To be served with `asyncio.run(server.serve(sockets=[listen(port)]))`; `should_exit` ends it."""
    sandbox = Sandbox(settings)
    config = uvicorn.Config(
        build_app(sandbox),
        http=HttpWire,
        ws=SocketWire,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        lifespan="off",
        proxy_headers=False,  # a forged X-Forwarded-For must not change whom a fault disconnects
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return Server(config, sandbox, ready)
