"""`/hooks/…`: the response URLs, as an app calls them."""

import json
from time import time
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from clfadmin.sandbox.encoding import Json, dump
from clfadmin.sandbox.replies import say
from clfadmin.sandbox.sandbox import Sandbox

METHOD = "response_url"  # how the log and faults call it


class ResponseUrls:
    """The endpoint. Taken answers are `ok`; what is wrong is told as JSON with a status of 400 or more."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def handle(self, request: Request) -> Response:
        record: Json = {"method": METHOD, "at": time(), "team": "", "arguments": {}, "status": 200}
        if self.sandbox.faults.take("server_error", METHOD):
            record |= {"fault": "server_error", "status": 500}
            error = "internal_error"
        else:
            error = self._take(request.path_params["path"], await request.body(), record)
        record["answer"] = {"ok": not error} | ({"error": error} if error else {})
        self.sandbox.log.call(record)
        if not error:
            return PlainTextResponse("ok")
        return Response(dump(record["answer"]), record["status"], media_type="application/json")

    def _take(self, path: str, body: bytes, record: Json) -> str:
        hook, error = self.sandbox.asks.hooks.use(path)
        workspace = self.sandbox.workspaces.get(hook.team) if hook else None
        if hook is None or workspace is None:
            record["status"] = 404
            return error or "no_team"
        record["team"] = workspace.team.id
        record["status"] = 400
        try:
            answer: Any = json.loads(body)
        except ValueError:
            return "invalid_payload"
        if not isinstance(answer, dict):
            return "invalid_payload"
        record["arguments"] = answer
        channel, user = workspace.team.channels.get(hook.channel), workspace.team.users.get(hook.user)
        if channel is None or user is None:
            return "channel_not_found"
        problem = say(workspace, channel, user, answer, hook.source)  # pyright: ignore[reportUnknownArgumentType]
        if not problem:
            hook.uses += 1
            record["status"] = 200
        return problem
