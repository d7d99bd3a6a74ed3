"""What Slack's libraries log below WARNING holds messages: it reaches no log of ours."""

import io
import logging
from collections.abc import Iterator

import pytest

from bot.log import quieten, silent

NAMES = ["slack_bolt.App", "slack_sdk.web.client", "slack.bolt", "websocket", "uvicorn.error"]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a process that logs everything writes; the logging of the test run is put back afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    root.handlers = [logging.StreamHandler(stream)]
    root.setLevel(logging.DEBUG)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


@pytest.mark.parametrize("name", NAMES)
def test_slacks_own_loggers_stay_quiet_even_at_debug(written: io.StringIO, name: str):
    quieten()
    logging.getLogger(name).info("body: a private message")
    assert written.getvalue() == ""


def test_a_client_whose_failures_we_log_ourselves_logs_none(written: io.StringIO):
    silent().error("failed to send a request")
    assert written.getvalue() == ""
