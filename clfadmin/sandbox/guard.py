"""The first gate: only this machine's own pages and programs are let in."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost"})


def is_local(headers: Headers) -> bool:
    """False for a foreign Host (a name rebound to this machine) and for a page from anywhere but here."""
    host = headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in LOCAL_NAMES:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == host


class Guard:
    """ASGI middleware around everything, sockets included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or is_local(Headers(scope=scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            refusal = PlainTextResponse("The sandbox answers only its own machine.\n", status_code=403)
            await refusal(scope, receive, send)
