"""Every run of `make chaos` in small: nothing lost, nothing doubled, no target missed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.chaos.report import RUNS
from tests.conftest import REPOSITORY, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


@pytest.fixture
def environment(shared_tiny_home: Path, tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLF_", "SLACK_", "SEED"))}
    return kept | {"QUICK": "1", "CHAOS_HOME": str(shared_tiny_home), "TMPDIR": str(tmp_path)}


@pytest.mark.parametrize("run", RUNS)
def test_a_run_in_small(run: str, environment: dict[str, str], tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", run],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert f"== {run}" in done.stdout
    assert list(tmp_path.glob("clf-chaos-*")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_behind(number: signal.Signals, environment: dict[str, str]):
    with subprocess.Popen(
        [sys.executable, "-m", "tests.chaos", "soak"],
        env=environment,
        cwd=REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as run:
        # Broker, sandbox, two workers and two bots.
        wait_until(lambda: len(psutil.Process(run.pid).children()) == 6, "all processes", 120)
        children = psutil.Process(run.pid).children()
        run.send_signal(number)
        assert run.wait(60) == 130
    assert [child for child in children if child.is_running()] == []


def test_an_unknown_run_is_one_line_that_names_those_there_are(environment: dict[str, str]):
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "floods"],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no run floods; there are kills, broker, slack, swap, input, soak" in done.stderr
