"""What operators did stands in the home: who, when, what, how it ended, and no password."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clfadmin.conftest import Answer, operator
from tests.conftest import Broker
from worker.jobs import Keys


def _actions(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "actions.jsonl").read_text().splitlines()]


def test_an_action_is_written_down_with_its_outcome(
    clfadmin: Callable[..., Answer], valkey: Broker, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LOGNAME", "ada")
    clfadmin("pause", "--why", "moving", "--home", tmp_path, **operator(valkey, keys))
    clfadmin("dlq", "show", "5-0", "--home", tmp_path, **operator(valkey, keys))
    done, failed = _actions(tmp_path)
    assert (done["by"].partition("@")[0], done["command"]) == ("ada", "pause")
    assert (done["with"], done["outcome"]) == ({"why": "moving"}, "done")
    assert (failed["command"], failed["with"]) == ("dlq show", {"entry": "5-0"})
    assert failed["outcome"].startswith("failed: There is no dead letter 5-0.")
    assert stat.S_IMODE((tmp_path / "actions.jsonl").stat().st_mode) == 0o600


def test_no_password_is_written_down(command: Callable[..., Answer], tmp_path: Path):
    url = "redis://ada:hunter2@127.0.0.1:1/0"
    assert command("resume", "--home", tmp_path, "--redis-url", url).code == 1
    assert "hunter2" not in (tmp_path / "actions.jsonl").read_text()


def test_who_only_looks_leaves_no_line(command: Callable[..., Answer], valkey: Broker, keys: Keys, tmp_path: Path):
    for looking in (("status",), ("dlq", "list")):
        command(*looking, "--home", tmp_path, **operator(valkey, keys))
    assert not (tmp_path / "actions.jsonl").exists()


def test_an_action_goes_on_where_it_cannot_be_written_down(
    command: Callable[..., Answer], valkey: Broker, keys: Keys, tmp_path: Path
):
    (tmp_path / "actions.jsonl").mkdir()
    answer = command("resume", "--home", tmp_path, **operator(valkey, keys))
    assert (answer.code, answer.out) == (0, "Posting was not paused.\n")
    assert "not written down in" in answer.err
