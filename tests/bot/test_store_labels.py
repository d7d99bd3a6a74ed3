"""Labels, counts and votes: each message counted once, and nobody joined with what they wrote."""

from datetime import timedelta

from bot.store import Memory
from tests.bot.memories import NOW, TODAY, USUAL, asked, cast_vote, tag, ts_of
from tests.conftest import Broker
from worker.jobs import JobState, Keys


def test_a_message_is_counted_once_however_often_it_is_told(memory: Memory):
    for _ in range(3):
        memory.tags.record([(tag(), "U1"), (tag(), "U1")], NOW)
    day = memory.tags.day("C1", TODAY)
    assert (day.labels, day.all, day.sure, day.people) == ({"negative": 1}, 1, 1, 1)


def test_an_edit_moves_the_count_and_an_older_text_does_not_move_it_back(memory: Memory):
    memory.tags.record([(tag(), "U1")], NOW)
    memory.tags.record([(tag(label="positive", edit_ts="1790000000.000001", sure=False), "U1")], NOW)
    memory.tags.record([(tag(), "U1")], NOW)
    day = memory.tags.day("C1", TODAY)
    assert (day.labels, day.all, day.sure, day.people) == ({"positive": 1}, 1, 0, 1)
    found = memory.tags.get(tag().message)
    assert found
    assert (found.label, found.edit_ts) == ("positive", "1790000000.000001")
    assert [strong.label for strong in memory.tags.strongest("C1", TODAY)] == ["positive"]


def test_a_deletion_takes_everything_back(memory: Memory):
    memory.tags.record([(tag(1), "U1"), (tag(2), "U1"), (tag(3, "positive"), "U2")], NOW)
    one = tag(3)
    assert memory.erase_message(one.message, "C1", one.ts, "U2")
    assert not memory.erase_message(one.message, "C1", one.ts, "U2")
    day = memory.tags.day("C1", TODAY)
    assert (day.labels, day.all, day.sure, day.people) == ({"negative": 2}, 2, 2, 1)
    assert len(memory.tags.strongest("C1", TODAY)) == 2
    assert memory.tags.get(one.message) is None


def test_nothing_is_noted_of_a_message_that_was_deleted_first(memory: Memory, any_server: tuple[Broker, Keys]):
    broker, keys = any_server
    with broker.client() as client:
        client.hset(keys.job(tag().message), "state", JobState.CANCELLED.value)
        client.pexpire(keys.job(tag().message), 60_000)
    memory.tags.record([(tag(), "U1")], NOW)
    assert memory.tags.get(tag().message) is None
    assert memory.tags.day("C1", TODAY).all == 0
    assert cast_vote(memory, "U2") is None


def test_what_stands_in_slack_is_noted_even_when_the_count_was_made_before(memory: Memory):
    memory.tags.record([(tag(), "U1")], NOW)
    memory.tags.record([(tag(reply_ts="1790000000.000009"), "U1")], NOW)
    memory.tags.record([(tag(reaction="smile"), "U1")], NOW)
    found = memory.tags.get(tag().message)
    assert found
    assert (found.reply_ts, found.reaction) == ("1790000000.000009", "smile")


def test_of_each_label_the_five_most_confident_are_kept(memory: Memory):
    crowd = [(tag(number, "positive", confidence=number / 100), "U1") for number in range(1, 60)]
    memory.tags.record([*crowd, (tag(99, "negative", confidence=0.01), "U2")], NOW)
    found = memory.tags.strongest("C1", TODAY)
    assert [(one.label, one.confidence) for one in found] == [
        ("positive", 0.59), ("positive", 0.58), ("positive", 0.57), ("positive", 0.56), ("positive", 0.55),
        ("negative", 0.01),
    ]  # fmt: skip


def test_how_many_people_wrote_is_known_and_who_is_not(memory: Memory, any_server: tuple[Broker, Keys]):
    memory.tags.record([(tag(number), f"USER{number % 3}") for number in range(10)], NOW)
    assert memory.tags.day("C1", TODAY).people == 3
    broker, keys = any_server
    with broker.client() as client:
        everything = b"".join(client.dump(key) + key for key in client.scan_iter(f"{{{keys.prefix}}}:*"))
        salt = f"{keys.bot}:T1:salt:{TODAY.isoformat()}"
        assert 0 < client.pttl(salt) <= 48 * 3600 * 1000
    assert b"USER" not in everything


def test_a_person_can_be_taken_out_of_the_numbers(memory: Memory):
    memory.tags.record([(tag(number), f"U{number % 2}") for number in range(4)], NOW)
    assert memory.tags.forget_person("U7", NOW) == 0
    assert memory.tags.forget_person("U0", NOW) == 1
    assert memory.tags.day("C1", TODAY).people == 1


