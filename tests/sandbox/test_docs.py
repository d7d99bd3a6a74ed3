"""docs/sandbox.md says what the sandbox does, and nothing it does not."""

import re

from clfadmin.sandbox.control import CALLS
from clfadmin.sandbox.faults import FAULTS
from clfadmin.sandbox.methods.table import ABSENT, METHODS
from clfadmin.sandbox.settings import DEFAULT_APP_TOKEN, DEFAULT_BOT_TOKEN, DEFAULT_SIGNING_SECRET
from tests.conftest import REPOSITORY
from tests.sandbox_client import BOT_TOKEN, SandboxClient

TEXT = (REPOSITORY / "docs" / "sandbox.md").read_text()


def test_the_coverage_table_is_the_table_of_methods() -> None:
    told = dict(re.findall(r"^\| `([a-z]+\.[\w.]+)` \| (full|partial|absent) \|", TEXT, re.MULTILINE))
    known = {name: method.coverage for name, method in METHODS.items()} | dict.fromkeys(ABSENT, "absent")
    assert told == known


def test_what_is_partial_says_in_what() -> None:
    notes = {name: method.note for name, method in METHODS.items() if method.coverage == "partial"}
    assert all(notes.values())
    assert [name for name, note in notes.items() if note not in TEXT] == []


def test_absent_methods_are_unknown_and_present_ones_are_not(sandbox: SandboxClient) -> None:
    def error(name: str) -> str:
        headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
        return sandbox.http.post(f"{sandbox.api_url}{name}", headers=headers).json().get("error", "")

    assert {error(name) for name in ABSENT} == {"unknown_method"}
    assert "unknown_method" not in {error(name) for name in METHODS}


def test_every_call_of_the_control_door_is_described() -> None:
    told = set(re.findall(r"^\| `(\w+) /_sandbox(/[^`]*)` \|", TEXT, re.MULTILINE))
    assert told == {(method, path) for method, path, _ in CALLS}


def test_every_fault_is_described() -> None:
    section = TEXT.split("## Faults")[1].split("## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == FAULTS


def test_the_default_secrets_are_the_ones_described() -> None:
    for secret in (DEFAULT_BOT_TOKEN, DEFAULT_APP_TOKEN, DEFAULT_SIGNING_SECRET):
        assert f"`{secret}`" in TEXT
