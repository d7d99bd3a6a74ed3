"""Runs clfadmin commands as a person would, away from this machine's own settings."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.conftest import REPOSITORY, Broker
from worker.jobs import Keys

# Our own settings and Slack's tokens must not reach a test; nor may a narrow terminal.
OURS = ("CLF_", "SLACK_", "COLUMNS", "NO_COLOR", "FORCE_COLOR")


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def scrubbed(**extra: str) -> dict[str, str]:
    """This process's environment without what would change a command, plus `extra`."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | extra


def operator(broker: Broker, keys: Keys) -> dict[str, str]:
    """The settings of an operator's commands on this broker."""
    return {"CLF_REDIS_URL": broker.admin, "CLF_PREFIX": keys.prefix}


def contents(client: redis.Redis, key: bytes) -> str:
    """All that a key holds, as text."""
    kind: Any = client.type(key)
    read = {
        b"hash": lambda: client.hgetall(key),
        b"none": lambda: "",  # gone meanwhile
        b"set": lambda: client.smembers(key),
        b"stream": lambda: client.xrange(key),
        b"string": lambda: client.get(key),
        b"zset": lambda: client.zrange(key, 0, -1),
    }[kind]
    return str(read())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where commands of this test keep their versions, unless they are told otherwise."""
    return tmp_path / "home"


@pytest.fixture
def clfadmin(home: Path) -> Callable[..., Answer]:
    """clfadmin("models", "--json", CLF_HOME=...) as a process of its own, run to its end."""

    def run(*arguments: object, **environment: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "clfadmin", *map(str, arguments)],
            env=scrubbed(**({"CLF_HOME": str(home)} | environment)),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The same inside this process, which is quicker: for all but one look at each command."""
    from clfadmin.cli import run

    for name in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLF_HOME", str(home))

    def invoke(*arguments: object, **environment: str) -> Answer:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = run(list(map(str, arguments)))
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return invoke


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT checkpoint of a few words in a folder, for `train --base`."""
    from tests.tiny_model import make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("base") / "tiny")
