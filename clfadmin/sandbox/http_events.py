"""Signed HTTP delivery: events posted to the app's address, as Slack does without Socket Mode."""

import asyncio
import hashlib
import hmac
import http.client
import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import time
from urllib.parse import urlencode, urlsplit

from clfadmin.sandbox.encoding import Json, dump
from clfadmin.sandbox.live import LiveFeed
from clfadmin.sandbox.log import Attempt, Envelope, Log

# Slack's own concurrency is unknown; this keeps an app busy without a thread for each event of a burst.
MAX_CONCURRENT = 16
VERIFY_EVERY = 0.5  # seconds between tries to verify an address that does not answer yet
VERIFY_PATIENCE = 3.0
MAX_ANSWER_BYTES = 512_000  # an answer to a submitted window may hold a whole window
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    """What the app's address said, or with `failure` why it said nothing."""

    status: int = 0
    body: str = ""
    no_retry: bool = False
    failure: str = ""


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Slack's signature of a raw body: HMAC-SHA256 over version, time and body."""
    base = f"v0:{timestamp}:".encode() + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def body_of(envelope: Envelope) -> tuple[bytes, str]:
    """The request's body and its type: events are JSON, commands a form, clicks JSON in a form."""
    if envelope.kind == "events_api":
        return dump(envelope.payload).encode(), JSON_TYPE
    fields = envelope.payload if envelope.kind == "slash_commands" else {"payload": dump(envelope.payload)}
    form = {key: dump(value) if isinstance(value, bool) else str(value) for key, value in fields.items()}
    return urlencode(form).encode(), FORM_TYPE


@dataclass
class HttpPost:
    """The carrier of HTTP mode. Nothing is sent before the address has passed url_verification."""

    url: str
    secret: str = field(repr=False)
    log: Log
    live: LiveFeed
    verified: bool = False
    reachable: bool = False
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_CONCURRENT, "sandbox-events"))

    async def verify(self) -> None:
        """Ask the address for its challenge until it answers rightly."""
        while not self.verified:
            challenge = secrets.token_hex(16)
            body = dump({"type": "url_verification", "token": "sandbox", "challenge": challenge}).encode()
            answer = await self._send(body, {"Content-Type": JSON_TYPE}, VERIFY_PATIENCE)
            self.log.counts["verifications"] += 1
            if answer.status == 200 and challenge in (answer.body.strip(), _challenge_in(answer.body)):
                self.verified = True
                self._now(reachable=True)
                return
            await asyncio.sleep(VERIFY_EVERY)

    async def carry(self, envelope: Envelope, attempt: Attempt, reason: str, patience: float) -> None:
        """POST once. Any 2xx acknowledges; `X-Slack-No-Retry: 1` on a failure ends the attempts."""
        attempt.envelope_id, attempt.via = str(envelope.payload.get("event_id", "")), "http"
        if not self.verified:
            attempt.failure = "connection_failed"
            return
        retry = {"X-Slack-Retry-Num": str(attempt.number), "X-Slack-Retry-Reason": reason} if attempt.number else {}
        body, content_type = body_of(envelope)
        answer = await self._send(body, retry | {"Content-Type": content_type}, patience)
        self._now(reachable=answer.status > 0)
        if 200 <= answer.status < 300:
            attempt.acked, attempt.acked_by, attempt.answer = time(), "http", answer.body
            return
        attempt.failure = "no_retry" if answer.no_retry else answer.failure or "http_error"

    async def _send(self, body: bytes, headers: dict[str, str], patience: float) -> Answer:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, self._post, body, headers, patience)

    def _post(self, body: bytes, headers: dict[str, str], patience: float) -> Answer:
        timestamp = int(time())
        signed = {
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": str(timestamp),
            "X-Slack-Signature": sign(self.secret, timestamp, body),
        }
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=patience)
        try:
            connection.request("POST", parts.path or "/", body, signed | headers)
            response = connection.getresponse()
            text = response.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
            return Answer(response.status, text, response.headers.get("X-Slack-No-Retry") == "1")
        except TimeoutError:
            return Answer(failure="http_timeout")
        except (OSError, http.client.HTTPException):
            return Answer(failure="connection_failed")
        finally:
            connection.close()

    def _now(self, *, reachable: bool) -> None:
        if reachable != self.reachable:
            self.reachable = reachable
            self.live.announce({"kind": "bot"} | self.state())

    def state(self) -> Json:
        return {"connected": self.verified and self.reachable, "sockets": 0}

    def close(self) -> None:
        self.pool.shutdown(wait=False, cancel_futures=True)


def _challenge_in(body: str) -> str:
    """Slack takes the challenge as plain text, or as JSON."""
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return str(value.get("challenge", "")) if isinstance(value, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
