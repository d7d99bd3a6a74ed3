"""Results waiting for their turn."""

import threading
from datetime import timedelta

import pytest

from bot.lanes import LANE_HOLDS, Held, Lanes, Stop
from bot.pacing import POST, REACT, READ, WHISPER, Limits, Pace
from bot.replies import Reaction, Reply, ThreadPost, Whisper
from tests.bot.test_replies import result
from worker.jobs import StreamName
from worker.stream import Delivery

POSTED = ThreadPost("1", "text", "text")


class Clock:
    """Moved by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def held(entry: str, channel: str = "C1", reply: Reply = POSTED) -> Held:
    return Held(Delivery(StreamName.RESULTS, entry, 1, {}), result(channel=channel), reply, leased_at=0.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lanes(clock: Clock) -> Lanes:
    return Lanes(Pace(Limits(channel_per_second=1.0, channel_burst=3)), clock=clock)


def take(lanes: Lanes) -> Held:
    """The one whose turn it is."""
    (one,) = lanes.take()
    return one


def fill(lanes: Lanes, *all_held: Held) -> None:
    for one in all_held:
        assert lanes.add(one) is None


def test_a_channel_keeps_its_order_and_has_one_reply_under_way(lanes: Lanes):
    fill(lanes, held("1"), held("2"), held("3", "C2"))
    first, other = take(lanes), take(lanes)
    assert [first.entry, other.entry] == ["1", "3"]
    lanes.done(first)
    second = take(lanes)
    assert second.entry == "2"


def test_channels_take_turns(lanes: Lanes, clock: Clock):
    fill(lanes, *(held(f"a{number}", "CA") for number in range(3)), *(held(f"b{number}", "CB") for number in range(3)))
    order: list[str] = []
    for _ in range(6):
        one = take(lanes)
        order.append(one.entry)
        lanes.done(one)
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_lane_holds_twenty_and_sends_the_rest_away_for_longer_and_longer(lanes: Lanes):
    fill(lanes, *(held(f"{number}") for number in range(LANE_HOLDS)))
    delays = [lanes.add(held(f"x{number}")) for number in range(3)]
    assert delays == [timedelta(seconds=10), timedelta(seconds=10.5), timedelta(seconds=11)]
    fill(lanes, held("y", "C2"))
    assert len(lanes.entries()) == LANE_HOLDS + 1


def test_a_reply_put_back_comes_first_and_its_lane_waits_if_told_to(lanes: Lanes, clock: Clock):
    fill(lanes, held("1"), held("2"))
    first = take(lanes)
    lanes.again(first, timedelta(seconds=5), rest_lane=True)
    fill(lanes, held("other", "C2"))
    other = take(lanes)
    assert other.entry == "other"
    clock.now += 5
    assert take(lanes) is first


def test_one_that_waits_alone_lets_the_others_of_its_channel_pass(lanes: Lanes):
    fill(lanes, held("1"), held("2"))
    first = take(lanes)
    lanes.again(first, timedelta(seconds=5), rest_lane=False)
    second = take(lanes)
    assert second.entry == "2"


def test_a_reply_already_sent_is_finished_without_waiting_for_the_pace(lanes: Lanes):
    for number in range(3):
        fill(lanes, held(f"{number}"))
        one = take(lanes)
        lanes.done(one)
    sent = held("sent")
    sent.sent = True
    fill(lanes, sent)
    assert take(lanes) is sent


def test_nothing_is_sent_while_stopped(lanes: Lanes):
    fill(lanes, held("1"))
    lanes.stop_sending(Stop.CREDENTIALS, "token_revoked")
    taken: list[Held] = []
    thread = threading.Thread(target=lambda: taken.extend(lanes.take()))
    thread.start()
    thread.join(0.2)
    assert taken == []
    assert lanes.stopped(Stop.CREDENTIALS) == "token_revoked"
    lanes.stop_sending(Stop.OPERATOR, "")
    assert lanes.stopped(Stop.CREDENTIALS), "each cause is lifted by itself"
    lanes.stop_sending(Stop.CREDENTIALS, "")
    thread.join(5)
    assert taken[0]
    assert taken[0].entry == "1"


def test_a_lost_lease_is_forgotten_unless_it_is_under_way(lanes: Lanes):
    fill(lanes, held("1"), held("2"))
    take(lanes)
    lanes.drop({"1", "2"})
    assert set(lanes.entries()) == {"1"}


def test_what_was_reclaimed_while_held_must_be_looked_up_before_sending(lanes: Lanes):
    one = held("1")
    one.clean = True
    fill(lanes, one)
    assert lanes.regained(Delivery(StreamName.RESULTS, "1", 2, {}))
    assert not one.clean
    assert one.delivery.count == 2
    assert not lanes.regained(Delivery(StreamName.RESULTS, "2", 1, {}))


def test_closing_gives_back_what_waits_and_lets_the_rest_end(lanes: Lanes):
    fill(lanes, held("1"), held("2"))
    take(lanes)
    assert [one.entry for one in lanes.close()] == ["2"]
    assert lanes.take() == []
    assert set(lanes.entries()) == {"1"}


def test_an_empty_lane_leaves_nothing_behind(lanes: Lanes):
    fill(lanes, held("1"))
    first = take(lanes)
    lanes.done(first)
    assert lanes._lanes == {}


@pytest.mark.parametrize(
    ("reply", "method"), [(POSTED, POST), (Reaction("smile"), REACT), (Whisper("U", "", "text"), WHISPER)]
)
def test_each_kind_of_reply_has_its_method(reply: Reply, method: str):
    one = held("1", reply=reply)
    assert one.method == method
    one.reading = True
    assert one.method == READ
