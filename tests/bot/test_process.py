"""`python -m bot` as a process: starting, refusing to start, stopping."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.bot.conftest import Labeller
from tests.bot.test_main_path import one_reply
from tests.bot.test_posting_faults import results_left
from tests.conftest import REPOSITORY, Broker, wait_until
from tests.sandbox_client import APP_TOKEN, BOT_TOKEN, SandboxClient
from worker.fleet import Fleet
from worker.jobs import Keys

Start = Callable[..., subprocess.Popen[str]]
SOCKET = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}


@pytest.fixture
def start(sandbox: SandboxClient, valkey: Broker, keys: Keys) -> Iterator[Start]:
    """Start the bot with these settings beside those that lead to sandbox and broker."""
    running: list[subprocess.Popen[str]] = []

    def make(**settings: str) -> subprocess.Popen[str]:
        base = {"PATH": os.environ["PATH"], "SLACK_API_URL": sandbox.api_url, "CLF_LOG_FORMAT": "json"}
        broker = {"CLF_REDIS_URL": valkey.bot, "CLF_PREFIX": keys.prefix}
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "bot"],
            cwd=REPOSITORY,
            env=base | SOCKET | broker | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield make
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=10)


def connected(sandbox: SandboxClient) -> None:
    wait_until(lambda: sandbox.state()["bot"]["connected"], "the bot's socket", seconds=30)


def test_it_answers_and_leaves_cleanly_on_sigterm(
    sandbox: SandboxClient, start: Start, labeller: Labeller, valkey: Broker, keys: Keys
):
    process = start()
    connected(sandbox)
    ts = sandbox.post("general", "ada", "a private word")
    one_reply(sandbox, "general", ts)
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "")
    assert time.monotonic() - started < 10
    assert "a private word" not in err
    assert BOT_TOKEN not in err
    assert APP_TOKEN not in err
    assert "Traceback" not in err
    fleet = Fleet(valkey.admin, keys=keys)
    assert fleet.bots(alive=False) == []
    fleet.close()


def test_on_sigterm_a_post_under_way_is_finished_and_the_rest_given_back(
    sandbox: SandboxClient, start: Start, labeller: Labeller, valkey: Broker, keys: Keys
):
    process = start()
    connected(sandbox)
    sandbox.fault("stall", method="chat.postMessage", seconds=2)
    all_ts = [sandbox.post("general", "ada", f"great {number}") for number in range(3)]
    wait_until(lambda: results_left(valkey, keys) == 3, "three results")
    time.sleep(0.5)  # the first of them is being posted
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert len(sandbox.replies("general", all_ts[0])) == 1
    assert results_left(valkey, keys) == 2
    start()
    for ts in all_ts:
        one_reply(sandbox, "general", ts)
    assert sandbox.duplicates() == 0


def test_with_a_port_it_serves_its_site(sandbox: SandboxClient, start: Start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start(CLF_HTTP_PORT=str(port))
    connected(sandbox)
    wait_until(lambda: _status(port) == 200, "readiness")
    assert "/invite @sentiment" in httpx.get(f"http://127.0.0.1:{port}/").text


def _status(port: int) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code
    except httpx.TransportError:
        return 0


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "wrong bot token": ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, "Slack refuses SLACK_BOT_TOKEN (invalid_auth)"),
    "wrong app token": ({"SLACK_APP_TOKEN": "xapp-wrong"}, "Slack refuses SLACK_APP_TOKEN (invalid_auth)"),
    "no transport": ({"SLACK_APP_TOKEN": ""}, "Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set"),
    "no signing secret": ({"SLACK_APP_TOKEN": "", "CLF_HTTP_PORT": "1"}, "nor SLACK_SIGNING_SECRET is set"),
    "no broker": ({"CLF_REDIS_URL": ""}, "CLF_REDIS_URL is not set"),
    "a broker of another kind": ({"CLF_REDIS_URL": "http://x"}, "CLF_REDIS_URL starts with 'http'"),
}


@pytest.mark.parametrize(("settings", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_waiting_does_not_mend_ends_it_with_one_line(start: Start, settings: dict[str, str], said: str):
    process = start(CLF_LOG_LEVEL="error", **settings)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert said in err
    assert [line for line in err.splitlines() if not line.startswith("{")] == [err.splitlines()[-1]]
    assert "Traceback" not in err


def test_a_wrong_redis_password_is_one_line_that_does_not_show_it(start: Start, valkey: Broker):
    process = start(CLF_REDIS_URL=valkey.bot.replace(":test@", ":my-wrong-password@"))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.startswith("Redis refuses us")
    assert "CLF_REDIS_URL" in err
    assert len(err.splitlines()) == 1
    assert "my-wrong-password" not in err


def test_a_port_in_use_is_one_line(start: Start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start(CLF_HTTP_PORT=str(taken.getsockname()[1]))
        _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.startswith("Cannot listen on 127.0.0.1:")
    assert len(err.splitlines()) == 1


def test_wrong_usage_is_two():
    done = subprocess.run(
        [sys.executable, "-m", "bot", "--http", "https://x"], cwd=REPOSITORY, env={}, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"--manifest" in done.stderr


def test_slack_out_of_reach_is_waited_for(sandbox: SandboxClient, start: Start):
    sandbox.fault("server_error", method="auth.test", count=2)
    process = start()
    connected(sandbox)
    assert process.poll() is None


def test_no_heavy_library_is_loaded():
    heavy = ["tensorflow", "keras", "numpy", "transformers"]
    code = f"import sys, bot.process; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
