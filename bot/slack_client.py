"""Slack's Web API as we use it: one call, tried once, typed. What a failure means is for slack_errors to say."""

import json
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.identity import Identity, from_auth_test
from bot.log import silent
from bot.slack_errors import class_of

# How long one call may take.
HTTP_TIMEOUT = timedelta(seconds=10)


class Call(Protocol):
    """One call of the Web API."""

    def __call__(self, method: str, **fields: object) -> dict[str, Any]: ...


def quiet_web_client(token: str, base_url: str, *, timeout: timedelta = HTTP_TIMEOUT) -> WebClient:
    """slack_sdk's client without its retries (after a reset it would post again) and without its log lines."""
    client = WebClient(
        token=token,
        base_url=base_url,
        timeout=int(timeout.total_seconds()),
        retry_handlers=[],
        logger=silent(),
    )
    # The SDK reads HTTPS_PROXY but not NO_PROXY.
    if client.proxy and urllib.request.proxy_bypass(urlsplit(client.base_url).hostname or ""):
        client.proxy = None
    return client


def like(client: WebClient) -> WebClient:
    """The same workspace, proxy and certificates as a client of somebody else's, without its retry handlers."""
    ours = quiet_web_client(client.token or "", client.base_url)
    ours.ssl, ours.proxy = client.ssl, client.proxy
    ours.headers = dict(cast("dict[str, str]", client.headers))  # pyright: ignore[reportUnknownMemberType]
    return ours


Seen = Callable[[str, str, float], None]


def _unseen(method: str, answer: str, seconds: float) -> None:
    """Nobody counts."""


class Slack:
    """Safe for threads. Every method raises what `bot.slack_errors.trouble` understands."""

    def __init__(self, client: WebClient, seen: Seen = _unseen) -> None:
        """`seen` is told of each call: its method, the class of Slack's answer, the seconds it took."""
        self.client = client
        self._seen = seen

    def call(self, method: str, **fields: object) -> dict[str, Any]:
        """Slack's answer. Objects and lists among the fields travel as JSON, as forms to Slack want them."""
        return self.call_for_headers(method, **fields)[0]

    def call_for_headers(self, method: str, **fields: object) -> tuple[dict[str, Any], dict[str, str]]:
        flat = {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in fields.items()}
        with self._counted(method):
            answer = self.client.api_call(method, params=flat)  # pyright: ignore[reportUnknownMemberType]
        return as_object(answer.data), dict(cast("Mapping[str, str]", answer.headers))  # pyright: ignore

    def upload(self, channel: str, data: bytes, *, name: str, title: str, alt: str, comment: str) -> None:
        """Post a picture with words above it. slack_sdk's three steps; nothing is seen before the last one."""
        file = {"filename": name, "title": title, "alt_txt": alt, "content": data}
        with self._counted("files.completeUploadExternal"):
            self.client.files_upload_v2(channel=channel, initial_comment=comment, **file)  # pyright: ignore

    @contextmanager
    def _counted(self, method: str) -> Generator[None]:
        began, said = time.monotonic(), "ok"
        try:
            yield
        except Exception as error:
            said = class_of(error)
            raise
        finally:
            self._seen(method, said, time.monotonic() - began)

    def pages(self, method: str, **fields: object) -> Iterator[dict[str, Any]]:
        """The pages of a method with cursors, each read when it is asked for."""
        return pages(self.call, method, **fields)

    def identify(self) -> Identity:
        """Who the token belongs to."""
        answer = self.call("auth.test")
        me = from_auth_test(answer)
        return me if me.app or not me.bot_id else from_auth_test(answer, app=self._app_of(me.bot_id))

    def _app_of(self, bot: str) -> str:
        """The app's id, which auth.test does not tell; empty where Slack does not say it (scope users:read)."""
        try:
            answer = self.call("bots.info", bot=bot)
        except SlackApiError:
            return ""
        return str(as_object(answer.get("bot")).get("app_id", ""))


def pages(call: Call, method: str, **fields: object) -> Iterator[dict[str, Any]]:
    """The same by a `call` of the caller's, who may want to wait and try again between two pages."""
    cursor = ""
    while True:
        page = call(method, **fields, **({"cursor": cursor} if cursor else {}))
        yield page
        cursor = str(as_object(page.get("response_metadata")).get("next_cursor") or "")
        if not cursor:
            return


def as_object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
