"""The command line as a whole: quick to help, one line for an error, the agreed exit codes."""

import subprocess
import sys
import time

import pytest
import typer.main

from classifier.registry import Registry
from clfadmin.cli import app
from tests.plain_version import store

HEAVY = ("tensorflow", "keras", "transformers", "numpy", "pydantic", "rich", "redis", "emoji")


def all_commands() -> list[tuple[str, ...]]:
    """Every command and subcommand that does something, as it is typed."""
    found: list[tuple[str, ...]] = []
    waiting = [((), typer.main.get_command(app))]
    while waiting:
        path, group = waiting.pop()
        for name, inner in group.commands.items():
            if hasattr(inner, "commands"):
                waiting.append(((*path, name), inner))
            else:
                found.append((*path, name))
    return sorted(found)


def test_help_comes_at_once(clfadmin):
    """Half a second on an idle machine; the best of five, with room for a busy one."""
    seconds = []
    for _ in range(5):
        started = time.monotonic()
        assert clfadmin("--help").code == 0
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 1.0


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from clfadmin.cli import run; run(['--help']);"
        f"sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_every_command(command):
    answer = command("--help")
    for name in ("up", "train", "evaluate", "models", "classify", "swap-model", "rollback"):
        assert f"  {name} " in answer.out


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(command, path):
    answer = command(*path, "--help")
    assert answer.code == 0
    assert f"Usage: clfadmin {' '.join(path)}" in answer.out
    assert "Example" in answer.out
    assert f"clfadmin {path[0]}" in answer.out.split("Example")[1].replace("\n", " ").replace("  ", " ")


def test_without_a_command_there_is_help(command):
    assert command() == command("--help")
    assert command().code == 0


def test_the_version_is_told(command):
    from importlib.metadata import version

    assert command("--version").out == f"clfadmin {version('clf')}\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["no-such-command"], "No such command 'no-such-command'"),
        (["models", "list", "--jsn"], "No such option: --jsn"),
        (["train"], "Name at least one file."),
        (["train", "a.csv", "--epochs", "0"], "--epochs"),
        (["classify"], "Give either texts or --file IN"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(command, arguments, problem):
    answer = command(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: ")
    assert problem in answer.err
    assert answer.err.count("\n") == 1


def test_a_failure_is_one_line_and_exit_code_1(clfadmin, home):
    registry = Registry(home)
    store(registry, "one")
    registry.activate("one", 1)
    answer = clfadmin("models", "show", "two", "--json")
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err == (
        f"error: No model version 'two' in {home}/models. Known: one. Create one with `clfadmin train`.\n"
    )


def test_what_is_refused_on_evidence_is_exit_code_3_and_names_the_reason(command, home):
    registry = Registry(home)
    (store(registry, "one").path / "weights.safetensors").write_bytes(b"short")
    registry.activate("one", 1)
    answer = command("models", "export", "one", home / "one.tar")
    assert answer.code == 3
    assert answer.err.startswith("error: refused (truncated): one/weights.safetensors has 5 bytes")
    assert not (home / "one.tar").exists()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "/a/b"), "error: Permission denied (/a/b)\n"),
        (OSError(28, "No space left on device"), "error: No space left on device\n"),
        (RuntimeError("odd\nthing"), "error: unexpected RuntimeError: odd thing. CLF_LOG_LEVEL=debug shows where.\n"),
    ],
)
def test_what_nobody_foresaw_is_one_line_too(command, home, monkeypatch, error, line):
    def fail(self: Registry) -> None:
        raise error

    monkeypatch.setattr(Registry, "active", fail)
    assert command("models").err == line
    debugged = command("models", CLF_LOG_LEVEL="debug")
    assert debugged.code == 1
    assert "Traceback" in debugged.err
    assert debugged.err.endswith(line)


def test_an_interrupted_command_says_that_nothing_was_changed(command, monkeypatch):
    def interrupt(self: Registry) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Registry, "active", interrupt)
    answer = command("models")
    assert (answer.code, answer.err) == (130, "interrupted, nothing was changed\n")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CLF_THREADS", "many"), ("CLF_LOG_LEVEL", "loud"), ("CLF_PREFIX", "a b"), ("CLF_RUNTIME", "x")],
)
def test_a_setting_that_cannot_be_is_named_and_its_value_is_not(command, variable, value):
    answer = command("models", **{variable: value})
    assert answer.code == 1
    assert answer.err.startswith(f"error: {variable} can't be used: ")
    assert f" {value}" not in answer.err
