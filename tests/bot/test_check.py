"""`python -m bot --check`: facts for the doctor."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from pydantic import SecretStr

from bot.check import check, clock_skew, kind_of, scopes
from bot.scopes import NEEDED_SCOPES
from bot.settings import Settings
from tests.bot.conftest import for_sandbox
from tests.conftest import REPOSITORY
from tests.sandbox_client import APP_TOKEN, BOT_TOKEN, SandboxClient


@pytest.fixture
def ours(sandbox: SandboxClient) -> Iterator[Settings]:
    return for_sandbox(Settings(), sandbox)


def test_a_working_set_up(ours: Settings, sandbox: SandboxClient):
    facts = check(ours)
    assert facts["mode"] == {"mode": "socket", "error": None}
    assert facts["tokens"] == {"bot": "bot", "app": "app", "signing_secret": False}
    assert facts["auth"]["ok"] is True
    assert (facts["auth"]["team"], facts["auth"]["bot_user"]) == ("T0SANDBOX", "U0BOT")
    assert (facts["auth"]["bot_name"], facts["auth"]["app"]) == ("sentiment", "A0SANDBOX")
    assert facts["app_token"] == {"ok": True, "error": None}
    assert facts["channels"] == 3
    assert abs(facts["clock_skew_seconds"]) < 5
    json.dumps(facts)


def test_a_wrong_token_is_a_fact_and_not_a_failure(ours: Settings):
    wrong = {"slack_bot_token": SecretStr("xoxb-wrong"), "slack_app_token": SecretStr("xapp-wrong")}
    facts = check(ours.model_copy(update=wrong))
    assert facts["auth"] == {"ok": False, "error": "invalid_auth", "class": "credentials"}
    assert facts["app_token"] == {"ok": False, "error": "invalid_auth", "class": "credentials"}
    assert facts["channels"] is None


def test_slack_out_of_reach_is_a_passing_trouble(ours: Settings):
    facts = check(ours.model_copy(update={"slack_api_url": "http://127.0.0.1:1/api/"}))
    assert facts["auth"]["class"] == "not sent"
    assert facts["clock_skew_seconds"] is None


def test_the_wrong_kind_of_token_is_named(ours: Settings):
    swapped = {"slack_bot_token": SecretStr(APP_TOKEN), "slack_app_token": SecretStr(BOT_TOKEN)}
    facts = check(ours.model_copy(update=swapped))
    assert facts["tokens"] == {"bot": "app", "app": "bot", "signing_secret": False}
    assert "SLACK_BOT_TOKEN is the wrong kind" in facts["mode"]["error"]


def test_http_mode_has_no_app_token_to_ask_about(ours: Settings):
    http = {"slack_app_token": SecretStr(""), "slack_signing_secret": SecretStr("s"), "clf_http_port": 1}
    facts = check(ours.model_copy(update=http))
    assert (facts["mode"]["mode"], facts["app_token"]) == ("http", None)
    assert facts["tokens"] == {"bot": "bot", "app": "missing", "signing_secret": True}


def test_a_bot_in_no_channel_is_seen(ours: Settings, sandbox: SandboxClient):
    for name in ("general", "random", "dev"):
        sandbox.door("POST", "membership", {"channel": name, "user": "sentiment", "join": False})
    assert check(ours)["channels"] == 0


def test_a_right_taken_from_the_app_is_missed(ours: Settings, sandbox: SandboxClient):
    assert check(ours)["scopes"]["missing"] == []
    sandbox.scopes(*(scope for scope in NEEDED_SCOPES if scope != "reactions:write"))
    assert check(ours)["scopes"]["missing"] == ["reactions:write"]


def test_missing_scopes_are_read_from_slacks_header():
    have = [*sorted(set(NEEDED_SCOPES) - {"reactions:write"}), "pins:write"]
    found = scopes({"X-OAuth-Scopes": ", ".join(have)})
    assert found == {"have": sorted(have), "missing": ["reactions:write"], "unused": ["pins:write"]}
    assert scopes({}) is None


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("xoxb-1", "bot"),
        ("xapp-1", "app"),
        ("xoxp-1", "user"),
        ("xoxe.xoxb-1", "rotating"),
        ("x", "other"),
        ("", "missing"),
    ],
)
def test_tokens_are_told_apart_by_how_they_start(token: str, kind: str):
    assert kind_of(SecretStr(token)) == kind


def test_our_clock_is_compared_with_slacks():
    now = time.time()
    assert clock_skew({"date": formatdate(now - 90, usegmt=True)}, now) == pytest.approx(90, abs=1)
    assert clock_skew({}, now) is None
    assert clock_skew({"Date": "yesterday"}, now) is None


def test_the_command_prints_one_document_and_no_secret(sandbox: SandboxClient):
    secrets = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SLACK_SIGNING_SECRET": "f00dfeed" * 4}
    environment = {"PATH": os.environ["PATH"], "SLACK_API_URL": sandbox.api_url} | secrets
    command = [sys.executable, "-m", "bot", "--check"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    assert facts["auth"]["ok"] is True
    for secret in secrets.values():
        assert secret not in done.stdout + done.stderr
