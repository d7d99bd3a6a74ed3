"""`/api/METHOD`: tokens, scopes, limits and faults around the table of methods."""

import asyncio
import base64
import json
import math
from dataclasses import dataclass
from time import time
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from clfadmin.sandbox import wires
from clfadmin.sandbox.encoding import Json, dump
from clfadmin.sandbox.methods.call import ApiError, Arguments, Call, Method
from clfadmin.sandbox.methods.table import METHODS
from clfadmin.sandbox.sandbox import Sandbox
from clfadmin.sandbox.workspace import Workspace

MAX_BODY_BYTES = 4_000_000
SECRETS = frozenset({"client_secret", "code", "refresh_token", "access_token"})  # no log keeps them

UNAVAILABLE_PAGE = "<!DOCTYPE html><html><head><title>Unavailable</title></head><body>Back soon.</body></html>"


class RateLimited(Exception):
    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Reply:
    """What goes out, before a fault may spoil it."""

    status: int
    answer: Json
    retry_after: int = 0
    scopes: str = ""  # what the token may do; Slack says so on every answer to a token it knows

    def response(self) -> Response:
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        if self.scopes:
            headers["X-OAuth-Scopes"] = self.scopes
        return Response(dump(self.answer), self.status, headers, "application/json; charset=utf-8")


async def arguments_of(request: Request) -> Json:
    """Query, form and JSON body, the body winning. ApiError where it cannot be read."""
    values: Json = dict(request.query_params)
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise ApiError("request_body_too_large")
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if not body:
        return values
    if content_type == "application/json":
        return values | _json_object(body)
    if content_type == "application/x-www-form-urlencoded":
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return values | dict(pairs)
    raise ApiError("invalid_form_data")


def _json_object(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except ValueError as error:
        raise ApiError("invalid_json") from error
    if not isinstance(value, dict):
        raise ApiError("json_not_object")
    return value  # pyright: ignore[reportUnknownVariableType]


def token_of(request: Request, arguments: Json) -> str:
    """From the header, or from the arguments, where it is taken out so that no log keeps it."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        arguments |= client_of(token)
    given = str(arguments.pop("token", ""))
    return token.strip() if scheme.lower() == "bearer" else given


def hidden(values: Json) -> Json:
    """As the log may keep it."""
    return {key: "…" if key in SECRETS else value for key, value in values.items()}


def client_of(basic: str) -> Json:
    """The app's id and secret, where they come in the header."""
    try:
        client_id, _, secret = base64.b64decode(basic, validate=True).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": client_id, "client_secret": secret}


class WebApi:
    """The endpoint. Everything between reading the body and answering happens without a pause."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def handle(self, request: Request) -> Response:
        name: str = request.path_params["method"]
        faults = self.sandbox.faults
        record: Json = {"method": name, "at": time(), "team": "", "arguments": {}, "status": 200}
        if stall := faults.take("stall", name):
            record["fault"] = "stall"
            await asyncio.sleep(stall.seconds)
        if faults.take("reset_before", name):
            record |= {"fault": "reset_before", "status": 0, "answer": None}
            self.sandbox.log.call(record)
            return await self._break(request)
        reply = self._refused_by_fault(name, record) or await self._reply(request, name, record)
        record |= {"status": reply.status, "answer": hidden(reply.answer)}
        self.sandbox.log.call(record)
        return await self._spoiled(request, name, record, reply)

    def _refused_by_fault(self, name: str, record: Json) -> Reply | None:
        """Faults that answer in place of the method; nothing is carried out."""
        faults = self.sandbox.faults
        if limited := faults.take("rate_limited", name):
            record["fault"] = "rate_limited"
            return Reply(429, {"ok": False, "error": "ratelimited"}, max(1, math.ceil(limited.retry_after)))
        if faults.take("server_error", name):
            record["fault"] = "server_error"
            return Reply(500, {"ok": False, "error": "internal_error"})
        if faults.take("html_error", name):
            record["fault"] = "html_error"
            return Reply(503, {})
        return None

    async def _reply(self, request: Request, name: str, record: Json) -> Reply:
        scopes = ""
        try:
            arguments = await arguments_of(request)
            token = token_of(request, arguments)
            record["arguments"] = hidden(arguments)
            known = self.sandbox.workspace_of(token)
            scopes = ",".join(known.team.scopes) if known else ""
            return Reply(200, self._run(request, name, arguments, token, record), scopes=scopes)
        except RateLimited as limited:
            return Reply(429, {"ok": False, "error": "ratelimited"}, limited.retry_after)
        except ApiError as error:
            return Reply(200, error.answer, scopes=scopes)

    def _run(self, request: Request, name: str, arguments: Json, token: str, record: Json) -> Json:
        method = METHODS.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        workspace = self._who(method, token)
        record["team"] = workspace.team.id
        base_url = f"{request.url.scheme}://{request.headers['host']}"
        call = Call(self.sandbox, workspace, Arguments(arguments), base_url, token)
        if method.scope:
            call.need(method.scope)
        self._count(method, call)
        return {"ok": True, **method.run(call)}

    def _who(self, method: Method, token: str) -> Workspace:
        """Whose token it is; ApiError for none, a wrong one or the wrong kind."""
        sandbox = self.sandbox
        if method.caller == "anyone":
            return sandbox.workspace_of(token) or next(iter(sandbox.workspaces.values()))
        if not token:
            raise ApiError("not_authed")
        if sandbox.faults.take("token_revoked", method.name):
            raise ApiError("token_revoked")
        is_app = token == sandbox.settings.app_token
        workspace = next(iter(sandbox.workspaces.values())) if is_app else sandbox.workspace_of(token)
        if workspace is None:
            raise ApiError(sandbox.installs.find(token)[1] or "invalid_auth")
        if is_app != (method.caller == "app"):
            raise ApiError("not_allowed_token_type")
        return workspace

    def _count(self, method: Method, call: Call) -> None:
        limits = self.sandbox.limits
        wait = limits.method(call.team.id, method.name, method.tier)
        if method.name == "chat.postMessage" and not wait:
            channel = call.team.channel(call.args.text("channel"))
            wait = limits.post(call.team.id, channel.id if channel else "")
        if wait:
            raise RateLimited(wait)

    async def _spoiled(self, request: Request, name: str, record: Json, reply: Reply) -> Response:
        """Faults that strike after the method was carried out: the answer is lost, halved, or a page."""
        if record.get("fault") == "html_error":
            return Response(UNAVAILABLE_PAGE, 503, media_type="text/html")
        faults = self.sandbox.faults
        if reply.status == 200 and faults.take("accept_then_drop", name):
            record["fault"] = "accept_then_drop"
            return await self._break(request)
        if reply.status == 200 and faults.take("bad_json", name):
            record["fault"] = "bad_json"
            text = dump(reply.answer)
            return Response(text[: len(text) // 2], 200, media_type="application/json")
        return reply.response()

    async def _break(self, request: Request) -> Response:
        wires.reset(request.scope)
        await asyncio.sleep(0)  # uvicorn learns that the connection is gone and drops the answer
        return Response(status_code=500)
