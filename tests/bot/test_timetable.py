"""Reports come at nine by the channel's clock, not in quiet hours, and not half a day late."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.choices import Choice, Digest
from bot.timetable import Due, due

BERLIN = ZoneInfo("Europe/Berlin")
DAILY = Choice(digest=Digest.DAILY, zone="Europe/Berlin")
WEEKLY = Choice(digest=Digest.WEEKLY, zone="Europe/Berlin")


def at(day: int, hour: int, minute: int = 0, zone: ZoneInfo = BERLIN) -> datetime:
    """In November 2026; the 30th is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (at(30, 8, 59), None),  # yesterday's is more than half a day old
        (at(30, 9), date(2026, 11, 29)),
        (at(30, 21), date(2026, 11, 29)),
        (at(30, 21, 1), None),
    ],
)
def test_a_daily_report_is_due_from_nine_until_nobody_waits_for_it(now: datetime, last: date | None):
    found = due("C1", DAILY, now)
    assert found == (Due("C1", last, 1) if last else None)


def test_a_weekly_one_comes_on_monday_with_the_week_that_is_over():
    assert due("C1", WEEKLY, at(30, 9)) == Due("C1", date(2026, 11, 29), 7)
    assert due("C1", WEEKLY, at(29, 9)) is None
    assert due("C1", WEEKLY, datetime(2026, 12, 1, 9, tzinfo=BERLIN)) is None


def test_every_bot_gives_it_the_same_name_all_day_long():
    names = {
        found.name for minute in range(0, 600, 7) if (found := due("C1", DAILY, at(30, 9 + minute // 60, minute % 60)))
    }
    assert names == {"digest:C1:2026-11-29"}


def test_quiet_hours_move_it_behind_them():
    late = DAILY.changed({"quiet_from": "18:00", "quiet_to": "11:30"})
    assert due("C1", late, at(30, 9, 30)) is None
    assert due("C1", late, at(30, 11, 30)) == Due("C1", date(2026, 11, 29), 1)


@pytest.mark.parametrize(("zone", "last"), [("Pacific/Auckland", 28), ("America/Los_Angeles", 29)])
def test_a_day_is_told_when_it_is_over_everywhere_it_is_counted(zone: str, last: int):
    """Nine in Auckland is the evening before in UTC: the day that goes on there is not told yet."""
    choice = Choice(digest=Digest.DAILY, zone=zone)
    found = due("C1", choice, at(30, 9, zone=ZoneInfo(zone)))
    assert found
    assert found.last == date(2026, 11, last)


def test_who_wants_none_gets_none():
    assert due("C1", Choice(), at(30, 9)) is None


def test_the_clock_going_back_brings_no_second_one():
    """In the night to 25 October 2026 Berlin has an hour twice."""
    hours = [datetime(2026, 10, 25, hour, tzinfo=BERLIN) for hour in range(9, 21)]
    assert {found.name for hour in hours if (found := due("C1", DAILY, hour))} == {"digest:C1:2026-10-24"}
