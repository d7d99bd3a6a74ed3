"""`clfadmin up` as a person uses it: one line when ready, one line when it cannot be, everything gone after Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from clfadmin import broker
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient

pytestmark = pytest.mark.e2e


@dataclass
class Up:
    """A running `clfadmin up`; `notes` is its standard error so far."""

    process: "subprocess.Popen[str]"
    home: Path
    notes: list[str] = field(default_factory=list[str])
    url: str = ""
    listener: threading.Thread = field(default_factory=threading.Thread)

    def noted(self, text: str) -> bool:
        return any(text in line for line in self.notes)

    def family(self) -> dict[str, psutil.Process]:
        """Its processes by module, the server called valkey."""
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                line = child.cmdline()
                found["valkey" if "valkey-server" in line[0] else line[2]] = child
        return found

    def answered(self, text: str) -> bool:
        """Somebody writes; whether the bot answers within a while."""
        with httpx.Client(base_url=f"{self.url}/_sandbox", timeout=30, verify=False) as door:
            posted = door.post("/messages", json={"channel": "general", "user": "ada", "text": text})
            ts = posted.json()["ts"]

            def replies() -> bool:
                messages = door.get("/channels/general/messages").json()
                return any("bot_id" in message and message.get("thread_ts") == ts for message in messages)

            return bool(wait_until(replies, f"the reply to {text!r}", 60))

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.listener.join(10)  # so that the notes are complete
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe:
                    pipe.close()


Start = Callable[..., Up]


def launch(home: Path, *arguments: str, port: int = 0, through: Sequence[str] = (), **settings: str) -> Up:
    """`through`: a command that is given ours to run."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = subprocess.Popen(
        [*through, sys.executable, "-m", "clfadmin", "up", "--no-browser", "--port", str(port), *arguments],
        env=kept | {"CLF_HOME": str(home)} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Up(process, home)
    running.listener = threading.Thread(target=listen, args=[running], daemon=True)
    running.listener.start()
    return running


def listen(running: Up) -> None:
    with suppress(ValueError):  # closed at the end
        running.notes.extend(iter(running.process.stderr.readline, "")) if running.process.stderr else None


def ready(running: Up) -> Up:
    line = running.process.stdout.readline() if running.process.stdout else ""
    assert re.fullmatch(r"ready: http://127\.0\.0\.1:\d+\n", line), (line, running.notes)
    running.url = line.split()[1]
    return running


@pytest.fixture
def up(tiny_home: Path) -> Iterator[Start]:
    started: list[Up] = []

    def start(*arguments: str, **more: Any) -> Up:
        started.append(launch(tiny_home, *arguments, **more))
        return started[-1]

    yield start
    for running in started:
        running.end()


def runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def test_it_starts_says_so_and_leaves_nothing_behind(up: Start):
    running = ready(up())
    family = running.family()
    assert set(family) == {"clfadmin.broker_server", "valkey", "clfadmin.sandbox", "bot", "worker"}
    assert len({os.getpgid(child.pid) for child in family.values()} - {os.getpgid(running.process.pid)}) == 4
    assert running.answered("great work")
    assert running.end() == 0
    assert not any(runs(child) for child in family.values())
    assert running.notes[-1] == "stopped\n"
    assert broker.find_url(running.home) is None
    steps = [line.strip() for line in running.notes if line.startswith(("starting", "installing"))]
    assert [step.split(",")[0].split(" on port")[0] for step in steps] == [
        "starting the broker",
        "starting 1 worker",
        "starting the local Slack",
        "starting the bot",
    ]


def test_every_child_that_dies_is_started_again_the_broker_included(up: Start):
    running = ready(up())
    for module in ("valkey", "clfadmin.broker_server", "bot", "worker"):
        before = running.family()[module]
        before.kill()
        wait_until(lambda gone=before: not runs(gone), f"the end of {module}")

    def whole_again() -> bool:
        return all(running.noted(f"{name} is back") for name in ("broker", "bot", "worker"))

    wait_until(whole_again, "everything being back", 60)
    assert running.answered("great work")
    assert running.end() == 0


def test_a_killed_up_leaves_no_process_behind(up: Start):
    if sys.platform != "linux":
        pytest.skip("only Linux tells children of their parent's death")
    running = ready(up())
    family = running.family()
    running.process.kill()
    running.process.wait(10)
    wait_until(lambda: not any(runs(child) for child in family.values()), "the end of every child", 40)
    assert broker.find_url(running.home) is None


