"""The embedded broker: durable, private, found from another terminal, and gone with whoever started it."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from clfadmin import broker
from tests.conftest import wait_until
from worker.connection import connect

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a space in its name, the hardest for Valkey's configuration."""
    with tempfile.TemporaryDirectory(prefix="clf ") as folder:
        yield Path(folder) / "my home"


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Starts the broker's process, tied to a pipe; whatever is left is killed by pid."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*, wait: bool = True, **options: Any) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "clfadmin.broker_server", "--home", str(home), "--until-eof"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        started.append(process)
        if wait:
            assert process.stderr
            line = process.stderr.readline()
            assert line.startswith((b"started: unix://", b"found running: unix://")), line
        return process

    yield run
    for process in started:
        assert process.stdin
        process.stdin.close()
        process.wait(20)
        assert process.stderr
        process.stderr.close()
    if url := broker.find_url(home):  # its process was killed: nobody else would stop the server
        os.kill(server_pid(url), signal.SIGKILL)
    shutil.rmtree(broker.place(home).folder, ignore_errors=True)


def server_pid(url: str) -> int:
    with connect(url) as client:
        return client.info("server")["process_id"]


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not yet collected by the system's first process does not."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_the_broker_has_the_settings_that_lose_nothing(home: Path, start: Start) -> None:
    start()
    with connect(broker.require_url(home, None)) as client:
        values = {name: client.config_get(name)[name] for name in ("appendonly", "appendfsync", "maxmemory-policy")}
        numbers = {
            name: int(client.config_get(name)[name])
            for name in ("maxmemory", "auto-aof-rewrite-min-size", "stream-node-max-entries")
        }
        port = client.config_get("port")["port"]
    assert values == {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
    rewritten = {"auto-aof-rewrite-min-size": 1024**2, "stream-node-max-entries": 1}
    assert numbers == {"maxmemory": 256 * 1024**2} | rewritten
    assert port == "0"


def test_nobody_else_can_reach_socket_or_data(home: Path, start: Start) -> None:
    start()
    there = broker.place(home)
    assert stat.S_IMODE(there.socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(there.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(there.store.stat().st_mode) == 0o700


def test_what_was_written_survives_a_stop(home: Path, start: Start) -> None:
    process = start()
    with connect(broker.require_url(home, None)) as client:
        client.set("kept", "yes")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert broker.find_url(home) is None
    start()
    with connect(broker.require_url(home, None)) as client:
        assert client.get("kept") == b"yes"


def test_what_was_written_survives_a_kill_of_the_server(home: Path, start: Start) -> None:
    process = start()
    url = broker.require_url(home, None)
    with connect(url) as client:
        client.set("kept", "yes")
    os.kill(server_pid(url), signal.SIGKILL)
    assert process.wait(20) == 1, "its process must report a server that died"
    start()
    assert broker.find_url(home) == url, "clients that run must find it where it was"
    with connect(url) as client:
        assert client.get("kept") == b"yes"


def test_the_broker_ends_with_the_process_that_started_it(home: Path, start: Start) -> None:
    process = start()
    pid = server_pid(broker.require_url(home, None))
    assert process.stdin
    process.stdin.close()
    assert process.wait(20) == 0
    wait_until(lambda: not alive(pid), "the end of the server")
    assert not broker.place(home).folder.exists()


def test_a_left_over_server_is_found_by_its_socket_and_used(home: Path, start: Start) -> None:
    first = start()
    url = broker.require_url(home, None)
    pid = server_pid(url)
    first.kill()
    first.wait(20)
    second = start()
    assert server_pid(url) == pid
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0
    wait_until(lambda: not alive(pid), "the end of the server: who takes it over also stops it")


def test_ctrl_c_in_the_terminal_does_not_reach_the_broker(home: Path, start: Start) -> None:
    process = start(start_new_session=True)
    pid = server_pid(broker.require_url(home, None))
    assert os.getsid(pid) == os.getsid(process.pid) != os.getsid(0)


def test_a_second_broker_for_one_home_is_refused(home: Path, start: Start) -> None:
    start()
    second = start(wait=False)
    assert second.wait(20) == 1
    assert second.stderr
    assert second.stderr.read().decode() == f"error: A broker for {home} runs already.\n"


def test_a_terminal_with_another_runtime_folder_finds_the_broker(
    home: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(prefix="clf-") as runtime:
        start(env=os.environ | {"XDG_RUNTIME_DIR": runtime})
        assert broker.require_url(home, None).startswith(f"unix://{runtime}/clf-")
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere")
        assert broker.find_url(home)


def test_a_folder_open_to_others_is_never_used(home: Path, start: Start) -> None:
    folder = broker.place(home).folder
    folder.mkdir(mode=0o755)
    process = start(wait=False)
    assert process.wait(20) == 1
    assert process.stderr
    assert b"is not a private folder of yours. Remove it" in process.stderr.read()


def test_a_socket_path_too_long_is_refused_before_the_start(home: Path, start: Start) -> None:
    runtime = Path(tempfile.gettempdir()) / ("r" * 90)
    runtime.mkdir()
    try:
        process = start(wait=False, env=os.environ | {"XDG_RUNTIME_DIR": str(runtime)})
        assert process.wait(20) == 1
        assert process.stderr
        assert b"too long for a socket" in process.stderr.read()
    finally:
        runtime.rmdir()


def test_the_file_is_rewritten_at_the_start_so_that_deleted_texts_leave_it(home: Path, start: Start) -> None:
    process = start()
    with connect(broker.require_url(home, None)) as client:
        client.set("text", "zanzibar")
        client.delete("text")
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    start()
    files = broker.place(home).store / "appendonlydir"

    def gone() -> bool:
        try:
            return not any(b"zanzibar" in path.read_bytes() for path in files.iterdir())
        except FileNotFoundError:  # the file before is just being taken away
            return False

    wait_until(gone, "the rewrite")


def test_without_a_broker_a_command_says_how_to_start_one(home: Path) -> None:
    assert broker.find_url(home) is None
    with pytest.raises(broker.BrokerError, match="Start everything with `clfadmin up`"):
        broker.require_url(home, None)
    assert broker.require_url(home, "redis://elsewhere:6379") == "redis://elsewhere:6379"
