"""HTTP mode's `POST /slack/events`: signature first, over the raw body; then Bolt, in a bounded number of threads."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.adapter.asgi import SlackRequestHandler
from slack_bolt.adapter.asgi.http_response import AsgiHttpResponse
from starlette.types import Receive, Scope, Send

from bot.metrics import Heard, Metrics
from bot.signature import Signatures

MAX_BODY = 1_000_000
# Each waits for Redis, two seconds at most; Slack waits three.
THREADS = 16
# Beyond these the wait in line alone would be too long: refused, and Slack sends it again.
WAITING = 64


class Rejected(Exception):
    """A request that is answered without Bolt having seen it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class EventsEndpoint(SlackRequestHandler):
    """Bolt's ASGI adapter runs `dispatch` inside the event loop; here a slow Redis must not stop the health pages."""

    def __init__(self, app: App, signing_secret: str, metrics: Metrics, *, path: str = "/slack/events") -> None:
        super().__init__(app, path)
        self._bolt = app
        self._signatures = Signatures(signing_secret)
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="events")
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # pyright: ignore
        try:
            answer = await self._answer(scope, receive)
        except Rejected as error:
            self._metrics.heard(Heard.REFUSED)
            answer = BoltResponse(status=error.status, body="")
        out = AsgiHttpResponse(status=answer.status, headers=answer.headers, body=answer.body)
        await send(cast("Any", out.get_response_start()))
        await send(cast("Any", out.get_response_body()))

    async def _answer(self, scope: Scope, receive: Receive) -> BoltResponse:
        headers = _headers(scope)
        raw = await _body(headers, receive)
        if b"ssl_check=1" in raw.split(b"&"):
            return BoltResponse(status=200, body="")  # Slack's check of the certificate is not signed
        body = self._verified(raw, headers)
        _check_shape(body, headers)
        if self._waiting >= WAITING:
            raise Rejected(503)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._dispatch, body, headers)
        finally:
            self._waiting -= 1

    def _verified(self, raw: bytes, headers: dict[str, str]) -> str:
        timestamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        # The verifier raises on all three instead of saying no.
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 20 and signature.isascii()):
            raise Rejected(401)
        try:
            body = raw.decode()
        except UnicodeDecodeError:
            raise Rejected(400) from None
        if not self._signatures.is_slacks(body, timestamp, signature):
            raise Rejected(401)
        # An event that comes again makes the job it made before; Slack sends clicks and commands once.
        if _is_form(body, headers) and not self._signatures.is_new(signature):
            raise Rejected(401)
        return body

    def _dispatch(self, body: str, headers: dict[str, str]) -> BoltResponse:
        try:
            request = BoltRequest(body=body, headers=dict(headers))
        except (TypeError, AttributeError, LookupError, ValueError, RecursionError):
            # It looks for people and places in the payload and stumbles over numbers where objects should be.
            raise Rejected(400) from None
        return self._bolt.dispatch(request)


def _headers(scope: Scope) -> dict[str, str]:
    # Latin-1 reads any byte: a header that is not UTF-8 must not be our failure.
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def _body(headers: dict[str, str], receive: Receive) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length[:12]) > MAX_BODY:
        raise Rejected(413)
    raw = bytearray()
    while True:
        part = await receive()
        if part["type"] != "http.request":
            raise Rejected(400)  # the client went away
        raw += part.get("body", b"")
        if len(raw) > MAX_BODY:
            raise Rejected(413)
        if not part.get("more_body", False):
            return bytes(raw)


def _is_form(body: str, headers: dict[str, str]) -> bool:
    """A command or a click; events are JSON."""
    return not body.lstrip().startswith("{") and "json" not in headers.get("content-type", "")


def _check_shape(body: str, headers: dict[str, str]) -> None:
    """Bolt takes the outer shape for granted and would fail with 500, which Slack repeats."""
    if _is_form(body, headers):
        return
    try:
        data: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Rejected(400) from None
    if not is_well_shaped(data):
        raise Rejected(400)


def is_well_shaped(data: object) -> bool:
    """Whether Bolt can look at a payload without stumbling."""
    if not isinstance(data, dict):
        return False
    payload = cast("dict[str, Any]", data)
    if not all(isinstance(payload.get(name, ""), str) for name in ("type", "team_id", "api_app_id")):
        return False
    grants = payload.get("authorizations")
    if grants is not None and not (isinstance(grants, list) and all(isinstance(one, dict) for one in grants)):  # pyright: ignore
        return False
    # Bolt looks into an event whatever the type says.
    event = payload.get("event", {})
    if not isinstance(event, dict):
        return False
    return payload.get("type") != "event_callback" or isinstance(cast("dict[str, Any]", event).get("type"), str)
