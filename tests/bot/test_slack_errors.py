"""What each way a call to Slack can fail means."""

import http.client
import socket
import ssl
from datetime import timedelta
from typing import Any
from urllib.error import URLError

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot.slack_errors import Failure, Trouble, retry_after, trouble


def refusal(code: str, *, status: int = 200, headers: dict[str, Any] | None = None) -> SlackApiError:
    response = SlackResponse(
        client=None,
        http_verb="POST",
        api_url="u",
        req_args={},
        data={"ok": False, "error": code},
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("failed", response)


CLASSES = {
    Failure.NOT_SENT: ["ratelimited", "rate_limited"],
    Failure.AMBIGUOUS: ["fatal_error", "internal_error", "request_timeout", "service_unavailable"],
    Failure.NEVER: [
        "channel_not_found",
        "not_in_channel",
        "is_archived",
        "restricted_action",
        "restricted_action_read_only_channel",
        "cannot_reply_to_message",
        "ekm_access_denied",
        "messages_tab_disabled",
        "invalid_thread_ts",
        "a_word_of_tomorrow",
    ],
    Failure.GONE: ["message_not_found", "cant_update_message", "thread_not_found"],
    Failure.OUR_FAULT: [
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_blocks",
        "no_text",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "invalid_name",
    ],
    Failure.CREDENTIALS: [
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "missing_scope",
        "org_login_required",
        "team_added_to_org",
    ],
    Failure.DISGUISED: ["already_reacted", "no_reaction"],
}


@pytest.mark.parametrize(("failure", "code"), [(kind, code) for kind, codes in CLASSES.items() for code in codes])
def test_each_error_code_has_its_class(failure: Failure, code: str):
    assert trouble(refusal(code)).failure is failure


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (URLError(ConnectionRefusedError()), Failure.NOT_SENT),
        (URLError(socket.gaierror()), Failure.NOT_SENT),
        (URLError(ssl.SSLCertVerificationError()), Failure.NOT_SENT),
        (URLError(TimeoutError()), Failure.NOT_SENT),
        (URLError(OSError("no route")), Failure.NOT_SENT),
        (URLError(ConnectionResetError()), Failure.AMBIGUOUS),
        (URLError(BrokenPipeError()), Failure.AMBIGUOUS),
        (TimeoutError(), Failure.AMBIGUOUS),
        (ConnectionResetError(), Failure.AMBIGUOUS),
        (http.client.RemoteDisconnected(), Failure.AMBIGUOUS),
        (http.client.IncompleteRead(b""), Failure.AMBIGUOUS),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), Failure.AMBIGUOUS),
        (refusal("", status=500), Failure.AMBIGUOUS),
        (refusal("Received a response in a non-JSON format: <html>", status=503), Failure.AMBIGUOUS),
        (refusal("Received a response in a non-JSON format: {", status=200), Failure.AMBIGUOUS),
    ],
)
def test_a_connection_that_fails_is_not_sent_only_if_nothing_can_have_arrived(error: Exception, failure: Failure):
    assert trouble(error).failure is failure


def test_the_body_of_a_strange_answer_is_never_repeated():
    secret = refusal("Received a response in a non-JSON format: <html>private</html>", status=503)
    assert trouble(secret) == Trouble(Failure.AMBIGUOUS, "HTTP 503")


def test_an_error_of_our_own_is_not_mistaken_for_slacks():
    with pytest.raises(KeyError):
        trouble(KeyError("x"))


def test_only_a_refusal_by_the_channel_counts_against_the_channel():
    assert trouble(refusal("is_archived")).is_about_the_channel
    assert not trouble(refusal("thread_not_found")).is_about_the_channel


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("30", 30), ("1", 1), ("0", 1), ("-5", 1), ("1.2", 2), ("soon", 1), ("nan", 1), ("99999", 300), ("inf", 1)],
)
def test_retry_after_is_rounded_up_and_kept_within_bounds(value: str, seconds: int):
    assert retry_after({"Retry-After": value}) == timedelta(seconds=seconds)


def test_a_limit_without_a_time_is_a_second():
    assert trouble(refusal("ratelimited", status=429)).retry_after == timedelta(seconds=1)
    assert trouble(refusal("", status=429, headers={"retry-after": "7"})).retry_after == timedelta(seconds=7)