def test_labels_of_long_ago_are_not_counted_anew(memory: Memory):
    old = NOW - timedelta(days=31)
    memory.tags.record([(tag(ts=ts_of(old)), "U1")], NOW)
    assert memory.tags.day("C1", old.date()).all == 0


def test_every_key_about_labels_ends_by_itself(memory: Memory, any_server: tuple[Broker, Keys]):
    memory.tags.record([(tag(), "U1")], NOW)
    broker, keys = any_server
    with broker.client() as client:
        lasting = {key.decode().split(":")[3] for key in client.scan_iter(f"{keys.bot}:*") if client.ttl(key) == -1}
    assert lasting == {"counted"}


def test_a_channels_figures_can_be_erased(memory: Memory):
    memory.tags.record([(tag(number), "U1") for number in range(5)], NOW)
    assert memory.tags.counts("C1", NOW) == {"tags": 5, "days": 1}
    assert memory.tags.forget_channel("C1", NOW) == {"tags": 5, "days": 1}
    assert memory.tags.counts("C1", NOW) == {"tags": 0, "days": 0}
    assert memory.tags.channels() == []


def test_a_crowd_is_recorded_whole(memory: Memory):
    memory.tags.record([(tag(number), f"U{number % 9}") for number in range(250)], NOW)
    day = memory.tags.day("C1", TODAY)
    assert (day.all, day.people) == (250, 9)


def test_everybody_has_one_vote_and_the_last_one_counts(memory: Memory):
    cast_vote(memory, "U1", "positive")
    vote = cast_vote(memory, "U1", "neutral", text="was it so bad?")
    assert vote
    assert (vote.by, vote.label, vote.text, vote.asked) == ({"U1": "neutral"}, "neutral", "was it so bad?", asked())
    cast_vote(memory, "U2", "positive")
    tied = memory.votes.get(asked().message)
    assert tied
    assert tied.label == ""
    assert tied.text == ""  # the channel no longer learned


def test_taking_the_last_vote_back_erases_its_text_and_its_lists(memory: Memory, any_server: tuple[Broker, Keys]):
    cast_vote(memory, "U1", text="private words")
    cast_vote(memory, "U2", text="private words")
    assert memory.votes.take_back(asked().message, "U1")
    assert [vote.by for vote in memory.votes.all()] == [{"U2": "neutral"}]
    assert memory.votes.take_back(asked().message, "U2")
    assert not memory.votes.take_back(asked().message, "U2")
    broker, keys = any_server
    with broker.client() as client:
        assert list(client.scan_iter(f"{keys.bot}:*vote*")) == []


def test_votes_are_found_by_author_voter_and_channel(memory: Memory):
    cast_vote(memory, "U1", number=1)
    cast_vote(memory, "U2", number=2)
    assert {vote.asked.message for vote in memory.votes.of_user("U0")} == {asked(1).message, asked(2).message}
    assert [vote.asked.message for vote in memory.votes.of_user("U2")] == [asked(2).message]
    assert len(list(memory.votes.of_channel("C1"))) == 2
    assert list(memory.votes.of_channel("C2")) == []


def test_a_persons_own_votes_go_and_those_of_others_stay(memory: Memory):
    cast_vote(memory, "U1", number=1)
    cast_vote(memory, "U2", number=1, label="positive")
    cast_vote(memory, "U1", number=2)
    assert memory.votes.forget_user("U1") == 2
    assert [vote.by for vote in memory.votes.all()] == [{"U2": "positive"}]
    assert memory.votes.forget_user("U0") == 1  # the author: the whole vote
    assert list(memory.votes.all()) == []


def test_a_vote_ends_when_its_channel_chose(memory: Memory, any_server: tuple[Broker, Keys]):
    cast_vote(memory, "U1", days=30, text="kept")
    broker, keys = any_server
    key = f"{keys.bot}:T1:vote:{asked().message}"
    with broker.client() as client:
        assert 29 <= client.ttl(key) / 86_400 <= 30
        memory.choose("C1", {"keep_days": 7, "learn": True}, USUAL, now=NOW)
        assert 6 <= client.ttl(key) / 86_400 <= 7
    kept = memory.votes.get(asked().message)
    assert kept
    assert kept.text == "kept"


def test_a_channel_that_stops_learning_loses_its_texts_at_once(memory: Memory):
    memory.choose("C1", {"learn": True}, USUAL, now=NOW)
    cast_vote(memory, "U1", text="kept")
    memory.choose("C1", {"learn": False}, USUAL, now=NOW)
    (vote,) = memory.votes.all()
    assert (vote.text, vote.by) == ("", {"U1": "neutral"})


def test_a_shorter_time_than_a_vote_is_old_erases_it(memory: Memory):
    cast_vote(memory, "U1", days=90)
    memory.choose("C1", {"keep_days": 7}, USUAL, now=NOW + timedelta(days=8))
    assert list(memory.votes.all()) == []
