"""Logs hold no secret, whoever writes them, and do not repeat themselves."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
import structlog

from bot import log
from bot.settings import LogFormat, LogLevel

SECRETS = ["0123456789abcdef0123456789abcdef", "redis://user:p%40ssword@host:6379/0"]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What goes to standard error, as JSON; the logging of the test run is put back afterwards."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers, root.level
    monkeypatch.setattr("sys.stderr", stream)
    log.configure(LogLevel.DEBUG, LogFormat.JSON, SECRETS)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "secret",
    [
        "xoxb-123-456-abcDEF",
        "xoxp-1-2-3",
        "xapp-1-A0-99-abcdef",
        "xoxe.xoxb-1-abc",
        "0123456789abcdef0123456789abcdef",
        "p%40ssword",
        "p@ssword",
    ],
)
def test_no_secret_reaches_a_log_line(written: io.StringIO, secret: str):
    log.get("bot").info("ours", field=f"before {secret} after")
    logging.getLogger("theirs").error("failed with %s", secret)
    try:
        raise ValueError(f"token {secret}")
    except ValueError:
        logging.getLogger("theirs").exception("traceback")
    lines = written.getvalue()
    assert secret not in lines
    assert lines.count("[hidden]") == 3
    assert "before [hidden] after" in lines


def test_any_password_in_an_address_and_any_ticket_is_hidden():
    redact = log.Redactor()
    assert redact("rediss://me:very-secret@host:1/0 down") == "rediss://[hidden]@host:1/0 down"
    assert redact("wss://host/link/?ticket=abc-123&app_id=1") == "wss://host/link/?ticket=[hidden]&app_id=1"
    assert redact("nothing at 10:30 @ noon") == "nothing at 10:30 @ noon"


def test_lines_are_json_with_their_fields(written: io.StringIO):
    log.get("bot").warning("job done", job="j1", waited_ms=12)
    line = json.loads(written.getvalue())
    assert (line["event"], line["level"], line["job"], line["waited_ms"]) == ("job done", "warning", "j1", 12)


@pytest.mark.parametrize("name", ["slack_bolt.App", "slack_sdk.web.client", "slack.bolt", "websocket", "uvicorn.error"])
def test_slacks_own_loggers_stay_quiet_even_at_debug(written: io.StringIO, name: str):
    logging.getLogger(name).info("body: a private message")
    assert written.getvalue() == ""


def test_a_fault_that_lasts_is_logged_once_a_minute():
    seldom = log.Seldom(timedelta(seconds=60))
    assert [seldom.due("a"), seldom.due("a"), seldom.due("b"), seldom.due("a")] == [True, False, True, False]
    often = log.Seldom(timedelta(0))
    assert [often.due("a"), often.due("a")] == [True, True]
