"""What the page hears of: each change, once for each open page."""

import asyncio
from dataclasses import dataclass, field

from starlette.websockets import WebSocket, WebSocketDisconnect

from clfadmin.sandbox.encoding import Json, dump

# A page that is this far behind reads everything again, instead of filling the memory.
MAX_BEHIND = 2_000


@dataclass(eq=False)
class Listener:
    notes: asyncio.Queue[Json | None] = field(default_factory=lambda: asyncio.Queue[Json | None](MAX_BEHIND))


@dataclass
class LiveFeed:
    listeners: set[Listener] = field(default_factory=set[Listener])

    def announce(self, note: Json) -> None:
        """Tell every open page; never waits."""
        for listener in self.listeners:
            if listener.notes.full():
                while not listener.notes.empty():
                    listener.notes.get_nowait()
                listener.notes.put_nowait({"kind": "reset"})
            listener.notes.put_nowait(note)

    async def serve(self, websocket: WebSocket) -> None:
        """Feed one page until it leaves or the sandbox stops."""
        await websocket.accept()
        listener = Listener()
        self.listeners.add(listener)
        leaving = asyncio.create_task(self._until_it_leaves(websocket, listener))
        try:
            while (note := await listener.notes.get()) is not None:
                await websocket.send_text(dump(note))
        except WebSocketDisconnect:
            return
        finally:
            self.listeners.discard(listener)
            leaving.cancel()

    async def _until_it_leaves(self, websocket: WebSocket, listener: Listener) -> None:
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            self.listeners.discard(listener)
            if listener.notes.full():
                listener.notes.get_nowait()
            listener.notes.put_nowait(None)
