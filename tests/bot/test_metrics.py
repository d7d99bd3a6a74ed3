"""The bot's figures: each answer of Slack's is counted once, by method and class."""

import time
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.metrics import Metrics
from bot.reconcile import Found, find_reply
from bot.replies import metadata
from bot.slack_client import Slack, quiet_web_client
from tests.bot.conftest import result_of
from tests.sandbox_client import BOT_TOKEN, SandboxClient
from worker.jobs import Job, message_id

CHANNEL = "C0GENERAL"


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def slack(sandbox: SandboxClient, metrics: Metrics) -> Slack:
    return Slack(quiet_web_client(BOT_TOKEN, sandbox.api_url), metrics.called)


def counted(metrics: Metrics, **labels: str) -> float:
    return metrics.registry.get_sample_value("clf_bot_slack_calls_total", labels) or 0


def test_every_answer_of_slacks_is_counted_by_method_and_class(sandbox: SandboxClient, slack: Slack, metrics: Metrics):
    slack.call("chat.postMessage", channel=CHANNEL, text="one")
    faults = {"rate_limited": "not_sent", "accept_then_drop": "ambiguous", "token_revoked": "credentials"}
    for fault, answer in faults.items():
        sandbox.fault(fault, method="chat.postMessage")
        with pytest.raises(Exception):  # noqa: B017, PT011
            slack.call("chat.postMessage", channel=CHANNEL, text=fault)
        assert counted(metrics, method="chat.postMessage", answer=answer) == 1
    assert counted(metrics, method="chat.postMessage", answer="ok") == 1
    seconds = {"method": "chat.postMessage"}
    assert metrics.registry.get_sample_value("clf_bot_slack_seconds_count", seconds) == 4


def test_an_error_of_our_own_is_counted_apart(metrics: Metrics):
    class Broken(WebClient):
        def api_call(self, *_: Any, **__: Any) -> Any:
            raise KeyError("ours")

    with pytest.raises(KeyError):
        Slack(Broken(token="x"), metrics.called).call("chat.update")
    assert counted(metrics, method="chat.update", answer="unknown") == 1


def test_replies_beyond_the_first_are_seen_when_a_thread_is_read(sandbox: SandboxClient, slack: Slack):
    ts = sandbox.post("general", "ada", "great")
    message = message_id("T0SANDBOX", CHANNEL, ts)
    result = result_of(Job(id=message, message=message, team="T0SANDBOX", channel=CHANNEL, ts=ts, text="great"))
    attached: dict[str, Any] = {"metadata": metadata(result)}
    first, *_ = [
        slack.call("chat.postMessage", channel=CHANNEL, thread_ts=ts, text="reply", **attached)["ts"] for _ in range(3)
    ]
    assert find_reply(slack, result) == Found(first, others=2)


def test_the_time_to_a_reply_counts_from_what_was_written(metrics: Metrics):
    metrics.answered(f"{time.time() - 4:.6f}")
    for nonsense in ("", "yesterday", "nan", "-inf"):
        metrics.answered(nonsense)
    read = metrics.registry.get_sample_value
    assert read("clf_bot_reply_seconds_count") == 1
    assert 3.9 < (read("clf_bot_reply_seconds_sum") or 0) < 10
