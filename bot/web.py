"""The bot's own small site: health, figures, a read-only status page, and in HTTP mode Slack's events."""

import logging
import socket
import threading
from collections.abc import Sequence

import uvicorn
from slack_bolt import App
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bot.events_http import EventsEndpoint
from bot.page import SAFE, status_page
from bot.settings import Settings
from bot.tagger import Tagger


def make_site(tagger: Tagger, app: App | None, settings: Settings, more: Sequence[Route] = ()) -> Starlette:
    """With `app` the site takes Slack's events at /slack/events."""

    async def healthz(_: Request) -> Response:
        health = tagger.health()
        return JSONResponse({"ok": health.alive, "problems": health.problems}, 200 if health.alive else 503)

    async def readyz(_: Request) -> Response:
        health = tagger.health()
        return JSONResponse({"ok": health.ready, "problems": health.problems}, 200 if health.ready else 503)

    async def metrics(_: Request) -> Response:
        lengths = await run_in_threadpool(tagger.queue_lengths)
        return Response(tagger.metrics.text(lengths), media_type="text/plain; version=0.0.4")

    async def page(_: Request) -> Response:
        lengths = await run_in_threadpool(tagger.queue_lengths)
        served = [workspace.me for workspace in tagger.workspaces]
        return HTMLResponse(status_page(served, tagger.link, tagger.health(), lengths), headers=SAFE)

    routes = [Route("/", page), Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    if app:
        endpoint = EventsEndpoint(app, settings.slack_signing_secret.get_secret_value(), tagger.metrics)
        routes.append(Route("/slack/events", endpoint, methods=["POST"]))
    return Starlette(routes=[*routes, *more])


class Server:
    """Uvicorn in a thread, on a port that is ours before anything else starts."""

    def __init__(self, address: str, port: int) -> None:
        """Raises OSError when the port cannot be had; 0 takes a free one."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((address, port))
            self._socket.listen()  # or a second process could take the same port until we do
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, site: Starlette) -> None:
        config = uvicorn.Config(
            site,
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Let requests under way end, take no more."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(8)
        self._socket.close()
