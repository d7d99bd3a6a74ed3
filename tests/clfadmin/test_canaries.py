"""Secrets and texts that are marked: bot, worker and commands work, fail and tell about themselves at the chattiest log
level, and the marks are looked for in all that came out.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.clfadmin.conftest import contents, scrubbed
from tests.conftest import REPOSITORY, Broker, wait_until
from tests.sandbox_client import SandboxClient, running_sandbox
from tests.worker.servers import free_port
from worker.jobs import Keys, StreamName
from worker.stream import Queue

MARK = "k4n4r1"
TEXT = f"great {MARK}text"
SECRETS = {
    "SLACK_BOT_TOKEN": f"xoxb-7001-{MARK}bot",
    "SLACK_APP_TOKEN": f"xapp-1-{MARK}app",
    "SLACK_SIGNING_SECRET": f"{MARK}signing",
}
PASSWORD = f"{MARK}password"
USER = "clf-marked"
# What the sandbox plays once each, while replies are being posted.
FAULTS = ("rate_limited", "server_error", "html_error", "bad_json", "reset_before", "accept_then_drop")


@pytest.fixture
def slack() -> Iterator[SandboxClient]:
    bot, app, signing = SECRETS.values()
    with running_sandbox(bot_token=bot, app_token=app, signing_secret=signing) as sandbox:
        sandbox.clock(100)
        yield sandbox


@pytest.fixture
def marked_url(valkey: Broker) -> Iterator[str]:
    """A user with every right, whose password is marked."""
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", USER, "reset", "on", f">{PASSWORD}", "~*", "+@all")
        yield valkey.url.replace("unix://", f"unix://{USER}:{PASSWORD}@")
        client.execute_command("ACL", "DELUSER", USER)


class Installation:
    """Processes with everything they wrote."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment, self.folder = environment, folder
        self.ports = {"bot": free_port(), "worker": free_port()}
        self.first = dict(self.ports)
        self.running: list[subprocess.Popen[bytes]] = []
        self.seen: dict[str, str] = {}

    def start(self, module: str, **more: str) -> "subprocess.Popen[bytes]":
        place = self.folder / f"{module}-{len(self.running)}.log"
        port = {"CLF_HTTP_PORT": str(self.ports.pop(module, 0) or free_port())}
        with place.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=REPOSITORY,
                env=self.environment | port | more,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.running.append(process)
        return process

    def ask(self, *arguments: str, **more: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "clfadmin", *arguments],
            env=self.environment | more,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.seen[f"clfadmin {' '.join(arguments)} ({len(self.seen)})"] = done.stdout + done.stderr

    def look(self, module: str, *paths: str) -> None:
        for path in paths:
            self.seen[f"{module}{path}"] = httpx.get(f"http://127.0.0.1:{self.first[module]}{path}").text

    def logs(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.folder.iterdir()}

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.running:
            try:
                process.wait(30)
            finally:
                process.kill()


@pytest.fixture
def installation(
    slack: SandboxClient, marked_url: str, keys: Keys, tiny_home: Path, tmp_path: Path
) -> Iterator[Installation]:
    folder = tmp_path / "logs"
    folder.mkdir()
    settings = {
        "CLF_HOME": str(tiny_home),
        "CLF_REDIS_URL": marked_url,
        "CLF_PREFIX": keys.prefix,
        "CLF_LOG_LEVEL": "debug",
        "CLF_LOG_FORMAT": "json",
        "SLACK_API_URL": slack.api_url,
    }
    installation = Installation(scrubbed(**SECRETS, **settings), folder)
    yield installation
    installation.end()


def test_no_secret_and_no_text_comes_out_anywhere(
    installation: Installation, slack: SandboxClient, valkey: Broker, marked_url: str, keys: Keys
):
    installation.start("worker")
    installation.start("bot")
    wait_until(lambda: slack.state()["bot"]["connected"], "the bot", 30)
    work(slack)
    installation.ask("status")
    installation.ask("status", "--json")
    installation.ask("doctor", "--json")
    installation.look("bot", "/", "/metrics", "/healthz", "/readyz")
    installation.look("worker", "/metrics", "/healthz", "/readyz")
    data = everything_in_redis(valkey, keys)

    trouble(installation, slack, valkey, marked_url)
    installation.end()

    out = installation.seen | installation.logs()
    assert sum(len(one) for one in out.values()) > 10_000
    assert {name: one.count(MARK) for name, one in out.items() if MARK in one} == {}
    assert {name for name, value in data.items() if MARK in value} == set(), "answered: no text is left"
    assert MARK not in json.dumps([one.get("metadata") for one in slack.messages("general")])
    for name, one in installation.logs().items():
        if name in ("worker-0.log", "bot-1.log"):
            assert all(isinstance(json.loads(line), dict) for line in one.splitlines())
        else:
            assert len(one.splitlines()) == 1, "what ends a start is one line, for whoever started it"


