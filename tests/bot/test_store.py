"""What the bot remembers, on the real server and with the rights of its own user there."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bot.choices import BadChoice, Choice
from bot.store import Ask, Installed, Memory, Store
from tests.bot.memories import NOW, USUAL, cast_vote, tag
from tests.conftest import Broker
from worker.jobs import Keys


def test_a_choice_is_kept_for_its_channel_and_workspace_alone(store: Store, memory: Memory):
    memory.choose("C1", {"reply": "reaction"}, USUAL, now=NOW)
    assert memory.channels.choice("C1", USUAL).reply == "reaction"
    assert memory.channels.choice("C2", USUAL) == USUAL
    assert store.of("T2").channels.choice("C1", USUAL) == USUAL


def test_two_who_choose_different_things_at_once_both_get_their_way(memory: Memory):
    changes: list[dict[str, object]] = [{"confidence": 70}, {"threads": True}, {"alerts": "usual"}, {"digest": "daily"}]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda change: memory.choose("C1", change, USUAL, now=NOW), changes))
    chosen = memory.channels.choice("C1", USUAL)
    assert (chosen.confidence, chosen.threads, chosen.alerts, chosen.digest) == (70, True, "usual", "daily")


def test_what_cannot_be_chosen_changes_nothing(memory: Memory):
    before = memory.channels.revision()
    with pytest.raises(BadChoice):
        memory.choose("C1", {"confidence": 400}, USUAL, now=NOW)
    assert memory.channels.revision() == before


def test_every_change_moves_the_revision_and_repeating_one_does_not(memory: Memory):
    seen = [memory.channels.revision()]
    for change in (
        lambda: memory.choose("C1", {"listen": "off"}, USUAL, now=NOW),
        lambda: memory.channels.opt_out("U1", NOW),
        lambda: memory.channels.note("C1", shared=True),
        lambda: memory.channels.opt_in("U1"),
    ):
        change()
        seen.append(memory.channels.revision())
        change()
        assert memory.channels.revision() == seen[-1]
    assert seen == sorted(set(seen))


def test_a_snapshot_holds_all_that_decides_whether_to_listen(memory: Memory):
    memory.choose("C1", {"listen": "off"}, USUAL, now=NOW)
    memory.channels.note("C2", shared=True, creator="U9")
    memory.channels.opt_out("U1", NOW)
    memory.channels.opt_out("U1", NOW + timedelta(days=1))  # the first time counts
    found = memory.channels.snapshot()
    assert Choice.decode(found.choices["C1"], USUAL).listen == "off"
    assert found.facts["C2"].shared
    assert found.optouts == {"U1"}
    assert memory.channels.opted_out_since("U1") == NOW


def test_of_many_who_ask_one_is_told_to_introduce_the_bot(memory: Memory):
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: memory.channels.introduce("C1", NOW), range(8)))
    assert told.count(True) == 1
    assert not memory.channels.introduce("C1", NOW + timedelta(days=5))


def test_who_is_invited_again_introduces_itself_again(memory: Memory):
    assert memory.channels.introduce("C1", NOW)
    memory.channels.note("C1", left_ms=int((NOW + timedelta(days=1)).timestamp() * 1000))
    assert memory.channels.introduce("C1", NOW + timedelta(days=2))
    assert not memory.channels.introduce("C1", NOW + timedelta(days=3))


def test_a_channel_we_left_is_forgotten_after_thirty_days(memory: Memory):
    memory.tags.record([(tag(), "U1")], NOW)
    memory.choose("C1", {"listen": "off"}, USUAL, now=NOW)
    memory.channels.note("C1", left_ms=int(NOW.timestamp() * 1000))
    memory.sweep(NOW + timedelta(days=29))
    assert memory.channels.choice("C1", USUAL).listen == "off"
    memory.sweep(NOW + timedelta(days=31))
    assert memory.channels.choice("C1", USUAL) == USUAL
    assert memory.tags.get(tag().message) is None


def test_an_answer_finds_where_it_was_asked(memory: Memory, any_server: tuple[Broker, Keys]):
    ask = Ask(user="U1", channel="C1", url="https://hooks.slack.test/secret")
    memory.errands.ask("job", ask)
    assert memory.errands.asked("job") == ask
    assert "secret" not in repr(ask)
    broker, keys = any_server
    with broker.client() as client:
        assert 0 < client.ttl(f"{keys.bot}:T1:ask:job") <= 1800
    assert memory.errands.answered("job")
    assert memory.errands.asked("job") is None
    assert not memory.errands.answered("job"), "nobody waits for it any more"


def test_of_several_bots_one_does_what_is_to_be_done_once(memory: Memory):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: memory.errands.first("digest:C1:day", NOW), range(8))).count(True) == 1
    memory.errands.undone("digest:C1:day")
    assert memory.errands.first("digest:C1:day", NOW)
    memory.sweep(NOW + timedelta(days=31))
    assert memory.errands.first("digest:C1:day", NOW)


def test_a_workspace_is_erased_to_the_last_key_and_the_others_stay(store: Store, any_server: tuple[Broker, Keys]):
    for team in ("T1", "T2"):
        one = store.of(team)
        store.add_team(team, NOW)
        one.choose("C1", {"listen": "off"}, USUAL, now=NOW)
        one.channels.opt_out("U1", NOW)
        one.channels.introduce("C1", NOW)
        one.tags.record([(tag(number), f"U{number}") for number in range(3)], NOW)
        cast_vote(one, "U1", text="x")
        one.errands.first("digest", NOW)
        one.installs.save("encrypted")
    store.of("T1").installs.remove("encrypted", NOW)
    store.erase_team("T1", NOW)
    broker, keys = any_server
    with broker.client() as client:
        left = {key.decode().split(":")[2] for key in client.scan_iter(f"{keys.bot}:*")}
    assert left == {"teams", "T2"}
    assert store.teams() == ["T2"]


def test_an_installation_is_changed_only_by_who_saw_the_last_one(store: Store):
    installs = store.of("T1").installs
    assert installs.read() is None
    installs.save("one")
    assert not installs.replace("none", "two")
    assert installs.replace("one", "two")
    assert installs.read() == Installed("two")
    installs.remove("one", NOW)  # about an installation before this one
    assert installs.read() == Installed("two")
    installs.remove("two", NOW)
    assert installs.read() == Installed(""), "a removal stays to be seen"
    installs.save("three")
    assert not installs.erased(), "installed again meanwhile"
    assert installs.read() == Installed("three")
    installs.remove("three", NOW)
    assert installs.erased()
    assert installs.read() is None


def test_a_workspace_that_installs_again_while_it_is_erased_stays_known(store: Store):
    store.add_team("T1", NOW)
    store.of("T1").installs.save("again")
    store.erase_team("T1", NOW)
    assert store.teams() == ["T1"]
