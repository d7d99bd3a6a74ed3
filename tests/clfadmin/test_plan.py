"""What `up` will run: each process gets what it needs of the environment, and no secret of another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from clfadmin import broker, plan
from clfadmin.settings import Settings, SlackTokens
from tests.conftest import wait_until

OWN_SLACK = SlackTokens(bot_token=SecretStr("xoxb-1"), app_token=SecretStr("xapp-1"))
OWN_REDIS = SecretStr("redis://user:secret@db.example.org:6379")


def make(home: Path, slack: SlackTokens, redis_url: SecretStr | None = OWN_REDIS, *, workers: int = 1) -> plan.Plan:
    return plan.make(Settings(home=home, redis_url=redis_url), slack, port=8123, workers=workers)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("CLF_", "SLACK_", "SANDBOX_")):
            monkeypatch.delenv(name)


def test_without_anything_set_broker_and_local_slack_are_run_too(tmp_path: Path):
    planned = make(tmp_path, SlackTokens(), None)
    try:
        assert planned.broker
        assert planned.sandbox
        assert planned.sandbox.arguments == ("--port", "8123")
        assert planned.bot.environment["CLF_REDIS_URL"] == broker.broker_url(tmp_path)
        assert planned.bot.environment["SLACK_API_URL"] == "http://127.0.0.1:8123/api/"
        assert "CLF_HTTP_PORT" not in planned.bot.environment
    finally:
        broker.clear(broker.place(tmp_path))


@pytest.mark.parametrize("token", ["bot_token", "app_token", "signing_secret", "client_id"])
def test_any_token_of_slacks_means_that_no_local_slack_is_wanted(tmp_path: Path, token: str):
    planned = make(tmp_path, SlackTokens(**{token: SecretStr("set")}))
    assert planned.sandbox is None
    assert planned.bot.environment["CLF_HTTP_PORT"] == "8123"


def test_a_redis_of_ones_own_means_no_embedded_broker(tmp_path: Path):
    planned = make(tmp_path, OWN_SLACK)
    assert planned.broker is None
    assert planned.workers[0].environment["CLF_REDIS_URL"] == OWN_REDIS.get_secret_value()
    assert "secret" not in repr(planned)


def test_slacks_secrets_reach_the_bot_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_APP_TOKEN", "xapp-1")
    planned = make(tmp_path, OWN_SLACK)
    assert planned.bot.environment["SLACK_BOT_TOKEN"] == "xoxb-1"
    assert not [name for name in planned.workers[0].environment if name.startswith("SLACK_")]


def test_requests_to_the_local_slack_take_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.example.org:3128")
    local = make(tmp_path, SlackTokens()).bot.environment
    assert not [name for name in local if name.lower().endswith("_proxy")]
    assert make(tmp_path, OWN_SLACK).bot.environment["HTTPS_PROXY"] == "http://proxy.example.org:3128"


def test_one_port_is_not_given_to_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLF_HTTP_PORT", "9000")
    planned = make(tmp_path, OWN_SLACK, workers=2)
    assert [spec.environment.get("CLF_HTTP_PORT") for spec in planned.workers] == [None, None]
    assert planned.bot.environment["CLF_HTTP_PORT"] == "8123"


def test_several_workers_share_the_cores_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    planned = make(tmp_path, OWN_SLACK, workers=3)
    assert [spec.name for spec in planned.workers] == ["worker", "worker-2", "worker-3"]
    share = str(max((os.cpu_count() or 1) // 3, 1))
    assert {spec.environment["CLF_THREADS"] for spec in planned.workers} == {share}
    monkeypatch.setenv("CLF_THREADS", "5")
    assert make(tmp_path, OWN_SLACK, workers=3).workers[0].environment["CLF_THREADS"] == "5"
    monkeypatch.delenv("CLF_THREADS")
    assert "CLF_THREADS" not in make(tmp_path, OWN_SLACK).workers[0].environment


def test_any_free_port_is_one_nobody_has():
    port = plan.free_port(0)
    assert port > 0
    assert plan.free_port(port) == port


@pytest.mark.parametrize("display", [":0", ""])
def test_the_page_is_opened_only_where_there_is_a_desktop(tmp_path: Path, display: str):
    """Without one a text browser might be found, and it would take the terminal over."""
    if sys.platform == "darwin":
        pytest.skip("macOS always has a desktop")
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o700)
    code = "import time; from clfadmin.run_all import open_page; open_page('http://127.0.0.1:1/'); time.sleep(1)"
    environment = {"PATH": os.environ["PATH"], "BROWSER": f"{browser} %s", "DISPLAY": display}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    if display:
        wait_until(lambda: opened.exists() and opened.read_text(), "the browser")
        assert opened.read_text() == "http://127.0.0.1:1/\n"
    assert process.wait(30) == 0
    assert opened.exists() is bool(display)
