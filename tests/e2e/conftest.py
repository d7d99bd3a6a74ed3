"""The whole product as processes: `clfadmin up` with a tiny model, driven through the sandbox's control door only."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import wait_until

MIXED = (
    "good work, the release is great",
    "this build is awful and bad",
    "the meeting is at ten",
    "great great great",
    "bad awful bad :rage:",
    "deploy finished <https://ci.example/1|log>",
    "naïve café ☕ 好的 🎉",
    "ok",
    "```for job in jobs: retry(job)```",
    "`exit 1`",
    "https://ci.example/builds/4711",
    ":tada: :tada:",
    "🎉👍🏽",
)
# What may serve the model: another name here, and these tests run with it too.
RUNTIMES = ("onnx", "keras")
REPLY = re.compile(r"(negative|neutral|positive)[^\d]*(\d{1,2}) ?%")


@dataclass
class Installation:
    """One running `clfadmin up`."""

    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[str]
    url: str
    errors: list[str]
    posted: dict[str, list[str]] = field(default_factory=dict)
    # Kept, and without certificates that nobody here asks for: reading those takes longer than a call.
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30, verify=False))

    def door(self, method: str, path: str, **body: Any) -> Any:
        response = self.http.request(method, f"{self.url}/_sandbox/{path}", json=body or None)
        response.raise_for_status()
        return response.json()

    def post(self, channel: str, text: str, user: str = "ada", **more: str) -> str:
        """A person posts; returns the message's ts and remembers it as one that wants an answer."""
        ts = self.door("POST", "messages", channel=channel, user=user, text=text, **more)["ts"]
        self.posted.setdefault(channel, []).append(ts)
        return ts

    def replies(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """The bot's posts by (channel, thread)."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for channel in self.posted:
            for message in self.door("GET", f"channels/{channel}/messages"):
                if "bot_id" in message and "thread_ts" in message:
                    found.setdefault((channel, message["thread_ts"]), []).append(message)
        return found

    def wait_for_all(self, seconds: float = 60) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Every posted message has one reply with label and confidence, and nothing else was answered."""
        expected = {(channel, ts) for channel, all_ts in self.posted.items() for ts in all_ts}
        wait_until(lambda: expected <= self.replies().keys(), f"replies to {len(expected)} messages", seconds)
        replies = self.replies()
        assert {key: len(messages) for key, messages in replies.items()} == dict.fromkeys(expected, 1)
        unclear = [message["text"] for (message,) in replies.values() if not REPLY.search(message["text"])]
        assert unclear == []
        return replies

    def versions(self) -> Counter[str]:
        posts = [message for messages in self.replies().values() for message in messages]
        return Counter(post["metadata"]["event_payload"]["version"] for post in posts)

    def runtimes(self) -> set[str]:
        """What the workers say serves their model."""
        status = json.loads(self.clfadmin("status", "--json").stdout)
        return {worker["runtime"] for worker in status["workers"]}

    def clfadmin(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in a second terminal: it finds the broker of this home by itself."""
        done = subprocess.run(
            [sys.executable, "-m", "clfadmin", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def children(self, module: str) -> list[psutil.Process]:
        """Our processes started as `python -m module`."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in family if ["-m", module] == child.cmdline()[1:3]]


def tiny_home(home: Path, *names: str) -> None:
    """A new home with these versions. In this process: one of its own would load TensorFlow for it alone."""
    from tests.tiny_model import make_home

    make_home(home, list(names))


def start(home: Path, *arguments: str, **settings: str) -> Installation:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "CI") if name in os.environ}
    environment = kept | {"CLF_HOME": str(home), "PYTHONUNBUFFERED": "1"} | settings
    process = subprocess.Popen(
        [sys.executable, "-m", "clfadmin", "up", "--no-browser", "--port", "0", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    errors: list[str] = []
    threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True).start()
    line = (process.stdout.readline() if process.stdout else "").strip()
    if not line.startswith("ready: "):
        process.kill()
        process.wait(10)
        pytest.fail(f"`clfadmin up` said {line!r} and {''.join(errors)}")
    return Installation(home, environment, process, line.removeprefix("ready: ").split()[0], errors)


def stop(installation: Installation) -> int:
    """Ctrl-C; returns the exit code."""
    installation.http.close()
    installation.process.send_signal(signal.SIGINT)
    try:
        return installation.process.wait(40)
    except subprocess.TimeoutExpired:
        installation.process.kill()
        raise
    finally:
        for pipe in (installation.process.stdout, installation.process.stderr):
            if pipe:
                pipe.close()


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "home"
    tiny_home(home, "first", "second")
    return home


@pytest.fixture
def home(made_home: Path, tmp_path: Path) -> Path:
    """Versions `first` (active) and `second`, for one test."""
    return shutil.copytree(made_home, tmp_path / "home")


@pytest.fixture
def installation(home: Path, runtime: str) -> Iterator[Installation]:
    """One worker on that home."""
    running = start(home, CLF_RUNTIME=runtime)
    yield running
    if running.process.poll() is None:
        stop(running)
