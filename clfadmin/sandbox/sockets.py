"""Socket Mode: tickets, sockets, one socket for each envelope, acknowledgements from any of them."""

import asyncio
import itertools
import json
import secrets
from dataclasses import dataclass, field
from time import time
from typing import Any
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from clfadmin.sandbox import wires
from clfadmin.sandbox.clock import Clock
from clfadmin.sandbox.encoding import Json, dump
from clfadmin.sandbox.faults import Faults
from clfadmin.sandbox.live import LiveFeed
from clfadmin.sandbox.log import Attempt, Envelope, Log
from clfadmin.sandbox.store import APP_ID

MAX_SOCKETS = 10
CONNECTION_TIME = 18_060  # seconds Slack says a socket will live, in hello
# Seconds between Slack's announcement that it will close a socket and the end of it.
GRACE = {"warning": 10.0, "refresh_requested": 3.0, "too_many_websockets": 0.0, "link_disabled": 0.0}


@dataclass(eq=False)
class Socket:
    """One connection of the app. A leaving socket gets no new envelopes, a silent one gets them and loses them."""

    name: str
    websocket: WebSocket
    leaving: bool = False
    silent: bool = False

    async def send(self, frame: Json) -> bool:
        """False when the socket is gone."""
        if self.silent:
            return True
        try:
            await self.websocket.send_text(dump(frame))
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: Starlette, after a close of ours
            return False
        return True

    async def close(self) -> None:
        if self.websocket.application_state is WebSocketState.CONNECTED:
            await self.websocket.close(1000)


def disconnect_frame(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}


@dataclass
class SocketHub:
    """All sockets of the app, in every team. It is the carrier of Socket Mode."""

    clock: Clock
    faults: Faults
    log: Log
    live: LiveFeed
    enabled: bool = True
    tickets: set[str] = field(default_factory=set[str])
    sockets: list[Socket] = field(default_factory=list[Socket])
    waiting: dict[str, "asyncio.Future[tuple[Socket, Any]]"] = field(default_factory=dict[str, Any])
    closing: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def ticket(self) -> str:
        """Good for one connection."""
        ticket = secrets.token_urlsafe(16)
        self.tickets.add(ticket)
        return ticket

    async def serve(self, websocket: WebSocket) -> None:
        """Keep one socket from its ticket to its end."""
        ticket = websocket.query_params.get("ticket", "")
        if ticket not in self.tickets:
            await websocket.close()
            return
        self.tickets.discard(ticket)
        await websocket.accept()
        socket = Socket(f"s{next(self.numbers)}", websocket)
        if len(self.sockets) >= MAX_SOCKETS:
            await socket.send(disconnect_frame("too_many_websockets"))
            await socket.close()
            return
        await self._welcome(socket)
        try:
            while True:
                frame = await websocket.receive()
                if frame["type"] == "websocket.disconnect":
                    return
                self._read(socket, frame.get("text") or "")
        finally:
            self.sockets = [other for other in self.sockets if other is not socket]
            self.announce()

    async def _welcome(self, socket: Socket) -> None:
        if not self.faults.take("no_hello"):
            await socket.send(
                {
                    "type": "hello",
                    "num_connections": len(self.sockets) + 1,
                    "connection_info": {"app_id": APP_ID},
                    "debug_info": {"host": "sandbox", "approximate_connection_time": CONNECTION_TIME},
                }
            )
        self.log.counts["sockets_opened"] += 1
        self.sockets.append(socket)
        self.announce()

    def _read(self, socket: Socket, text: str) -> None:
        try:
            frame = json.loads(text)
            envelope_id = str(frame["envelope_id"])
        except (ValueError, TypeError, KeyError):
            self.log.counts["bad_frames"] += 1
            return
        future = self.waiting.pop(envelope_id, None)
        if future is None or future.done():
            self.log.counts["late_acks"] += 1
            return
        future.set_result((socket, frame.get("payload")))

    async def carry(self, envelope: Envelope, attempt: Attempt, reason: str, patience: float) -> None:
        """Send to the next socket in turn and wait for the acknowledgement, whichever socket it comes on."""
        attempt.envelope_id = str(uuid4())
        socket = self._next()
        if socket is None:
            attempt.failure = "no_socket"
            return
        attempt.via = socket.name
        future = asyncio.get_running_loop().create_future()
        self.waiting[attempt.envelope_id] = future
        try:
            if not await socket.send(self._frame(envelope, attempt, reason)):
                attempt.failure = "connection_failed"
                return
            answerer, attempt.answer = await asyncio.wait_for(future, patience)
            attempt.acked, attempt.acked_by = time(), answerer.name
        except TimeoutError:
            attempt.failure = "timeout"
        finally:
            self.waiting.pop(attempt.envelope_id, None)

    def _frame(self, envelope: Envelope, attempt: Attempt, reason: str) -> Json:
        frame: Json = {
            "envelope_id": attempt.envelope_id,
            "type": envelope.kind,
            "payload": envelope.payload,
            "accepts_response_payload": envelope.kind != "events_api",
        }
        if envelope.kind == "events_api":
            frame |= {"retry_attempt": attempt.number, "retry_reason": reason}
        return frame

    def _next(self) -> Socket | None:
        """Round robin: the first socket that stays, which then goes to the end."""
        for socket in self.sockets:
            if not socket.leaving:
                self.sockets.remove(socket)
                self.sockets.append(socket)
                return socket
        return None

    async def break_sockets(self, kind: str, reason: str, count: int | None) -> int:
        """Do a socket fault to `count` sockets, or to all; how many it was."""
        chosen = [socket for socket in self.sockets if not socket.leaving][:count]
        for socket in chosen:
            if kind == "disconnect":
                await self._dismiss(socket, reason)
            elif kind == "close_frame":
                await socket.close()
            elif kind == "drop_socket":
                wires.reset(socket.websocket.scope)
            else:
                socket.silent = True
                wires.silence(socket.websocket.scope)
        return len(chosen)

    async def _dismiss(self, socket: Socket, reason: str) -> None:
        socket.leaving = True
        await socket.send(disconnect_frame(reason))
        task = asyncio.ensure_future(self._close_after(socket, GRACE[reason]))
        self.closing.add(task)
        task.add_done_callback(self.closing.discard)
        self.announce()

    async def _close_after(self, socket: Socket, seconds: float) -> None:
        await self.clock.sleep(seconds)
        await socket.close()

    def announce(self) -> None:
        self.live.announce({"kind": "bot"} | self.state())

    def state(self) -> Json:
        return {"connected": self.connected, "sockets": len(self.sockets)}

    @property
    def connected(self) -> bool:
        return any(not socket.leaving for socket in self.sockets)
