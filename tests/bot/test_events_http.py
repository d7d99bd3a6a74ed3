"""HTTP mode's door: only what Slack signed gets in, and nothing makes it fall over."""

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from bot.settings import Settings
from tests.bot.conftest import Bot, running_http_bot
from tests.bot.test_intake import message, wrapped
from tests.conftest import Broker, own_keys
from tests.sandbox_client import SIGNING_SECRET
from worker.jobs import Keys, StreamName

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def http_bot(valkey: Broker) -> Iterator[Bot]:
    """One for all tests here: each sends messages of its own and counts the jobs they add."""
    with own_keys(valkey) as keys:
        settings = Settings(clf_redis_url=SecretStr(valkey.bot), clf_prefix=keys.prefix)
        with running_http_bot(settings) as (bot, _):
            yield bot


def fresh(**more: Any) -> dict[str, Any]:
    """A message nobody has seen."""
    return message(ts=f"1700000000.{next(_numbers):06}", **more)


def sign(body: bytes, timestamp: str, secret: str = SIGNING_SECRET) -> str:
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def send(bot: Bot, body: object, **headers: str | bytes) -> httpx.Response:
    """A signed request; `headers` replace ours, underscores standing for dashes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    now = str(int(time.time()))
    ours: dict[str, str | bytes] = {
        "content-type": "application/json",
        "x-slack-request-timestamp": now,
        "x-slack-signature": sign(raw, now),
    }
    ours |= {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in ours.items()]
    return httpx.post(f"{bot.url}/slack/events", content=raw, headers=pairs, verify=False)


@pytest.fixture
def new_jobs(http_bot: Bot, valkey: Broker) -> Callable[[], int]:
    """How many jobs there are more than at the start of the test."""

    def count() -> int:
        with valkey.client() as client:
            return int(client.xlen(Keys(http_bot.settings.clf_prefix).stream(StreamName.JOBS)))

    before = count()
    return lambda: count() - before


def test_a_signed_event_is_taken_and_a_replay_of_it_is_taken_once(http_bot: Bot, new_jobs: Callable[[], int]):
    now = str(int(time.time()) - 200)
    raw = json.dumps(wrapped(fresh())).encode()
    for _ in range(3):
        answer = send(http_bot, raw, x_slack_request_timestamp=now, x_slack_signature=sign(raw, now))
        assert answer.status_code == 200
    assert new_jobs() == 1


FORGED: dict[str, dict[str, str | bytes]] = {
    "another secret": {"x_slack_signature": "v0=" + "0" * 64},
    "no signature": {"x_slack_signature": ""},
    "not ASCII": {"x_slack_signature": "v0=\u00e9".encode()},
    "not even UTF-8": {"x_slack_signature": b"v0=\xff\xfe"},
    "old": {"x_slack_request_timestamp": str(int(time.time()) - 400)},
    "from the future": {"x_slack_request_timestamp": str(int(time.time()) + 400)},
    "no number": {"x_slack_request_timestamp": "yesterday"},
    "an Arabic number": {"x_slack_request_timestamp": "\u0661\u0662".encode()},
    "a huge number": {"x_slack_request_timestamp": "9" * 5_000},
    "empty": {"x_slack_request_timestamp": ""},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
def test_a_request_slack_did_not_sign_is_refused(
    http_bot: Bot, new_jobs: Callable[[], int], headers: dict[str, str | bytes]
):
    answer = send(http_bot, wrapped(fresh()), **headers)
    assert (answer.status_code, answer.text) == (401, "")
    assert new_jobs() == 0


def test_a_right_signature_of_an_old_request_is_refused(http_bot: Bot):
    raw, old = json.dumps(wrapped(fresh())).encode(), str(int(time.time()) - 301)
    assert send(http_bot, raw, x_slack_request_timestamp=old, x_slack_signature=sign(raw, old)).status_code == 401


STRANGE: dict[str, tuple[bytes, int]] = {
    "not UTF-8": (b'{"text": "\xff"}', 400),
    "not JSON": (b"{", 400),
    "a list": (b"[]", 400),
    "four hundred levels": (b'{"a":' * 400 + b"1" + b"}" * 400, 404),
    "a hundred thousand levels": (b"[" * 100_000, 400),
    "no event": (b'{"type": "event_callback", "team_id": "T0SANDBOX"}', 400),
    "an event that is text": (b'{"type": "event_callback", "event": "message"}', 400),
    "an event that is text where none belongs": (b'{"type": "unheard_of", "event": "message"}', 400),
    "an event that is null": (b'{"type": "unheard_of", "event": null}', 400),
    "an event without type": (b'{"type": "event_callback", "event": {}}', 400),
    "a type that is a number": (b'{"type": 7, "event": {"type": "message"}}', 400),
    "a team that is a list": (b'{"type": "event_callback", "team_id": [], "event": {"type": "message"}}', 400),
    "grants that are text": (b'{"type": "event_callback", "authorizations": "x", "event": {"type": "a"}}', 400),
    "an unknown type": (b'{"type": "unheard_of", "team_id": "T0SANDBOX"}', 404),
    "empty": (b"", 400),
    "wrong kinds inside": (
        json.dumps(wrapped({"type": "message", "ts": 5, "channel": {}, "text": [], "user": {}})).encode(),
        200,
    ),
    "a user that is a number": (json.dumps(wrapped(fresh(user=9))).encode(), 400),
    "a user that is a list": (json.dumps(wrapped(fresh(user=["U1"]))).encode(), 200),
    "a channel that is a list": (json.dumps(wrapped(fresh(channel=[["C1"]]))).encode(), 200),
    "an enterprise that is a number": (json.dumps(wrapped(fresh(user=None), enterprise=5)).encode(), 400),
}


@pytest.mark.parametrize(("raw", "status"), STRANGE.values(), ids=STRANGE.keys())
def test_a_strange_body_is_answered_and_nothing_falls_over(
    http_bot: Bot, new_jobs: Callable[[], int], raw: bytes, status: int
):
    assert send(http_bot, raw).status_code == status
    assert new_jobs() == 0
    assert send(http_bot, wrapped(fresh())).status_code == 200
    assert new_jobs() == 1


def test_a_body_over_a_megabyte_is_refused_before_it_is_read(http_bot: Bot):
    assert send(http_bot, b"x" * 1_000_001).status_code == 413


def test_a_body_without_a_length_is_counted_while_it_comes(http_bot: Bot):
    def endless() -> Iterator[bytes]:
        yield from (b"x" * 100_000 for _ in range(11))

    answer = httpx.post(f"{http_bot.url}/slack/events", content=endless(), headers={"x-slack-signature": "v0=0"})
    assert answer.status_code == 413


def test_the_address_is_verified_only_if_slack_asks(http_bot: Bot):
    question = {"type": "url_verification", "token": "x", "challenge": "c-123"}
    answer = send(http_bot, question)
    assert (answer.status_code, answer.json()) == (200, {"challenge": "c-123"})
    assert send(http_bot, question, x_slack_signature="v0=0").status_code == 401


def test_slacks_check_of_the_certificate_is_answered_unsigned(http_bot: Bot):
    form = "application/x-www-form-urlencoded"
    answer = send(http_bot, b"token=x&ssl_check=1", content_type=form, x_slack_signature="")
    assert (answer.status_code, answer.text) == (200, "")


@pytest.mark.parametrize("outer", [{"api_app_id": "A0OTHER"}, {"team_id": "T0OTHER", "authorizations": []}])
def test_an_event_for_another_app_or_workspace_is_refused(http_bot: Bot, outer: dict[str, Any]):
    assert send(http_bot, wrapped(fresh(), **outer)).status_code == 401


def test_a_click_or_a_command_is_taken_once(http_bot: Bot):
    """Slack sends them once; whoever sends the same bytes again is not Slack."""
    raw = b"command=%2Fsentiment&text=great&team_id=T0SANDBOX&user_id=U0ADA&trigger_id=1"
    form, now = "application/x-www-form-urlencoded", str(int(time.time()))
    signed = {"content_type": form, "x_slack_request_timestamp": now, "x_slack_signature": sign(raw, now)}
    assert send(http_bot, raw, **signed).status_code != 401
    assert send(http_bot, raw, **signed).status_code == 401


def test_refusals_are_counted(http_bot: Bot):
    def refused() -> float:
        return http_bot.tagger.metrics.registry.get_sample_value("clf_bot_events_total", {"outcome": "refused"}) or 0

    before = refused()
    send(http_bot, b"{}", x_slack_signature="v0=0")
    assert refused() == before + 1


def test_only_posts_are_taken(http_bot: Bot):
    assert httpx.get(f"{http_bot.url}/slack/events").status_code == 405
