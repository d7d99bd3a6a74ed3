"""The control door's plumbing: reading a request, finding what it names, refusing with one line."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from clfadmin.sandbox.encoding import Json, dump
from clfadmin.sandbox.sandbox import Sandbox
from clfadmin.sandbox.store import Channel, Message, User
from clfadmin.sandbox.workspace import Workspace


class Refused(Exception):
    """The caller asked for something that cannot be; the message says what and what to do."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Visit:
    """One call at the door."""

    sandbox: Sandbox
    body: Json
    path: dict[str, Any]
    query: dict[str, str]
    base_url: str  # how the caller reached us, without a final slash

    @property
    def workspace(self) -> Workspace:
        name = self.text("team") or self.query.get("team", "")
        workspace = self.sandbox.workspace(name)
        if workspace is None:
            known = ", ".join(one.team.name for one in self.sandbox.workspaces.values())
            raise Refused(f"No team {name!r}. Known: {known}. Create one with POST /_sandbox/users.", 404)
        return workspace

    def text(self, name: str, default: str = "") -> str:
        value = self.body.get(name, default)
        if not isinstance(value, str):
            raise Refused(f"{name!r} must be text, this is {type(value).__name__}.")
        return value

    def needed(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise Refused(f"{name!r} is missing.")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.body.get(name, default)
        if not isinstance(value, bool):
            raise Refused(f"{name!r} must be true or false.")
        return value

    def number(self, name: str) -> float | None:
        """Zero or more, or None when absent."""
        value: Any = self.body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise Refused(f"{name!r} must be a number, zero or more.")
        return float(value)

    def texts(self, name: str) -> list[str]:
        value: Any = self.body.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):  # pyright: ignore[reportUnknownVariableType]
            raise Refused(f"{name!r} must be a list of texts.")
        return value  # pyright: ignore[reportUnknownVariableType]

    def user(self, name: str) -> User:
        user = self.workspace.team.user(name)
        if user is None:
            known = ", ".join(one.name for one in self.workspace.team.users.values())
            raise Refused(f"No user {name!r}. Known: {known}. Create one with POST /_sandbox/users.", 404)
        return user

    def channel(self, name: str) -> Channel:
        channel = self.workspace.team.channel(name)
        if channel is None:
            raise Refused(f"No channel {name!r}. Create it with POST /_sandbox/channels.", 404)
        return channel

    def message(self, channel: Channel, ts: str) -> Message:
        message = channel.messages.get(ts)
        if message is None:
            raise Refused(f"No message {ts!r} in {channel.name}.", 404)
        return message


Handler = Callable[[Visit], Awaitable[object]]


def answer(value: object, status: int = 200) -> Response:
    return Response(dump(value), status, media_type="application/json")


async def read(request: Request) -> Json:
    """The body as a JSON object; nothing at all counts as an empty one."""
    body = await request.body()
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Refused(f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise Refused("The body must be a JSON object.")
    return value  # pyright: ignore[reportUnknownVariableType]


def endpoint(sandbox: Sandbox, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """`handler` as Starlette wants it: its value becomes JSON, a refusal one line of it."""

    async def serve(request: Request) -> Response:
        try:
            base_url = f"{request.url.scheme}://{request.headers['host']}"
            visit = Visit(sandbox, await read(request), request.path_params, dict(request.query_params), base_url)
            value = await handler(visit)
        except Refused as refusal:
            return answer({"ok": False, "error": str(refusal)}, refusal.status)
        return answer(value)

    return serve
