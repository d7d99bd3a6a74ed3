"""The bot's own small site: health, figures, the status page."""

from collections.abc import Iterator

import httpx
import pytest

from bot.beat import Link
from bot.identity import Identity
from bot.metrics import Metrics
from bot.page import status_page
from bot.settings import Mode
from bot.tagger import Health
from bot.web import Server, make_site
from tests.bot.conftest import Bot
from tests.conftest import wait_until
from tests.sandbox_client import SandboxClient
from worker.fleet import QueueLengths


@pytest.fixture
def site(bot: Bot) -> Iterator[str]:
    """The address of the site of a bot in Socket Mode."""
    server = Server("127.0.0.1", 0)
    server.start(make_site(bot.tagger, None, bot.settings))
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


def test_a_bot_that_works_is_alive_and_ready(site: str):
    wait_until(lambda: httpx.get(f"{site}/readyz").status_code == 200, "readiness")
    assert httpx.get(f"{site}/healthz").json() == {"ok": True, "problems": []}


def test_without_slack_it_is_alive_but_not_ready(bot: Bot, site: str):
    assert bot.socket
    bot.socket.close()
    answer = httpx.get(f"{site}/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (503, ["Slack cannot reach us at present."])
    assert httpx.get(f"{site}/healthz").status_code == 200


def test_figures_have_names_and_no_texts(sandbox: SandboxClient, bot: Bot, site: str):
    sandbox.post("general", "ada", "a private word")
    wait_until(lambda: 'clf_bot_events_total{outcome="queued"} 1.0' in httpx.get(f"{site}/metrics").text, "the figure")
    text = httpx.get(f"{site}/metrics").text
    assert "clf_bot_connected 1.0" in text
    assert 'clf_queue_entries{what="waiting"} 1.0' in text
    assert "private" not in text


def test_a_queue_that_does_not_answer_has_no_length():
    text = Metrics().text(None).decode()
    assert 'clf_queue_entries{what="waiting"} NaN' in text


def test_the_page_says_how_to_invite_the_bot_and_runs_no_script(site: str):
    answer = httpx.get(site)
    assert "/invite @sentiment" in answer.text
    assert "connected by Socket Mode, 1 socket of this app" in answer.text
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_in_socket_mode_nobody_can_post_events(site: str):
    assert httpx.post(f"{site}/slack/events", content=b"{}").status_code == 404


def test_names_from_slack_are_escaped_on_the_page():
    me = Identity(team="T", bot_user="U", name="<script>alert(1)</script>", team_name="<b>&")
    page = status_page([me], Link(Mode.HTTP), Health(True, True, []), None)
    assert "<script>" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "cannot be read" in page


def test_the_page_shows_the_queue_and_what_is_wrong():
    lengths = QueueLengths(waiting=11, leased=22, results=33, dead=44)
    problems = ["Slack refuses our credentials: token_revoked."]
    page = status_page([Identity("T", "U")], Link(Mode.SOCKET), Health(True, False, problems), lengths)
    for shown in ("11", "22", "33", "44", "token_revoked", "not connected"):
        assert shown in page


def test_a_port_in_use_is_an_error_at_once():
    first = Server("127.0.0.1", 0)
    try:
        with pytest.raises(OSError, match="in use"):
            Server("127.0.0.1", first.port).stop()
    finally:
        first.stop()
