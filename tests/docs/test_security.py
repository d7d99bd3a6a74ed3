"""docs/security.md: every file and every test it names is there."""

import re

from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "security.md").read_text()


def test_every_test_named_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    source = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    assert len(named) > 40
    assert [name for name in sorted(named) if f"def {name}(" not in source] == []


def test_every_file_named_exists():
    named = set(re.findall(r"`((?:bot|worker|classifier|clfadmin|examples|locks)/[\w./-]+)`", PAGE))
    assert named
    assert [name for name in sorted(named) if not (REPOSITORY / name).exists()] == []


def test_every_check_says_where_it_is_made_and_what_proves_it():
    rows = [row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith("| ---")]
    checks = [row.strip("| ").split(" | ") for row in rows if not row.startswith("| check")]
    assert len(checks) > 20
    for check in checks:
        assert len(check) == 3, check
        assert check[1].strip(), check
        assert "`test_" in check[2] or "`make " in check[2], check