def test_sigterm_is_the_same_as_ctrl_c_and_several_workers_share_the_cores(up: Start):
    running = ready(up("--workers", "2"))
    workers = [
        child
        for child in psutil.Process(running.process.pid).children(recursive=True)
        if child.cmdline()[1:3] == ["-m", "worker"]
    ]
    assert len(workers) == 2
    assert {child.environ()["CLF_THREADS"] for child in workers} == {str(max((os.cpu_count() or 1) // 2, 1))}
    assert running.end(signal.SIGTERM) == 0
    assert running.notes[-1] == "stopped\n"


def test_a_second_up_for_the_same_home_is_one_clear_line(up: Start):
    first = up()
    wait_until(lambda: first.noted("starting the broker"), "the first one's start")
    second = up()
    assert second.process.wait(30) == 1
    wait_until(lambda: second.noted("error:"), "the line")
    assert re.fullmatch(
        rf"error: `clfadmin up` runs already for {first.home} \(pid {first.process.pid}, "
        r"http://127\.0\.0\.1:\d+\)\. Use it, or another --home\.\n",
        second.notes[-1],
    )


def test_ctrl_c_while_it_starts_ends_it_too(up: Start):
    running = up()
    wait_until(lambda: running.noted("starting 1 worker"), "the start")
    assert running.end() == 0
    assert broker.find_url(running.home) is None


def test_ctrl_c_is_heeded_where_a_shell_had_it_ignored_and_a_closed_terminal_is_not_where_nohup_had(up: Start):
    running = up(through=["sh", "-c", "trap '' INT HUP; exec \"$@\"", "sh"])
    wait_until(lambda: running.noted("starting the broker"), "the start")
    running.process.send_signal(signal.SIGHUP)
    family = ready(running).family()
    assert running.end() == 0
    assert running.notes[-1] == "stopped\n"
    assert not any(runs(child) for child in family.values())


def test_a_port_in_use_is_one_line_that_says_what_to_do(up: Start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = up(port=port)
        assert running.process.wait(30) == 1
    wait_until(lambda: running.noted("error:"), "the line")
    assert running.notes[-1].startswith(f"error: Port {port} cannot be used (Address already in use). Choose another")


def test_a_wrong_slack_token_ends_it_with_slacks_word(up: Start, sandbox: SandboxClient):
    running = up(SLACK_BOT_TOKEN="xoxb-wrong", SLACK_APP_TOKEN="xapp-sandbox", SLACK_API_URL=sandbox.api_url)
    assert running.process.wait(60) == 1
    wait_until(lambda: running.noted("error:"), "the line")
    assert "error: bot cannot start: Slack refuses SLACK_BOT_TOKEN (invalid_auth)" in running.notes[-1]
    assert not running.noted("xoxb-wrong")


def test_a_wrong_redis_password_ends_it_before_anything_starts(up: Start, valkey: Broker):
    running = up(CLF_REDIS_URL=valkey.admin.replace(":test@", ":hunter2@"))
    assert running.process.wait(30) == 1
    wait_until(lambda: running.noted("error:"), "the line")
    assert running.notes[-1].startswith("error: Redis refuses us")
    assert not running.noted("starting")
    assert not running.noted("hunter2")


def test_with_tokens_and_redis_of_ones_own_it_serves_the_bots_page_and_tells_how_to_invite(
    up: Start, sandbox: SandboxClient, valkey: Broker
):
    """Here the sandbox of the test stands for Slack, and the broker of the test for a Redis somewhere."""
    settings = {"SLACK_BOT_TOKEN": "xoxb-sandbox", "SLACK_APP_TOKEN": "xapp-sandbox", "SLACK_API_URL": sandbox.api_url}
    running = ready(up(CLF_REDIS_URL=valkey.url, CLF_PREFIX=f"up{os.getpid()}", **settings))
    assert set(running.family()) == {"bot", "worker"}
    wait_until(lambda: running.noted("Invite the bot to a channel by writing there: /invite @sentiment"), "the line")
    assert httpx.get(f"{running.url}/healthz", timeout=10).status_code == 200
    ts = sandbox.post("general", "ada", "great work")
    wait_until(lambda: [one for one in sandbox.messages("general") if one.get("thread_ts") == ts], "the reply", 60)
    assert running.end() == 0
    with valkey.client() as client:
        for key in client.scan_iter(f"{{up{os.getpid()}}}:*"):
            client.delete(key)


def test_a_folder_called_bot_where_one_stands_is_not_taken_for_ours(up: Start, tmp_path: Path, monkeypatch):
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "__main__.py").write_text("raise SystemExit('the wrong bot')")
    monkeypatch.chdir(tmp_path)
    running = up()
    wait_until(lambda: running.noted("starting the bot"), "the bot's start", 60)
    time.sleep(1)
    assert not running.noted("the wrong bot")
    assert running.end() == 0
