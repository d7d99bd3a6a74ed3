"""A report shows groups, never people; says what is otherwise than usual; and pings and quotes nobody."""

from datetime import date, timedelta

import pytest

from bot.report import alternative, days_before, is_group, report_of, too_few, when, words
from bot.store import Day, Strong

LAST = date(2026, 11, 29)


def day(back: int, people: int = 4, **labels: int) -> Day:
    everything = sum(labels.values())
    return Day("C1", LAST - timedelta(days=back), labels, everything, everything, people)


def usual(bad: int, good: int, days: int = 28) -> list[Day]:
    return [day(back + 7, negative=bad, positive=good) for back in range(days, 0, -1)]


@pytest.mark.parametrize(("messages", "people", "shown"), [(5, 3, True), (4, 3, False), (5, 2, False), (500, 2, False)])
def test_figures_are_of_five_messages_by_three_people_at_least(messages: int, people: int, shown: bool):
    assert is_group(messages, people) is shown
    assert bool(report_of("C1", [day(0, people, negative=messages)])) is shown


def test_a_day_with_too_few_is_in_no_sum_from_which_it_could_be_told():
    report = report_of("C1", [day(2, negative=4, positive=6), day(1, negative=3), day(0, people=2, positive=9)])
    assert report
    assert report.counts == {"negative": 4, "positive": 6}
    assert [point.counts for point in report.points[1:]] == [{}, {}]
    assert report.hidden == 2
    assert "2 days with fewer than five messages or three people left out." in words(report, url="")


def test_a_channel_of_few_words_is_shown_as_a_whole_or_not_at_all():
    report = report_of("C1", [day(2, 3, negative=3), day(1, 1, positive=2), day(0, 1, positive=1)])
    assert report
    assert report.counts == {"negative": 3, "positive": 3}
    assert not any(point.counts for point in report.points)
    # Of two people on each of two days nobody knows whether they are four.
    assert report_of("C1", [day(1, 2, negative=3), day(0, 2, positive=3)]) is None
    assert "five messages by three people" in too_few(7)


def test_what_is_clearly_otherwise_than_usual_is_said():
    report = report_of("C1", [day(back, negative=20, positive=20) for back in range(6, -1, -1)], usual(8, 32))
    assert report
    told = words(report, url="")
    assert "Otherwise than usual here: more negative (50 %, usually 20 %), less positive (50 %, usually 80 %)." in told


def test_chance_is_not_told_as_a_change():
    report = report_of("C1", [day(back, negative=9, positive=31) for back in range(6, -1, -1)], usual(8, 32))
    assert report
    assert "About as usual here." in words(report, url="")


@pytest.mark.parametrize("before", [[], usual(8, 32, days=3), usual(1, 4, days=6)])
def test_where_nobody_knows_what_is_usual_nothing_is_said_of_it(before: list[Day]):
    report = report_of("C1", [day(back, negative=20, positive=20) for back in range(6, -1, -1)], before)
    assert report
    assert "usual" not in words(report, url="")


def test_labels_stand_from_worst_to_best_and_others_by_their_number():
    report = report_of("C1", [day(0, positive=1, joy=2, negative=3, anger=9, neutral=4)])
    assert report
    assert report.labels == ("negative", "neutral", "positive", "anger", "joy")


def test_the_few_strongest_are_linked_and_neutral_ones_are_not():
    found = [Strong("C1", f"1795{n}00000.000100", label, 0.9 + n / 100) for n, label in enumerate(["negative"] * 4)]
    found += [Strong("C1", "1795600000.000200", "neutral", 0.999), Strong("C1", "1795600000.000300", "positive", 0.95)]
    report = report_of("C1", [day(0, negative=6, neutral=6, positive=6)], [], found)
    assert report
    assert [(one.label, one.confidence) for one in report.strongest] == [
        ("positive", 0.95),
        ("negative", 0.93),
        ("negative", 0.92),
    ]
    told = words(report, url="https://x.slack.com/")
    assert "<https://x.slack.com/archives/C1/p1795600000000300|positive, 25 Nov>" in told
    assert "archives" not in words(report, url=""), "without an address there is nothing to link to"


def test_no_label_can_ping_or_break_out():
    report = report_of("C1", [day(0, **{"<!channel>": 6, "<@U1>": 6})])
    assert report
    told = words(report, url="", honesty="")
    assert "<" not in told
    assert "&lt;!channel&gt;" in told


def test_the_picture_is_told_in_words_within_slacks_limit():
    short = report_of("C1", [day(1, negative=4, positive=6), day(0, negative=1)])
    assert short
    assert alternative(short).endswith("28 Nov: 10, negative 40 %, positive 60 %. Hatched days: too few to show.")
    long = report_of("C1", [day(back, negative=4, positive=6) for back in range(89, -1, -1)])
    assert long
    assert 800 < len(alternative(long)) <= 1000


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (date(2026, 11, 29), "29 November 2026"),
        (date(2026, 11, 23), "23 to 29 November 2026"),
        (date(2026, 10, 31), "31 October to 29 November 2026"),
        (date(2025, 12, 31), "31 December 2025 to 29 November 2026"),
    ],
)
def test_a_span_is_told_as_people_do(first: date, told: str):
    assert when(first, LAST) == told


@pytest.mark.parametrize(("span", "before"), [(1, 28), (7, 28), (14, 56), (30, 70), (90, 10), (100, 0)])
def test_the_usual_is_four_times_the_span_as_far_as_days_are_kept(span: int, before: int):
    assert days_before(span) == before
