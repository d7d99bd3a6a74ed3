"""docs/cli.md, made from the commands' own help: `python -m tests.docs.cli_reference` writes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from clfadmin import cli

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "cli.md"
WIDTH = 100
HEAD = """# Every command

What `clfadmin COMMAND --help` prints; a test keeps this page the same (write it anew with
`python -m tests.docs.cli_reference`). Exit codes: 0 done; 1 failed, one line says why; 2 wrong usage; 3 refused on
evidence, nothing changed; 130 interrupted, nothing half done.
"""


def commands() -> Iterator[tuple[str, Any, Any]]:
    """(words after `clfadmin`, command, its context) of every command, groups first."""
    root = typer.main.get_command(cli.app)
    yield from _below(root, None, "clfadmin")


def _below(command: Any, parent: Any, name: str) -> Iterator[tuple[str, Any, Any]]:
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = command.context_class(command, info_name=name, parent=parent, **settings)
    yield context.command_path, command, context
    for word in getattr(command, "commands", {}):
        yield from _below(command.commands[word], context, word)


def page() -> str:
    parts = [HEAD]
    for path, command, context in commands():
        text = "\n".join(line.rstrip() for line in command.get_help(context).strip().splitlines())
        parts.append(f"## {path}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