def work(slack: SandboxClient) -> None:
    """Messages answered with and without faults, a mention without words, a thread."""
    first = slack.post("general", "ada", TEXT)
    wait_until(lambda: slack.replies("general", first), "a reply", 60)
    slack.post("general", "ada", "<@U0BOT>")
    slack.post("general", "grace", TEXT, thread_ts=first)
    for fault in FAULTS:
        slack.fault(fault, method="chat.postMessage", count=1, **({"seconds": 1} if fault == "rate_limited" else {}))
    all_ts = [slack.post("general", "ada", f"{TEXT} {number}") for number in range(len(FAULTS))]
    wait_until(lambda: all(slack.replies("general", ts) for ts in all_ts), "the replies after faults", 60)


def trouble(installation: Installation, slack: SandboxClient, valkey: Broker, url: str) -> None:
    """What is said when nothing works."""
    slack.fault("token_revoked")
    slack.post("general", "ada", TEXT)
    wait_until(lambda: any("refuses our credentials" in log for log in installation.logs().values()), "the trouble", 60)
    installation.ask("doctor")
    installation.start("bot").wait(60)
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", USER, "resetpass", ">another")
        client.client_kill_filter(_type="normal", skipme=True)
    for arguments in (("status",), ("doctor", "--json"), ("dlq", "list"), ("swap-model", "tiny-b"), ("pause",)):
        installation.ask(*arguments)
    for module in ("bot", "worker"):
        assert installation.start(module).wait(60) == 1
    nowhere = f"redis://x:{PASSWORD}@127.0.0.1"
    for wrong in (url.replace("unix://", "odd://"), f"{nowhere}:1", f"{nowhere}:[", f"{nowhere}:1/x?ssl_ca_certs=%"):
        installation.ask("status", CLF_REDIS_URL=wrong)
    assert installation.start("worker", CLF_REDIS_URL=f"{nowhere}:[").wait(60) == 1


def everything_in_redis(valkey: Broker, keys: Keys) -> dict[str, str]:
    """All values but the two streams that hold what is not answered."""
    wait_until(lambda: not waiting(valkey, keys), "the queue to be empty")
    with valkey.client() as client:
        return {key.decode(): contents(client, key) for key in client.scan_iter(f"{{{keys.prefix}}}:*")}


def waiting(valkey: Broker, keys: Keys) -> int:
    with closing(Queue(valkey.admin, keys=keys)) as queue:
        return sum(queue.client.xlen(keys.stream(name)) for name in StreamName)


def test_what_is_shown_in_a_traceback_or_a_debugger_hides_them_too(
    monkeypatch: pytest.MonkeyPatch, marked_url: str, keys: Keys
):
    from bot.settings import Settings as BotSettings
    from clfadmin.sandbox.settings import Settings as SandboxSettings
    from clfadmin.settings import SlackTokens
    from clfadmin.settings import load as load_settings
    from tests.worker.test_begin_and_cancel import job
    from worker.settings import load as load_worker

    for name, value in (SECRETS | {"CLF_REDIS_URL": marked_url}).items():
        monkeypatch.setenv(name, value)
    settings = [
        BotSettings.load(),
        SlackTokens(),
        load_settings(),
        SandboxSettings(bot_token=SECRETS["SLACK_BOT_TOKEN"]),
    ]
    with closing(Queue(marked_url, keys=keys, consumer="one")) as queue:
        queue.ensure_groups()
        one = replace(job(), text=TEXT)
        queue.enqueue(one, limit=10)
        (delivery,) = queue.read(StreamName.JOBS, count=1)
        for shown in (*settings, load_worker(), one, delivery, queue, queue.client):
            assert MARK not in repr(shown), type(shown)
            assert MARK not in str(shown), type(shown)


def test_the_environment_of_the_tests_is_not_what_is_looked_through():
    """The marks are ours alone: nothing of this machine may hold them by chance."""
    assert not [name for name, value in os.environ.items() if MARK in value]
