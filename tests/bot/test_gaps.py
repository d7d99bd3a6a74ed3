"""Gaps: opened by whoever notices, closed only for what had been noticed when reading began."""

import threading

from bot.gaps import Gaps


def swept(*channels: str) -> Gaps:
    """After catch-up has read these channels, all there are."""
    gaps = Gaps()
    whole = gaps.look("")
    for channel in channels:
        gaps.close(channel, gaps.look(channel))
    gaps.close_everywhere(whole)
    return gaps


def test_a_process_that_starts_has_a_gap_everywhere():
    gaps = Gaps()
    assert gaps.is_open("C1")
    assert gaps.failed_channels() is None
    assert gaps.wait(0)


def test_a_channel_is_closed_before_the_others_are_read():
    gaps = Gaps()
    assert gaps.close("C1", gaps.look("C1"))
    assert (gaps.is_open("C1"), gaps.is_open("C2")) == (False, True)
    assert gaps.wait(0), "there is still something to read"


def test_when_all_channels_were_read_there_is_nothing_to_do():
    gaps = swept("C1")
    assert not gaps.wait(0)
    assert gaps.failed_channels() == []


def test_a_message_that_was_not_taken_opens_its_channel_from_the_oldest_one():
    gaps = swept("C1", "C2")
    for ts in ("1700000002.000000", "1700000001.000000", "1700000003.000000"):
        gaps.open("C1", ts)
    assert gaps.failed_channels() == ["C1"]
    assert gaps.look("C1").since == "1700000001.000000"
    assert (gaps.is_open("C1"), gaps.is_open("C2")) == (True, False)


def test_a_failure_while_history_is_read_keeps_the_gap_open():
    gaps = swept("C1")
    gaps.open("C1", "1700000001.000000")
    looked = gaps.look("C1")
    gaps.open("C1", "1700000002.000000")
    assert not gaps.close("C1", looked)
    assert gaps.close("C1", gaps.look("C1"))


def test_a_reconnect_while_history_is_read_keeps_the_gap_open():
    gaps = Gaps()
    whole, looked = gaps.look(""), gaps.look("C1")
    gaps.open_everywhere()
    assert not gaps.close("C1", looked)
    gaps.close_everywhere(whole)
    assert gaps.failed_channels() is None


def test_who_waits_is_woken_by_a_new_gap():
    gaps = swept("C1")
    found: list[bool] = []
    waiter = threading.Thread(target=lambda: found.append(gaps.wait(10)))
    waiter.start()
    gaps.open("C1", "1700000001.000000")
    waiter.join(5)
    assert found == [True]
