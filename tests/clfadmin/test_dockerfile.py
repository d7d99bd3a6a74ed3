"""The Dockerfile without Docker: its own ENV, COPY, RUN, HEALTHCHECK and CMD lines, carried out in a clean folder."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Keys

# Folders of the image that stand in the clean folder instead.
IMAGE_FOLDER = re.compile(r"(?<![\w./-])/(app|data)\b")
NOT_OURS = ("clf", "__editable__", "pip", "_virtualenv", "distutils-precedence", "__pycache__")


@dataclass
class Image:
    """A target as it would be built, under `root`, with a venv in place of the image's Python."""

    root: Path
    environment: dict[str, str]
    folder: Path
    command: list[str] = field(default_factory=list[str])
    health: list[str] = field(default_factory=list[str])
    user: str = ""

    def here(self, text: str) -> str:
        return IMAGE_FOLDER.sub(lambda found: f"{self.root}/{found[1]}", text)

    def run(self, command: list[str], **settings: str) -> "subprocess.CompletedProcess[str]":
        """In the built folder, with its environment and these settings."""
        return subprocess.run(
            [shutil.which(command[0], path=self.environment["PATH"]) or command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    @contextmanager
    def running(self, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
        """CMD with these settings."""
        log = (self.root / "log").open("wb")
        path = shutil.which(self.command[0], path=self.environment["PATH"])
        assert path
        process = subprocess.Popen(
            [path, *self.command[1:]], cwd=self.folder, env=self.environment | settings, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)
            log.close()

    def healthy(self, port: int) -> bool:
        return self.run(self.health, CLF_HTTP_PORT=str(port)).returncode == 0


def instructions(target: str) -> list[tuple[str, str]]:
    """(word, rest) of every line that makes the target, those of the stages it stands on first."""
    text = (REPOSITORY / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    stages: dict[str, tuple[str, list[tuple[str, str]]]] = {}
    name = ""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            parent, _, name = rest.split()
            stages[name] = (parent, [])
        else:
            stages[name][1].append((word, rest))
    parent, own = stages[target]
    return (instructions(parent) if parent in stages else []) + own


def build(target: str, root: Path, *, lock: bool = True) -> Image:
    """Carry the lines out. Without `lock` the packages of the lock are borrowed from this environment."""
    venv.create(root / "python", with_pip=True, symlinks=True)
    kept = {name: os.environ[name] for name in os.environ if name.startswith("PIP_") or name in ("HOME", "LANG")}
    path = f"{root / 'python' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    image = Image(root, kept | {"PATH": path}, root)
    if not lock:
        borrow(root)
    for word, rest in instructions(target):
        if word != "RUN":
            apply(image, word, rest)
        elif lock or "--require-hashes" not in rest:
            line = image.here(rest)
            done = image.run(["sh", "-c", line])
            assert done.returncode == 0, f"RUN {line}\n{done.stdout}\n{done.stderr}"
    return image


def apply(image: Image, word: str, rest: str) -> None:
    match word:
        case "ENV":
            image.environment |= dict(image.here(pair).split("=", 1) for pair in shlex.split(rest))
        case "WORKDIR":
            image.folder = Path(image.here(rest))
            image.folder.mkdir(parents=True)
        case "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                copy(REPOSITORY / source, image.folder / target)
        case "HEALTHCHECK":
            image.health = json.loads(rest.partition("CMD ")[2])
        case "CMD":
            image.command = json.loads(rest)
        case "USER":
            image.user = rest
        case _:
            assert word in ("EXPOSE", "VOLUME"), f"this test cannot carry out {word}"


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def borrow(root: Path) -> None:
    """Link this environment's packages into the image's Python, all but our own."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    target = root / "python" / "lib" / version / "site-packages"
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        link = target / entry.name
        if not entry.name.startswith(NOT_OURS):
            if link.exists():  # an older Python's venv brings setuptools
                shutil.rmtree(link) if link.is_dir() else link.unlink()
            link.symlink_to(entry)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_both_targets_run_as_nobody_and_check_their_health():
    for target, module in (("bot", "bot"), ("worker", "worker")):
        lines = dict(instructions(target))
        assert json.loads(lines["CMD"]) == ["python", "-m", module]
        assert int(lines["USER"].split(":")[0]) > 0
        assert "/healthz" in lines["HEALTHCHECK"]


def test_packages_come_from_the_lock_with_their_sha256():
    for target in ("bot", "worker"):
        installs = [rest for word, rest in instructions(target) if word == "RUN" and "pip install" in rest]
        assert f"--no-deps --require-hashes -r locks/{target}.txt" in installs[0]
        assert all("--no-index" in rest for rest in installs[1:]), "the rest must not fetch anything"


def test_only_what_is_copied_is_sent_to_docker():
    sent = [line[1:].rstrip("/") for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line[0] == "!"]
    lines = [rest for target in ("bot", "worker") for word, rest in instructions(target) if word == "COPY"]
    copied = {source.split("/")[0] for rest in lines for source in shlex.split(rest)[:-1]}
    assert copied == set(sent)


@pytest.mark.timeout(600)
def test_the_bot_is_built_without_tensorflow_and_answers_its_health_check(
    tmp_path: Path, sandbox: SandboxClient, valkey: Broker, keys: Keys
):
    image = build("bot", tmp_path)
    listed = image.run(["python", "-m", "pip", "list", "--format", "json"])
    names = {package["name"].lower().replace("_", "-") for package in json.loads(listed.stdout)}
    assert {"slack-bolt", "redis"} <= names
    assert names.isdisjoint({"tensorflow", "keras", "transformers", "tokenizers", "torch", "typer"})

    unset = image.run(image.command)
    assert unset.returncode == 1
    assert unset.stderr.startswith("SLACK_BOT_TOKEN is not set.")
    assert unset.stderr.count("\n") == 1

    port = free_port()
    settings = {"SLACK_BOT_TOKEN": "xoxb-sandbox", "SLACK_APP_TOKEN": "xapp-sandbox", "SLACK_API_URL": sandbox.api_url}
    settings |= {"CLF_REDIS_URL": valkey.url, "CLF_PREFIX": keys.prefix, "CLF_BIND": "127.0.0.1"}
    with image.running(CLF_HTTP_PORT=str(port), **settings):
        wait_until(lambda: image.healthy(port), "the bot's health", 60)
    assert not image.healthy(port)


def serves(image: Image, valkey: Broker, keys: Keys, home: Path) -> None:
    unset = image.run(image.command)
    assert unset.returncode == 1
    assert "CLF_REDIS_URL is not set" in unset.stderr
    version = image.run(["clfadmin", "--version"])
    assert re.fullmatch(r"clfadmin \d+\.\d+\.\d+\n", version.stdout), version.stderr
    port = free_port()
    settings = {"CLF_REDIS_URL": valkey.url, "CLF_PREFIX": keys.prefix, "CLF_BIND": "127.0.0.1"}
    with image.running(CLF_HTTP_PORT=str(port), CLF_HOME=str(home), **settings):
        wait_until(lambda: image.healthy(port), "the worker's health", 120)


@pytest.mark.timeout(300)
def test_the_workers_files_are_enough_to_serve(tmp_path: Path, tiny_home: Path, valkey: Broker, keys: Keys):
    """All lines but the download of the lock, which takes minutes; the next test has it too."""
    image = build("worker", tmp_path / "image", lock=False)
    assert image.environment["CLF_HOME"] == str(tmp_path / "image" / "data")
    assert (tmp_path / "image" / "data").stat().st_mode & 0o1777 == 0o1777
    serves(image, valkey, keys, tiny_home)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_worker_is_built_from_its_lock_alone(tmp_path: Path, tiny_home: Path, valkey: Broker, keys: Keys):
    image = build("worker", tmp_path / "image")
    serves(image, valkey, keys, tiny_home)
