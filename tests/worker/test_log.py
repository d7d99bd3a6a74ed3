"""Logs hold no secret, whoever writes them, and do not repeat themselves."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

import worker.__main__
from worker.connection import Misconfigured
from worker.log import REPEAT_SECONDS, Redactor, Seldom, configure, where
from worker.service import Service
from worker.settings import Settings

SECRETS = ["0123456789abcdef0123456789abcdef", "redis://user:p%40ssword@host:6379/0", "unix:///s?password=in-a-query"]
Write = Callable[[str, str | None], io.StringIO]


@pytest.fixture
def write() -> Iterator[Write]:
    """write(level, form) sends logs into a buffer; the logging of the test run is put back afterwards."""
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()

    def to_buffer(level: str, form: str | None) -> io.StringIO:
        out = io.StringIO()
        configure(level, form, SECRETS, to=out)
        return out

    yield to_buffer
    root.handlers, root.level = handlers, level
    structlog.configure(**before)


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
        "in-a-query",
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_reaches_a_log_line(write: Write, secret: str, form: str):
    written = write("debug", form)
    structlog.get_logger().info("ours", field=f"before {secret} after")
    logging.getLogger("theirs").error("failed with %s", secret)
    try:
        raise ValueError(f"token {secret}")
    except ValueError:
        logging.getLogger("theirs").exception("traceback")
    lines = written.getvalue()
    assert secret not in lines
    assert lines.count("[hidden]") == 3
    assert "before [hidden] after" in lines


def test_a_workers_redis_password_reaches_no_log_line(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """`write` only puts the logging of the test run back."""

    def refuse(settings: Settings) -> Service:
        structlog.get_logger().warning("refused", why="hunter2", url=settings.redis_url.get_secret_value())
        raise Misconfigured("refused")

    monkeypatch.setenv("CLF_REDIS_URL", "redis://user:hunter2@127.0.0.1:1/0")
    monkeypatch.setattr(worker.__main__, "Service", refuse)
    assert worker.__main__.main() == 1
    err = capsys.readouterr().err
    assert "redis://[hidden]@127.0.0.1:1/0" in err, "the host may be shown"
    assert "hunter2" not in err


def test_any_password_in_an_address_and_any_ticket_is_hidden():
    redact = Redactor()
    assert redact("rediss://me:very-secret@host:1/0 down") == "rediss://[hidden]@host:1/0 down"
    assert redact("wss://host/link/?ticket=abc-123&app_id=1") == "wss://host/link/?ticket=[hidden]&app_id=1"
    assert redact("nothing at 10:30 @ noon") == "nothing at 10:30 @ noon"


def test_a_password_of_sentinels_is_hidden_as_it_is_and_as_it_is_written():
    redact = Redactor(["redis+sentinel://u:p@a,b/m?sentinel_username=clf-bot&sentinel_password=open%2Fsesame"])
    assert redact("open/sesame or open%2Fsesame of clf-bot") == "[hidden] or [hidden] of clf-bot"


def test_the_host_of_a_secret_address_may_be_shown():
    assert Redactor(SECRETS)("redis://host:6379/0 down") == "redis://host:6379/0 down"


def test_logs_are_json_where_nobody_watches_and_text_where_asked_for(write: Write):
    for form in (None, "json"):
        written = write("info", form)
        structlog.get_logger().warning("job done", job="j1", waited_ms=12)
        line = json.loads(written.getvalue())
        assert (line["event"], line["level"], line["job"], line["waited_ms"]) == ("job done", "warning", "j1", 12)
        assert line["timestamp"].endswith("Z")
    written = write("info", "text")
    structlog.get_logger().warning("job done", job="j1")
    assert "job done" in written.getvalue()
    assert not written.getvalue().startswith("{")


def test_the_log_level_leaves_out_what_is_below_it(write: Write):
    for level, lines in (("info", 2), ("warning", 1), ("error", 0)):
        written = write(level, "json")
        structlog.get_logger().info("a fact")
        structlog.get_logger().warning("a worry")
        assert len(written.getvalue().splitlines()) == lines


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_shows_no_variables(write: Write, form: str):
    written = write("info", form)
    text = "confi" + "dential"
    try:
        raise ValueError(len(text))
    except ValueError:
        structlog.get_logger().exception("reply failed")
    assert "ValueError: 12" in written.getvalue()
    assert "confidential" not in written.getvalue()


def test_an_error_is_told_by_its_class_and_place_without_its_words():
    try:
        int("a confidential text")
    except ValueError as error:
        told = where(error)
    assert told.startswith("ValueError\n")
    assert "in test_an_error_is_told" in told
    assert told.count("confidential") == 1, "in the line of code alone"


def test_a_fault_that_lasts_is_logged_once_a_minute():
    now = [0.0]
    seldom = Seldom(clock=lambda: now[0])
    assert [seldom.due("a"), seldom.due("a"), seldom.due("b"), seldom.due("a")] == [True, False, True, False]
    now[0] += REPEAT_SECONDS
    assert seldom.due("a")


def test_the_end_of_a_fault_is_news_once_and_only_if_the_fault_was_told():
    seldom = Seldom()
    assert not seldom.over()
    seldom.due("a")
    assert seldom.over()
    assert not seldom.over()
