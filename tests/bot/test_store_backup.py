"""What people decided, written down and put back, on real servers."""

import json
from datetime import datetime, timedelta

import pytest

from bot.store import Amount, Installed, Kept, Memory, Store
from tests.bot.memories import NOW, TODAY, USUAL, asked, cast_vote, tag
from tests.conftest import Broker
from worker.jobs import Keys

NOTHING = Amount()


@pytest.fixture
def full(store: Store, memory: Memory) -> Memory:
    """Two choices, an opt-out, a vote of two people with its text, two labels of a day, a notice, an installation."""
    store.add_team("T1", NOW)
    memory.choose("C1", {"reply": "reaction", "learn": True}, USUAL, now=NOW)
    memory.choose("C2", {"listen": "off"}, USUAL, now=NOW)
    memory.channels.opt_out("U1", NOW)
    cast_vote(memory, "U2", "neutral", text="not so bad")
    cast_vote(memory, "U3", "positive", text="not so bad")
    memory.tags.record([(tag(1), "U1"), (tag(2), "U2")], NOW)
    assert memory.errands.first("digest:C1", NOW)
    memory.installs.save("sealed")
    return memory


def written(store: Store, now: datetime = NOW) -> list[Kept]:
    """As it comes out of a file."""
    return [Kept.from_dict(json.loads(json.dumps(one.to_dict()))) for one in store.keep(now)]


def test_all_of_it_comes_back_after_everything_was_lost(store: Store, full: Memory):
    (kept,) = written(store)
    assert kept.amount == Amount(choices=2, optouts=1, votes=1, days=1, installed=1)
    assert "not so bad" not in repr(kept)
    assert "sealed=" not in repr(kept)
    full.installs.remove("sealed", NOW)
    store.erase_team("T1", NOW)
    assert store.teams() == []
    assert store.put_back(kept, NOW) == kept.amount
    assert written(store) == [kept]
    assert full.channels.choice("C2", USUAL).listen == "off"
    assert full.tags.day("C1", TODAY).labels == {"negative": 2}
    (vote,) = full.votes.all()
    assert (vote.by, vote.text, vote.at) == ({"U2": "neutral", "U3": "positive"}, "not so bad", NOW)
    assert [one.asked.message for one in full.votes.of_user("U3")] == [asked().message]
    assert full.installs.read() == Installed("sealed")
    assert not full.errands.first("digest:C1", NOW), "a notice that went out does not go again"
    assert store.put_back(kept, NOW) == NOTHING


def test_what_was_decided_since_stays(store: Store, full: Memory):
    (kept,) = written(store)
    full.choose("C1", {"reply": "none"}, USUAL, now=NOW)
    cast_vote(full, "U2", "positive")
    full.tags.record([(tag(3, "positive"), "U1")], NOW)
    full.installs.save("sealed anew")
    assert store.put_back(kept, NOW) == NOTHING
    assert full.channels.choice("C1", USUAL).reply == "none"
    assert next(full.votes.all()).by["U2"] == "positive"
    assert full.tags.day("C1", TODAY).labels == {"negative": 2, "positive": 1}
    assert full.installs.read() == Installed("sealed anew")


def test_who_opted_out_is_left_alone_again_and_bots_notice(store: Store, full: Memory):
    (kept,) = written(store)
    full.channels.opt_in("U1")
    seen = full.channels.revision()
    assert store.put_back(kept, NOW) == Amount(optouts=1)
    assert full.channels.opted_out("U1")
    assert full.channels.revision() > seen


def test_what_has_ended_since_does_not_come_back(store: Store, full: Memory):
    (kept,) = written(store)
    full.erase(NOW)
    later = NOW + timedelta(days=101)
    assert store.put_back(kept, later) == Amount(choices=2, optouts=1)
    assert list(full.votes.all()) == []


def test_a_correction_of_a_message_that_was_deleted_meanwhile_stays_away(
    store: Store, full: Memory, any_server: tuple[Broker, Keys]
):
    (kept,) = written(store)
    full.votes.erase(asked().message)
    mark = any_server[1].job(asked().message)
    store.client.hset(mark, "state", "cancelled")
    store.client.pexpire(mark, 60_000)
    assert store.put_back(kept, NOW).votes == 0
    assert list(full.votes.all()) == []


def test_a_vote_ends_when_it_would_have_ended(store: Store, full: Memory):
    (kept,) = written(store)
    full.votes.erase(asked().message)
    store.put_back(kept, NOW + timedelta(days=30))
    assert written(store)[0].votes == kept.votes


@pytest.mark.parametrize(
    "changed",
    [
        {"team": ""},
        {"team": "T1:channels"},
        {"choices": {"C1": 3}},
        {"optouts": ["U1"]},
        {"counted": {"C1": "soon"}},
        {"days": [["C1", "yesterday", {}]]},
        {"days": [["C1", "2026-11-30", {"all": 3}]]},
        {"votes": [{"asked": {}, "by": {}, "at": 0, "end": 0}]},
        {"sealed": None},
        {"more": 1},
    ],
)
def test_something_else_is_refused(store: Store, full: Memory, changed: dict[str, object]):
    with pytest.raises(ValueError, match=r"."):
        Kept.from_dict(store.keep(NOW)[0].to_dict() | changed)


def test_nothing_is_no_workspace():
    with pytest.raises(ValueError, match="what a workspace remembers"):
        Kept.from_dict(3)
