"""What each way a call to Slack can fail means for the caller."""

import http.client
import math
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, cast
from urllib.error import URLError

from slack_sdk.errors import SlackApiError, SlackClientError

# Longer waits are Slack's to repeat; a mistyped header must not silence us for a day.
LONGEST_RETRY_AFTER = timedelta(minutes=5)
SHORTEST_RETRY_AFTER = timedelta(seconds=1)


class Failure(StrEnum):
    """NOT_SENT: nothing happened, try again. AMBIGUOUS: it may have happened, look first. NEVER: not this message.
    GONE: what it belongs to is gone. OUR_FAULT: once more, simpler. CREDENTIALS: stop until a person acts.
    DISGUISED: it is as we wanted.
    """

    NOT_SENT = "not sent"
    AMBIGUOUS = "ambiguous"
    NEVER = "never"
    GONE = "gone"
    OUR_FAULT = "our fault"
    CREDENTIALS = "credentials"
    DISGUISED = "disguised"


_CODES: dict[Failure, tuple[str, ...]] = {
    Failure.NOT_SENT: ("ratelimited", "rate_limited", "message_limit_exceeded"),
    Failure.AMBIGUOUS: ("fatal_error", "internal_error", "request_timeout", "service_unavailable"),
    Failure.NEVER: (
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "cannot_reply_to_message",
        "ekm_access_denied",
        "messages_tab_disabled",
        "invalid_thread_ts",
        "user_not_in_channel",
        "not_reactable",
        "too_many_emoji",
        "too_many_reactions",
        "thread_locked",
    ),
    Failure.GONE: ("message_not_found", "cant_update_message", "cant_delete_message", "thread_not_found"),
    Failure.OUR_FAULT: (
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_blocks",
        "no_text",
        "metadata_too_large",
        "metadata_must_be_sent_from_app",
        "invalid_name",
    ),
    Failure.CREDENTIALS: (
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "org_login_required",
        "team_added_to_org",
        "access_denied",
    ),
    Failure.DISGUISED: ("already_reacted", "no_reaction"),
}
_CLASS_OF = {code: failure for failure, codes in _CODES.items() for code in codes}
_CLASS_OF_START = {"restricted_action": Failure.NEVER, "invalid_metadata": Failure.OUR_FAULT}
# A right is missing, or for this kind of call only.
_RIGHTS = frozenset({"missing_scope", "no_permission", "access_denied", "not_allowed_token_type"})
# Said of the place, not of the one message: after a few of these the channel gets a rest.
_PLACE = frozenset({"channel_not_found", "not_in_channel", "is_archived", "ekm_access_denied", "messages_tab_disabled"})


@dataclass(frozen=True)
class Trouble:
    """`code` is Slack's word, or ours for a connection's failure. `retry_after` only where Slack said so."""

    failure: Failure
    code: str
    retry_after: timedelta | None = None

    @property
    def is_about_the_token(self) -> bool:
        """Nothing at all works with it, and not only what a right is missing for."""
        return self.failure is Failure.CREDENTIALS and self.code not in _RIGHTS

    @property
    def is_about_the_channel(self) -> bool:
        return self.code in _PLACE or self.code.startswith("restricted_action")


def trouble(error: Exception) -> Trouble:
    """What an exception of slack_sdk's WebClient (without retry handlers) means."""
    if isinstance(error, SlackApiError):
        return _of_answer(cast("Any", error.response))  # pyright: ignore[reportUnknownMemberType]
    if isinstance(error, URLError):
        return _of_connection(error.reason)
    if isinstance(error, OSError | http.client.HTTPException | SlackClientError | ValueError):
        # After the request went out: a reset, a timeout while reading, half an answer, one that is not UTF-8.
        return Trouble(Failure.AMBIGUOUS, type(error).__name__)
    raise error


def class_of(error: Exception) -> str:
    """The class of a failed call in one word, for figures; also of an error of our own."""
    try:
        return trouble(error).failure.value.replace(" ", "_")
    except Exception:
        return "unknown"


def _of_answer(response: Any) -> Trouble:
    status: int = getattr(response, "status_code", 200)
    headers = cast("Mapping[str, str]", getattr(response, "headers", {}))
    data: Any = getattr(response, "data", None)
    code = str(cast("dict[str, Any]", data).get("error", "")) if isinstance(data, dict) else ""
    if status == 429 or code in _CODES[Failure.NOT_SENT]:
        return Trouble(Failure.NOT_SENT, "ratelimited", retry_after(headers))
    if code in _CLASS_OF:
        return Trouble(_CLASS_OF[code], code)
    for start, failure in _CLASS_OF_START.items():
        if code.startswith(start):
            return Trouble(failure, code)
    if status >= 500 or not _is_word(code):
        # Not JSON: the SDK puts a sentence with the body's start in place of the code; never show that.
        return Trouble(Failure.AMBIGUOUS, f"HTTP {status}")
    # A word we do not know: Slack has judged and refused this one.
    return Trouble(Failure.NEVER, code)


def _of_connection(reason: object) -> Trouble:
    """urllib wraps what fails while connecting and while sending alike; only a reset can mean either."""
    code = type(reason).__name__
    if isinstance(reason, ConnectionRefusedError | socket.gaierror | ssl.SSLCertVerificationError):
        return Trouble(Failure.NOT_SENT, code)
    if isinstance(reason, ConnectionResetError | BrokenPipeError | ConnectionAbortedError | ssl.SSLEOFError):
        return Trouble(Failure.AMBIGUOUS, code)
    # Unreachable, no route, a timeout while connecting: a few hundred bytes never time out while being sent.
    return Trouble(Failure.NOT_SENT, code)


def retry_after(headers: Mapping[str, str]) -> timedelta:
    """Slack's whole seconds; decimals are rounded up, nonsense counts as one second, and five minutes is the most."""
    value = next((text for name, text in headers.items() if name.lower() == "retry-after"), "")
    if isinstance(value, list):  # the SDK's two paths disagree about the shape
        value = str(value[0]) if value else ""
    try:
        seconds = math.ceil(float(value))
    except (ValueError, OverflowError):
        seconds = 1
    return min(max(timedelta(seconds=min(seconds, 86_400)), SHORTEST_RETRY_AFTER), LONGEST_RETRY_AFTER)


def _is_word(code: str) -> bool:
    return 0 < len(code) <= 100 and code.replace("_", "").isalnum()
