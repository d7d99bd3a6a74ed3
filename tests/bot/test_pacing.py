"""When a call may go out."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.pacing import POST, REACT, READ, Limits, Pace


def pace() -> Pace:
    return Pace(Limits(channel_per_second=1.0, channel_burst=3, posts_per_minute=300, calls_per_minute={REACT: 50}))


def send(pace: Pace, method: str, channel: str, now: float, times: int = 1) -> None:
    for _ in range(times):
        assert pace.wait(method, channel, now) == 0
        pace.take(method, channel, now)


def test_a_channel_gets_three_posts_at_once_and_then_one_a_second():
    ours = pace()
    send(ours, POST, "C1", 100.0, times=3)
    assert ours.wait(POST, "C1", 100.0) == pytest.approx(1.0, abs=1e-6)
    send(ours, POST, "C1", 101.0)
    assert ours.wait(POST, "C1", 101.0) == pytest.approx(1.0, abs=1e-6)


def test_channels_do_not_wait_for_each_other():
    ours = pace()
    send(ours, POST, "C1", 100.0, times=3)
    send(ours, POST, "C2", 100.0, times=3)


def test_a_workspace_gets_so_many_posts_in_any_minute():
    ours = pace()
    for number in range(300):
        send(ours, POST, f"C{number}", 100.0 + number / 100)
    assert ours.wait(POST, "C999", 110.0) == pytest.approx(50.0)
    send(ours, POST, "C999", 160.0)


def test_reactions_are_counted_for_the_workspace_and_beside_the_posts():
    ours = pace()
    for number in range(50):
        send(ours, REACT, f"C{number}", 100.0)
    assert ours.wait(REACT, "C99", 100.0) == pytest.approx(60.0)
    send(ours, POST, "C99", 100.0)


def test_a_method_without_a_known_limit_is_not_held_up():
    send(pace(), READ, "C1", 100.0, times=1_000)


def test_retry_after_holds_posts_of_that_channel_only():
    ours = pace()
    ours.pause(POST, "C1", timedelta(seconds=30), 100.0)
    assert ours.wait(POST, "C1", 110.0) == pytest.approx(20.0)
    send(ours, POST, "C2", 110.0)
    send(ours, REACT, "C1", 110.0)
    send(ours, POST, "C1", 130.0)


def test_retry_after_of_any_other_method_holds_it_everywhere():
    ours = pace()
    ours.pause(REACT, "C1", timedelta(seconds=30), 100.0)
    assert ours.wait(REACT, "C2", 100.0) == pytest.approx(30.0)


def test_the_longer_of_two_pauses_holds():
    ours = pace()
    ours.pause(POST, "C1", timedelta(seconds=30), 100.0)
    ours.pause(POST, "C1", timedelta(seconds=5), 101.0)
    assert ours.wait(POST, "C1", 106.0) == pytest.approx(24.0)


def test_idle_channels_are_forgotten():
    ours = pace()
    for number in range(10_050):
        ours.take(POST, f"C{number}", float(number))
    assert len(ours._channels) < 100


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["C1", "C2"]), st.floats(0, 2)), max_size=60))
def test_whoever_waits_as_told_never_breaks_a_limit(sends: list[tuple[str, float]]):
    ours, now, sent = pace(), 0.0, dict[str, list[float]]()
    for channel, pause in sends:
        now += pause
        now += ours.wait(POST, channel, now)
        ours.take(POST, channel, now)
        sent.setdefault(channel, []).append(now)
    for times in sent.values():
        for first, fourth in zip(times, times[3:], strict=False):
            assert fourth - first >= 1 - 1e-6
