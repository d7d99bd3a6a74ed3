"""What is shown of a result now: quiet hours, and what was chosen since it was queued."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from bot.answering import Answering
from bot.identity import Identity
from bot.listening import Listening
from bot.recording import tag_of
from bot.replies import Silent, ThreadPost
from bot.store import Memory, Store
from tests.bot.memories import NOW, USUAL
from tests.bot.test_replies import result
from tests.conftest import Broker
from worker.jobs import Keys, Kind, Outcome

ME = Identity("T0", "U0BOT")


@pytest.fixture
def memory(valkey: Broker, keys: Keys) -> Iterator[Memory]:
    store = Store(valkey.bot, keys=keys)
    yield store.of("T0")
    store.close()


def answering(memory: Memory, hour: int = 12) -> Answering:
    return Answering(Listening(memory.channels), ME, now=lambda: datetime(2026, 11, 30, hour, tzinfo=UTC))


def test_in_quiet_hours_nothing_is_shown_but_counted_and_what_stands_may_change(memory: Memory):
    hours = {"quiet_from": "22:00", "quiet_to": "06:00", "zone": "Asia/Tokyo"}
    memory.choose("C1", hours, USUAL, now=NOW)
    assert isinstance(answering(memory, hour=12).reply(result()), ThreadPost)  # 21 o'clock there
    for kind in (Kind.MESSAGE, Kind.MENTION):
        hushed = answering(memory, hour=13).reply(result(kind=kind))
        assert hushed == Silent()
        assert tag_of(result(kind=kind), hushed)
    assert isinstance(answering(memory, hour=13).reply(result(), replaces=True), ThreadPost)


@pytest.mark.parametrize("listen", ["off", "mentions"])
def test_what_was_turned_off_meanwhile_is_neither_shown_nor_counted(memory: Memory, listen: str):
    memory.choose("C1", {"listen": listen}, USUAL, now=NOW)
    hushed = answering(memory).reply(result())
    assert hushed == Silent(noted=False)
    assert tag_of(result(), hushed) is None


def test_who_opted_out_meanwhile_is_left_alone(memory: Memory):
    memory.channels.opt_out("U0ADA", NOW)
    assert answering(memory).reply(result(kind=Kind.MENTION)) == Silent(noted=False)


def test_failures_and_answers_given_elsewhere_are_not_counted(memory: Memory):
    for one in (result(outcome=Outcome.ERROR), result(kind=Kind.COMMAND), result(ts="no time")):
        assert tag_of(one, answering(memory).reply(one)) is None
