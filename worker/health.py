"""A worker's HTTP side: /healthz (is the loop turning), /readyz (are jobs being answered), /metrics."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from worker.metrics import REGISTRY


class PortInUse(Exception):
    """The port can't be had. One line that says what to do."""


class Health:
    """Serves in a thread of its own. Problems are one line, empty when all is well."""

    def __init__(self, bind: str, port: int, *, not_alive: Callable[[], str], not_ready: Callable[[], str]) -> None:
        """Listens at once. Raises PortInUse."""
        try:
            self.server = ThreadingHTTPServer((bind, port), _handler(not_alive, not_ready))
        except OSError as error:
            raise PortInUse(
                f"CLF_HTTP_PORT {port} on {bind} can't be used: {error.strerror}. Choose another, or stop its user."
            ) from error
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]

    def start(self) -> None:
        threading.Thread(target=self.server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _handler(not_alive: Callable[[], str], not_ready: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "clf-worker"

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/healthz":
                    self._verdict(not_alive())
                case "/readyz":
                    self._verdict(not_ready())
                case "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
                case _:
                    self._answer(404, "text/plain; charset=utf-8", b"/healthz, /readyz or /metrics\n")

        def _verdict(self, problem: str) -> None:
            self._answer(503 if problem else 200, "text/plain; charset=utf-8", f"{problem or 'ok'}\n".encode())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes every few seconds are no news."""

    return Handler
