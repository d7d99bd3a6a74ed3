"""The sandbox as an ASGI application: Web API, Socket Mode, control door, page."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from clfadmin.sandbox.authorize import Authorize
from clfadmin.sandbox.control import CALLS
from clfadmin.sandbox.door import endpoint
from clfadmin.sandbox.guard import Guard
from clfadmin.sandbox.response_urls import ResponseUrls
from clfadmin.sandbox.sandbox import Sandbox
from clfadmin.sandbox.uploads import Uploads
from clfadmin.sandbox.web_api import WebApi

PAGE = Path(__file__).with_name("page")
# The page's own files and its own socket, nothing else, and nothing inline.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' ws://127.0.0.1:* ws://localhost:*; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


async def page(_request: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers={"Content-Security-Policy": CONTENT_POLICY})


async def permalink(request: Request) -> Response:
    """A permalink leads to the page, opened at that message."""
    channel, moment = request.path_params["channel"], request.path_params["moment"]
    return RedirectResponse(f"/#{channel}/{moment}")


def build_app(sandbox: Sandbox) -> Starlette:
    control = [
        Route(f"/_sandbox{path}", endpoint(sandbox, handler), methods=[method]) for method, path, handler in CALLS
    ]
    uploads = Uploads(sandbox)
    routes = [
        Route("/api/{method}", WebApi(sandbox).handle, methods=["GET", "POST"]),
        Route("/hooks/{path:path}", ResponseUrls(sandbox).handle, methods=["POST"]),
        WebSocketRoute("/link/", sandbox.hub.serve),
        WebSocketRoute("/_sandbox/live", sandbox.live.serve),
        Route("/oauth/v2/authorize", Authorize(sandbox).handle, methods=["GET", "POST"]),
        Route("/upload/{file}/{secret}", uploads.take, methods=["POST"]),
        Route("/files-pri/{team}-{file}/{name}", uploads.private),
        Route("/_sandbox/files/{file}", uploads.page),
        *control,
        Route("/archives/{channel}/{moment}", permalink),
        Route("/", page),
        Mount("/page", StaticFiles(directory=PAGE)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard)])
