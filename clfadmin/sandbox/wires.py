"""The TCP connections under uvicorn, so that a fault can break one where Slack's network would."""

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

Peer = tuple[str, int]

# Close without lingering: the peer sees a reset instead of an orderly end.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class HttpWire(H11Protocol):
    """An HTTP connection that its peer's address finds again."""

    open: dict[Peer, asyncio.BaseTransport] = {}  # noqa: RUF012 - one process, one server's connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client:
            self.open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client:
            self.open.pop(self.client, None)


class SocketWire(WebSocketsSansIOProtocol):
    """A WebSocket that can fall silent: TCP stays open, pings get no pong, frames no answer."""

    open: dict[Peer, "SocketWire"] = {}  # noqa: RUF012
    silent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.client:
            self.open[self.client] = self

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client:
            self.open.pop(self.client, None)

    def data_received(self, data: bytes) -> None:
        if not self.silent:
            super().data_received(data)


def _peer(scope: Any) -> Peer:
    host, port = scope["client"]
    return host, port


def reset(scope: Any) -> None:
    """Break the connection this request or socket came on, with a TCP reset."""
    peer = _peer(scope)
    wire = SocketWire.open.get(peer)
    transport = wire.transport if wire else HttpWire.open.get(peer)
    if transport is None:
        return
    plug: socket.socket = transport.get_extra_info("socket")
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    if isinstance(transport, asyncio.Transport):
        transport.abort()


def silence(scope: Any) -> None:
    """Neither read nor answer on this socket again, nor ping it."""
    wire = SocketWire.open.get(_peer(scope))
    if wire is not None:
        wire.silent = True
        wire.stop_keepalive()
