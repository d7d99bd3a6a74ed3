"""Word that corrections were learned reaches the people once, also when telling fails half way."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bot.learned import START, by_version, tell_learned
from bot.store import Store
from bot.store_errands import Errands
from tests.conftest import Broker
from worker.jobs import Keys


@pytest.fixture
def errands(valkey: Broker, keys: Keys) -> Iterator[Errands]:
    """What one workspace's bots have noted."""
    store = Store(valkey.bot, keys=keys)
    yield store.of("T1").errands
    store.close()


def note(errands: Errands, *words: str) -> None:
    for word in words:
        assert errands.first(word, datetime.now(UTC))


def test_messages_are_told_by_version_and_other_errands_left_alone(errands: Errands):
    note(errands, "digest:C1:2026-11-30", "learned:team-2:m1", "learned:team-2:m2", "learned:team-3:m1")
    told: dict[str, set[str]] = {}
    assert tell_learned(errands, lambda version, messages: told.update({version: set(messages)})) == 3
    assert told == {"team-2": {"m1", "m2"}, "team-3": {"m1"}}
    assert errands.done() == ["digest:C1:2026-11-30"]
    assert by_version(["learned:", "learned:x"]) == {}


def test_what_could_not_be_told_is_told_later(errands: Errands):
    note(errands, "learned:team-2:m1")

    def away(version: str, messages: object) -> None:
        raise OSError("Slack is away")

    with pytest.raises(OSError, match="away"):
        tell_learned(errands, away)
    assert errands.done(START) == ["learned:team-2:m1"]
