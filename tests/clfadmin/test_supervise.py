"""Supervision, with small real processes: started again when they die, given up, stopped, never left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from clfadmin import child_log, leftovers, supervise
from clfadmin.supervise import Child, Deaths, GaveUp, Spec, Supervisor

LIVES = "import time\nprint('here', flush=True)\ntime.sleep(60)"
DIES = "print('no luck', flush=True)\nraise SystemExit(7)"
DIES_LATER = f"import time\ntime.sleep(0.2)\n{DIES}"
STUBBORN = (
    "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('here', flush=True)\ntime.sleep(60)"
)


class Stage:
    """A supervisor, what it said, and modules to run."""

    def __init__(self, folder: Path) -> None:
        (folder / "run").mkdir()
        self.folder = folder
        self.said: list[str] = []
        self.hurry = False
        self.supervisor = Supervisor(folder, say=self.said.append, hurried=lambda: self.hurry)

    def add(
        self, code: str, *, name: str = "child", patience: timedelta = timedelta(seconds=10), ready: bool = True
    ) -> Child:
        (self.folder / f"module_{name}.py").write_text(code)
        environment = os.environ | {"PYTHONPATH": str(self.folder)}
        spec = Spec(name, f"module_{name}", (), environment, lambda _: ready, patience)
        return self.supervisor.add(spec)

    def tick_until(self, condition: Callable[[], object], what: str, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s: {self.said}"
            self.supervisor.tick()
            time.sleep(0.01)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(supervise, "FIRST_DELAY", timedelta(seconds=0.01))
    monkeypatch.setattr(supervise, "LONGEST_DELAY", timedelta(seconds=0.02))
    stage = Stage(tmp_path)
    yield stage
    for child in stage.supervisor.children:
        child.kill()
        child.let_go()


def said(stage: Stage, child: Child) -> bool:
    return "here" in child.log.last


def test_waits_double_from_half_a_second_to_thirty():
    seconds = [Deaths(number).delay.total_seconds() for number in range(1, 10)]
    assert seconds == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_healthy_minute_forgives_earlier_deaths():
    nine = Deaths(9)
    assert nine.after(timedelta(seconds=61)) == Deaths(1)
    assert not nine.after(timedelta(seconds=61)).hopeless
    assert nine.after(timedelta(seconds=59)).hopeless


def test_a_child_that_is_killed_is_started_again(stage: Stage):
    child = stage.add(LIVES)
    stage.tick_until(lambda: said(stage, child), "the start")
    first = child.pid
    assert first
    os.kill(first, signal.SIGKILL)
    stage.tick_until(lambda: child.alive and child.pid != first, "the second start")
    stage.tick_until(lambda: "child is back" in stage.said, "the word that it is back")
    assert stage.said[0] == "child ended (SIGKILL), starting it again in 0.01 s"


def test_a_child_that_dies_ten_times_in_a_row_ends_it_all_and_its_last_words_are_kept(stage: Stage):
    child = stage.add(DIES_LATER)
    with pytest.raises(GaveUp, match=r"child ended 10 times in a row \(exit code 7\)"):
        stage.tick_until(lambda: False, "giving up", seconds=60)
    assert child.log.path.read_text().count("no luck") == 10
    assert child.log.last[-1] == "no luck"


def test_a_child_that_never_worked_and_says_the_same_each_time_is_given_up_with_its_words(stage: Stage):
    """A wrong token does not get better by waiting."""
    child = stage.add(DIES, ready=False)
    with pytest.raises(GaveUp, match=r"^child cannot start: no luck$"):
        stage.tick_until(lambda: False, "giving up")
    assert child.log.path.read_text().count("no luck") == 3


def test_a_child_that_will_not_end_is_killed(stage: Stage):
    child = stage.add(STUBBORN, patience=timedelta(seconds=0.2))
    stage.tick_until(lambda: said(stage, child), "the start")
    pid = child.pid
    stage.supervisor.stop("child")
    assert pid
    assert not psutil.pid_exists(pid)
    assert any("did not end" in line for line in stage.said)


def test_whoever_hurries_waits_two_seconds_at_most(stage: Stage):
    child = stage.add(STUBBORN, patience=timedelta(minutes=5))
    stage.tick_until(lambda: said(stage, child), "the start")
    stage.hurry = True
    started = time.monotonic()
    stage.supervisor.stop("child")
    assert time.monotonic() - started < 4


def test_several_of_one_kind_stop_together(stage: Stage):
    children = [stage.add(LIVES, name=name) for name in ("worker", "worker-2")]
    other = stage.add(LIVES, name="bot")
    stage.tick_until(lambda: all(said(stage, child) for child in children), "the start")
    stage.supervisor.stop("worker")
    assert [child.alive for child in (*children, other)] == [False, False, True]


def test_children_do_not_share_our_process_group(stage: Stage):
    child = stage.add(LIVES)
    stage.tick_until(lambda: said(stage, child), "the start")
    assert child.pid
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)


def test_only_warnings_reach_the_terminal(stage: Stage):
    code = """
        print('{"event": "tagging", "level": "info", "timestamp": "t"}')
        print('{"event": "redis down", "level": "warning", "timestamp": "t", "held": 3}')
        print('noise of a library')
        print('2026-01-01 [warning  ] slow disk', flush=True)
        import time; time.sleep(60)
    """
    stage.add(textwrap.dedent(code))
    stage.tick_until(lambda: len(stage.said) == 2, "the warnings")
    assert stage.said == [
        "child: redis down (held 3)",
        "child: 2026-01-01 [warning  ] slow disk",
    ]


def test_a_log_file_stays_bounded_and_its_writer_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(child_log, "MAX_BYTES", 1000)
    log = child_log.ChildLog(tmp_path / "child.log")
    with log.open() as writer:
        for number in range(100):
            writer.write(b"line %d of a talkative process\n" % number)
            writer.flush()
            log.bound()
        lines = log.new_lines()
    assert log.path.stat().st_size < 1100
    assert log.path.with_suffix(".log.1").stat().st_size < 1100
    assert lines[-1] == "line 99 of a talkative process"
    assert log.last[0] == "line 80 of a talkative process", "nothing was skipped when the file was cut"


def test_children_end_when_we_are_killed(tmp_path: Path):
    """What the kernel does for us on Linux."""
    if sys.platform != "linux":
        pytest.skip("only Linux tells children of their parent's death")
    (tmp_path / "run").mkdir()
    (tmp_path / "sleeper.py").write_text(LIVES)
    code = f"""
        import os, time
        from datetime import timedelta
        from pathlib import Path
        from clfadmin.supervise import Spec, Supervisor
        environment = os.environ | {{"PYTHONPATH": {str(tmp_path)!r}}}
        spec = Spec("child", "sleeper", (), environment, lambda _: True, timedelta(seconds=5))
        child = Supervisor(Path({str(tmp_path)!r}), say=lambda _: None).add(spec)
        while "here" not in child.log.last:
            child.relay()
            time.sleep(0.01)
        print(child.pid, flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.02)
    assert not _runs(child)


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    (tmp_path / "sleeper.py").write_text(LIVES)
    process = subprocess.Popen([sys.executable, "-m", "sleeper"], cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    yield process
    process.kill()
    process.wait(10)
    process.stdout.close()


def test_a_left_over_process_is_ended_at_the_next_start(tmp_path: Path, sleeper: "subprocess.Popen[bytes]"):
    leftovers.record(tmp_path, "child", pid=sleeper.pid, module="sleeper")
    assert leftovers.end_all(tmp_path) == ["sleeper"]
    assert sleeper.wait(10) is not None
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize("wrong", [{"created": 1.0}, {"module": "another"}])
def test_a_process_that_only_has_the_same_pid_is_left_alone(
    tmp_path: Path, sleeper: "subprocess.Popen[bytes]", wrong: dict[str, object]
):
    known = {"pid": sleeper.pid, "created": psutil.Process(sleeper.pid).create_time(), "module": "sleeper"}
    (tmp_path / "child.json").write_text(str(known | wrong).replace("'", '"'))
    assert leftovers.end_all(tmp_path) == []
    assert sleeper.poll() is None


def test_a_damaged_record_is_only_removed(tmp_path: Path):
    (tmp_path / "child.json").write_text("{")
    (tmp_path / "other.json").write_text("[1]")
    assert leftovers.end_all(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
