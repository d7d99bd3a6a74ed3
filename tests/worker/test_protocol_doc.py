"""docs/protocol.md says what the code does: tests, scripts, keys and numbers it names exist."""

import re

import pytest

from tests.conftest import REPOSITORY
from worker import batches, fleet, stream
from worker.answers import MOST_DELIVERIES
from worker.batches import LARGEST_BUDGET, SMALLEST_BUDGET
from worker.jobs import Keys, StreamName

TEXT = (REPOSITORY / "docs" / "protocol.md").read_text()


def test_every_test_named_exists():
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    source = "".join(path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py"))
    assert named
    assert [name for name in sorted(named) if f"def {name}(" not in source] == []


def test_every_script_is_described_and_no_other():
    scripts = {path.stem for path in (REPOSITORY / "worker" / "scripts").glob("*.lua")}
    section = TEXT.partition("## Scripts")[2].partition("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == scripts


def test_every_key_is_described():
    keys = Keys()
    hashes = (keys.job("<id>"), keys.marks, keys.workers, keys.bots, keys.model, keys.shadow)
    for name in (*map(keys.stream, StreamName), *hashes):
        assert f"`{name}`" in TEXT


@pytest.mark.parametrize("name", list(fleet.Model.__dataclass_fields__))
def test_every_field_of_the_model_hash_is_described(name):
    assert f"`{name}`" in TEXT


def test_the_numbers_are_those_of_the_code():
    assert f"{stream.JOB_LEASE.total_seconds():g} s (`CLF_LEASE_SECONDS`)" in TEXT
    assert f"{SMALLEST_BUDGET} to {LARGEST_BUDGET:,} tokens".replace(",", " ") in TEXT
    assert batches.TARGET_SECONDS == 0.1
    assert "tenth\nof a second" in TEXT
    assert (batches.SORTED_TOGETHER, batches.MOST_SLOTS) == (4, 128)
    assert "about as many as make four batches (128 at most)" in TEXT
    assert f"{fleet.CANDIDATE_TTL.total_seconds() / 60:g} minutes at most" in TEXT
    assert MOST_DELIVERIES == 3
    assert stream.JOB_TTL.total_seconds() / 3600 == 25


def test_every_reason_of_a_dead_letter_is_described():
    source = "".join((REPOSITORY / "worker" / name).read_text() for name in ("answers.py", "labelling.py"))
    reasons = set(re.findall(r'reason="([^"]+)"', source))
    assert len(reasons) == 5
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in TEXT] == []
