"""One call of the Web API: its arguments, who makes it, and how a method is described."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.events import HISTORY_SCOPES
from clfadmin.sandbox.ids import is_ts
from clfadmin.sandbox.limits import Tier
from clfadmin.sandbox.sandbox import Sandbox
from clfadmin.sandbox.store import Channel, Message, Team
from clfadmin.sandbox.workspace import Workspace

Coverage = Literal["full", "partial", "absent"]


class ApiError(Exception):
    """Slack's way to say no: HTTP 200 with `ok` false and one word."""

    def __init__(self, error: str, **details: object) -> None:
        super().__init__(error)
        self.answer: Json = {"ok": False, "error": error, **details}


@dataclass(frozen=True)
class Arguments:
    """The arguments of a call, from a form, a query or JSON; all the same to the methods."""

    values: Json

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        return default if value is None else str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.values.get(name)
        return default if value is None else value in (True, 1, "true", "True", "1")

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.values.get(name, default))
        except (TypeError, ValueError) as error:
            raise ApiError("invalid_arguments") from error

    def structure(self, name: str, kind: type[Any], error: str) -> Any:
        """A list or dictionary, sent as such or as JSON text in a form; an empty one when absent."""
        value = self.values.get(name)
        if value in (None, ""):
            return kind()
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as problem:
                raise ApiError(error) from problem
        if not isinstance(value, kind):
            raise ApiError(error)
        return value


@dataclass(frozen=True)
class Call:
    """What a method gets. `base_url` is how the caller reached us, without a final slash."""

    sandbox: Sandbox
    workspace: Workspace
    args: Arguments
    base_url: str
    token: str = field(default="", repr=False)

    @property
    def team(self) -> Team:
        return self.workspace.team

    def need(self, scope: str) -> None:
        if scope not in self.team.scopes:
            raise ApiError("missing_scope", needed=scope, provided=",".join(self.team.scopes))

    def channel(self) -> Channel:
        """The conversation named by `channel`, as far as the bot can know of it."""
        return self.find_channel(self.args.text("channel"))

    def find_channel(self, name_or_id: str) -> Channel:
        channel = self.team.channel(name_or_id)
        if channel is None or (channel.kind != "channel" and self.team.bot.id not in channel.members):
            raise ApiError("channel_not_found")
        return channel

    def member_channel(self) -> Channel:
        channel = self.channel()
        if self.team.bot.id not in channel.members:
            raise ApiError("not_in_channel")
        return channel

    def readable_channel(self) -> Channel:
        """A channel whose history the bot may read now."""
        channel = self.channel()
        scope = HISTORY_SCOPES[channel.kind]
        if self.sandbox.faults.take("history_denied"):
            raise ApiError("missing_scope", needed=scope, provided=",".join(self.team.scopes))
        self.need(scope)
        return self.member_channel()

    def message(self, channel: Channel, name: str) -> Message:
        """The message whose ts is in the argument `name`."""
        ts = self.args.text(name)
        message = channel.messages.get(ts)
        if message is None:
            raise ApiError("message_not_found" if is_ts(ts) or not ts else "bad_timestamp")
        return message


@dataclass(frozen=True)
class Method:
    """A row of the table. `scope` empty: the method asks for its scopes itself, or needs none."""

    name: str
    run: Callable[[Call], Json]
    tier: Tier
    scope: str = ""
    coverage: Coverage = "full"
    caller: Literal["bot", "app", "anyone"] = "bot"
    note: str = field(default="", compare=False)


def page_of(items: list[Any], call: Call, *, most: int = 1000) -> tuple[list[Any], str]:
    """The part of `items` that `cursor` and `limit` ask for, and the cursor of the next ("" at the end)."""
    limit = call.args.number("limit", 100)
    if not 1 <= limit <= most:
        raise ApiError("invalid_limit")
    start = read_cursor(call.args.text("cursor"))
    rest = start + limit
    return items[start:rest], write_cursor(rest) if rest < len(items) else ""


def write_cursor(position: int) -> str:
    return base64.b64encode(f"at:{position}".encode()).decode()


def read_cursor(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        label, _, position = base64.b64decode(cursor, validate=True).decode().partition(":")
        start = int(position)
    except (binascii.Error, ValueError) as error:
        raise ApiError("invalid_cursor") from error
    if label != "at" or start < 0:
        raise ApiError("invalid_cursor")
    return start
