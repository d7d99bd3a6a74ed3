"""The sandbox as a process of its own: its one line, its exit codes, its secrets."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

SCRUBBED = {name: value for name, value in os.environ.items() if not name.startswith(("SANDBOX_", "SLACK_", "CLF_"))}


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running sandbox and its address."""
    running = subprocess.Popen(
        [sys.executable, "-m", "clfadmin.sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=SCRUBBED | environment,
    )
    with running:
        assert running.stdout is not None
        line = running.stdout.readline()
        try:
            assert line.startswith("sandbox: http://127.0.0.1:"), line
            yield running, line.removeprefix("sandbox: ").strip()
        finally:
            running.kill()


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_says_one_line_and_ends_cleanly(ending: signal.Signals) -> None:
    with process("--port", "0") as (running, url):
        assert httpx.get(f"{url}/_sandbox/state").json()["team"]["name"] == "Sandbox"
        running.send_signal(ending)
        out, err = running.communicate(timeout=10)
        assert (out, err, running.returncode) == ("", "", 0)


def test_it_ends_also_while_pages_and_bots_are_connected() -> None:
    from websockets.sync.client import connect

    with process("--port", "0") as (running, url):
        headers = {"Authorization": "Bearer xapp-sandbox"}
        socket_url = httpx.post(f"{url}/api/apps.connections.open", headers=headers).json()["url"]
        with connect(socket_url), connect(url.replace("http", "ws") + "/_sandbox/live"):
            running.terminate()
            out, err = running.communicate(timeout=10)
        assert (out, err, running.returncode) == ("", "", 0)


def test_a_port_in_use_is_named_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "clfadmin.sandbox", "--port", port], capture_output=True, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"port {port} cannot be used" in done.stderr


def test_secrets_come_from_the_environment() -> None:
    with process("--port", "0", SANDBOX_BOT_TOKEN="xoxb-mine", SANDBOX_APP_TOKEN="xapp-mine") as (_, url):
        call = f"{url}/api/auth.test"
        assert httpx.post(call, headers={"Authorization": "Bearer xoxb-mine"}).json()["ok"] is True
        assert httpx.post(call, headers={"Authorization": "Bearer xoxb-sandbox"}).json()["error"] == "invalid_auth"


def test_it_imports_nothing_of_ours_and_no_slack_library() -> None:
    code = (
        "import sys, clfadmin.sandbox.server; ours = {'bot', 'worker', 'classifier', 'slack_sdk', 'slack_bolt'}; "
        "print(sorted(ours & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
