"""Commands named in the documentation and in our own messages exist, with the options named there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs import cli_reference
from tests.docs.cli_reference import REPOSITORY

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")])
SOURCES = sorted(
    path for folder in ("bot", "worker", "classifier", "clfadmin") for path in (REPOSITORY / folder).rglob("*.py")
)
FENCED = re.compile(r"^ *```[a-z]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`\n]+)`")
KNOWN = {path: (command, context) for path, command, context in cli_reference.commands()}


def named(text: str) -> Iterator[str]:
    """Command lines in code blocks and between backquotes."""
    for block in FENCED.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from QUOTED.findall(FENCED.sub("", text))


def calls(path: Path) -> list[str]:
    """Every `clfadmin ...` named in a file, without what comes before and after it."""
    lines = named(path.read_text()) if path.suffix == ".md" else QUOTED.findall(path.read_text())
    found = (re.search(r"(?:^|[\s/])(clfadmin(?: [^|#>&;]*)?)", line) for line in lines)
    return [match[1].strip() for match in found if match]


def complaint(call: str) -> str | None:
    """What is wrong with a command line, if anything."""
    words = shlex.split(call.replace("…", "").replace("...", ""), posix=False)
    name, rest = words[0], words[1:]
    while rest and f"{name} {rest[0]}" in KNOWN:
        name, rest = f"{name} {rest[0]}", rest[1:]
    command, context = KNOWN[name]
    if rest and hasattr(command, "commands") and re.fullmatch(r"[a-z-]+", rest[0]) and rest[0][0] != "-":
        return f"{name} has no command {rest[0]}"
    options = {
        option for parameter in command.get_params(context) for option in (*parameter.opts, *parameter.secondary_opts)
    }
    unknown = {word.partition("=")[0] for word in rest if word.startswith("--")} - options
    return f"{name} has no {', '.join(sorted(unknown))}" if unknown else None


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_in_the_documentation_exists(path: Path):
    wrong = [(call, why) for call in calls(path) if (why := complaint(call))]
    assert wrong == []


def test_every_command_our_messages_name_exists():
    wrong = [
        (str(path.relative_to(REPOSITORY)), call, why)
        for path in SOURCES
        for call in calls(path)
        if (why := complaint(call))
    ]
    assert wrong == []


@pytest.mark.parametrize("call", ["clfadmin trian", "clfadmin train x.csv --epoch 3", "clfadmin models shwo x"])
def test_a_mistyped_command_would_be_noticed(call: str):
    assert complaint(call)


def test_the_command_reference_is_what_help_says():
    assert cli_reference.PAGE.read_text() == cli_reference.page(), "run: python -m tests.docs.cli_reference"


def test_every_command_comes_with_an_example():
    without = [
        path
        for path, (command, _) in KNOWN.items()
        if not hasattr(command, "commands") and not (command.epilog or "").startswith(("Example: ", "Examples: "))
    ]
    assert without == []


def test_every_command_is_introduced_in_the_readme():
    text = "\n".join(call for call in calls(REPOSITORY / "README.md"))
    missing = [path for path in KNOWN if path.count(" ") == 1 and path not in text]
    assert missing == []


def test_every_make_target_in_the_documentation_exists():
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    lines = [line.strip() for path in PAGES for line in named(path.read_text())]
    used = {match[1] for line in lines if (match := re.match(r"make ([a-z]+)\b", line))}
    assert used <= targets, used - targets


def _names(value: Any) -> set[str]:
    return set(re.findall(r"docs/[a-z]+\.md", value))


def test_every_page_our_messages_name_exists():
    wrong = {
        (str(path.relative_to(REPOSITORY)), name)
        for path in SOURCES
        for name in _names(path.read_text())
        if not (REPOSITORY / name).exists()
    }
    assert wrong == set()
