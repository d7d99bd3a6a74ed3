"""Links lead somewhere, and the house keeps its own rules."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.docs.cli_reference import REPOSITORY

MOST_LINES = 300
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
# Spelled so that this file does not hold them itself.
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]))


def ours(*patterns: str) -> list[Path]:
    """Files of the repository, those not yet added to git included; in an export without git, what lies here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        return [path for pattern in patterns for path in REPOSITORY.rglob(pattern) if ".venv" not in path.parts]
    return [path for name in listed.stdout.split("\0") if name and (path := REPOSITORY / name).exists()]


PAGES = ours("*.md")


def anchors(page: Path) -> set[str]:
    """The headings' anchors, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path):
    broken = []
    for link in LINK.findall(FENCED.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_figure_in_the_documentation_is_measured():
    named = {name for page in PAGES for name in re.findall(r"`(clf_(?:bot|worker)_[a-z_]+)`", page.read_text())}
    sources = "".join((REPOSITORY / module / "metrics.py").read_text() for module in ("bot", "worker"))
    # prometheus_client adds _total to counters.
    assert {name for name in named if f'"{name.removesuffix("_total")}"' not in sources} == set()


def test_no_python_file_has_more_than_300_lines():
    long = {str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines()) for path in ours("*.py")}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}


def test_nothing_is_marked_as_unfinished():
    files = ours("*.py", "*.md", "*.lua", "*.toml", "*.js", "*.css", "*.html", "Makefile", "Dockerfile")
    assert [str(path.relative_to(REPOSITORY)) for path in files if UNFINISHED.search(path.read_text())] == []


def test_every_python_file_says_what_it_is_for():
    silent = [
        str(path.relative_to(REPOSITORY))
        for path in ours("*.py")
        if path.name != "__init__.py" and not path.read_text().startswith(('"""', '#!/usr/bin/env python3\n"""'))
    ]
    assert silent == []


def test_packages_run_nothing_when_imported():
    assert [str(path) for path in ours("*__init__.py") if path.read_text().strip()] == []


def test_the_changelog_begins_with_what_is_not_released_or_the_latest_release():
    heads = re.findall(r"^## (.+)$", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heads[0])
