"""An alert is rare, and comes when a channel really turns: played with days that swing as days do, fixed seeds."""

import random
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from bot.alerts import LIMITS, OFF_ACTION, SELDOM_ACTION, Alert, alert, blocks, is_resting
from bot.choices import Alerts
from bot.store import Day, Strong
from bot.usual import Count, compare

TODAY = date(2026, 11, 30)
BAD = ("negative",)


def day(back: int, bad: int, all: int, people: int = 5) -> Day:
    return Day("C1", TODAY - timedelta(days=back), {"negative": bad, "neutral": all - bad}, all, all, people)


def weeks(bad: int = 8, all: int = 40) -> list[Day]:
    return [day(back, bad, all) for back in range(28, 0, -1)]


def test_a_channel_that_turns_is_told_of_with_its_figures():
    found = alert([*weeks(), day(0, 20, 40)], BAD, Alerts.USUAL)
    assert found
    assert (found.comparison.now, found.comparison.usual) == (Count(20, 40), Count(8 * 28, 40 * 28))
    assert found.days == (TODAY,)


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ([*weeks(), day(0, 12, 40)], "a little more is within what days do"),
        ([*weeks(1, 40), day(0, 5, 40)], "unlikely, but five points of share matter to nobody"),
        ([*weeks(), day(0, 15, 20)], "twenty messages are too few"),
        ([day(one, 8, 40, people=3) for one in range(28, 1, -1)] + [day(1, 8, 40, 2), day(0, 30, 40, 2)], "two people"),
        ([*weeks()[-6:], day(0, 30, 40)], "six days do not say what is usual"),
        ([*weeks(1, 6), day(0, 9, 30)], "nine messages are no mood"),
        ([*weeks(20, 40), day(0, 0, 40)], "fewer is no reason to worry"),
        ([day(0, 30, 40)], "a new channel"),
        ([], "nothing at all"),
    ],
)
def test_nothing_is_said_where_it_would_mean_nothing(days: list[Day], why: str):
    assert alert(days, BAD, Alerts.USUAL) is None, why


def test_days_that_swing_widely_make_it_harder_to_be_unusual():
    calm = [day(back, 8, 40) for back in range(28, 0, -1)]
    wild = [day(back, 16 if back % 2 else 0, 40) for back in range(28, 0, -1)]
    now = day(0, 19, 40)
    assert alert([*calm, now], BAD, Alerts.USUAL)
    assert alert([*wild, now], BAD, Alerts.USUAL) is None


def test_a_slow_day_is_seen_together_with_the_one_before():
    found = alert([*weeks()[:-1], day(1, 13, 26), day(0, 8, 14)], BAD, Alerts.USUAL)
    assert found
    assert found.days == (TODAY - timedelta(days=1), TODAY)


def test_seldom_takes_more_and_off_takes_no_notice():
    days = [*weeks(), day(0, 19, 40)]
    assert alert(days, BAD, Alerts.USUAL)
    assert alert(days, BAD, Alerts.SELDOM) is None
    assert alert([*weeks(), day(0, 36, 40)], BAD, Alerts.SELDOM)
    assert alert([*weeks(), day(0, 36, 40)], BAD, Alerts.OFF) is None


def test_several_labels_count_together():
    days = [Day("C1", one.day, {"anger": one.labels["negative"], "joy": 32}, 40, 40, 5) for one in weeks()]
    today = Day("C1", TODAY, {"anger": 10, "sadness": 10, "joy": 20}, 40, 40, 5)
    assert alert([*days, today], ("anger", "sadness"), Alerts.USUAL)
    assert alert([*days, today], ("negative",), Alerts.USUAL) is None


@pytest.mark.parametrize(("wanted", "days"), [(Alerts.USUAL, 2), (Alerts.SELDOM, 7)])
def test_after_one_there_is_a_rest(wanted: Alerts, days: int):
    assert not is_resting(None, TODAY, wanted)
    assert is_resting(TODAY - timedelta(days=days - 1), TODAY, wanted)
    assert not is_resting(TODAY - timedelta(days=days), TODAY, wanted)


def test_the_words_hold_the_evidence_and_two_ways_to_hear_less_of_it():
    found = Alert("C1", (TODAY,), BAD, compare(Count(20, 40), [Count(8, 40)] * 28))
    strongest = [
        Strong("C1", "1796000000.000100", "negative", 0.98),
        Strong("C1", "1796000000.000200", "neutral", 0.99),
    ]
    made = blocks(found, strongest, url="https://x.slack.com/", wanted=Alerts.USUAL)
    assert made[0]["text"]["text"].startswith(
        "*More negative than usual here today:* 20 of 40 messages (50 %); usually 20 %"
    )
    assert made[1]["text"]["text"].count("https://x.slack.com/archives/C1/p1796000000000100") == 1
    assert "neutral" not in made[1]["text"]["text"]
    assert [one["action_id"] for one in made[2]["elements"]] == [SELDOM_ACTION, OFF_ACTION]
    seldom = blocks(found, [], url="", wanted=Alerts.SELDOM)
    assert [one["action_id"] for one in seldom[1]["elements"]] == [OFF_ACTION]


def test_a_label_cannot_ping_from_an_alert():
    found = Alert("C1", (TODAY,), ("<!here>",), compare(Count(20, 40), [Count(8, 40)] * 28))
    assert "<!here>" not in str(blocks(found, [], url="", wanted=Alerts.USUAL))


def play(seed: int, days: int, share: float, wanted: Alerts, turn: Callable[[int], float | None]) -> int:
    """How many alerts a channel of about 40 messages a day gets, asked six times a day; `turn` gives a day's share."""
    chance, history, alarms, last = random.Random(seed), list[Day](), 0, None
    for number in range(days):
        today = TODAY + timedelta(days=number)
        # Days swing by more than messages do: a beta-binomial with a correlation of 0.02.
        swinging = chance.betavariate(share * 49, (1 - share) * 49)
        truth = turn(number) or swinging
        said = [chance.random() < truth for _ in range(max(0, int(chance.gauss(40, 10))))]
        for part in range(1, 7):
            some = said[: len(said) * part // 6]
            now = Day("C1", today, {"negative": sum(some), "neutral": len(some) - sum(some)}, 0, len(some), 5)
            if not is_resting(last, today, wanted) and alert([*history, now], BAD, wanted):
                alarms, last = alarms + 1, today
        history = [*history[-29:], now]
    return alarms


@pytest.mark.parametrize(("wanted", "most"), [(Alerts.USUAL, 2), (Alerts.SELDOM, 0)])
def test_where_nothing_changes_false_alarms_are_rare(wanted: Alerts, most: int):
    assert play(1, 300, 0.2, wanted, lambda _: None) <= most


def test_a_turn_is_nearly_always_found_within_two_days():
    found = [play(seed, 34, 0.2, Alerts.USUAL, lambda number: 0.5 if number >= 32 else None) > 0 for seed in range(10)]
    assert sum(found) >= 8


def test_seldom_is_the_stricter_one_in_every_way():
    usual, seldom = LIMITS[Alerts.USUAL], LIMITS[Alerts.SELDOM]
    assert (usual.swings, usual.points, usual.rest) < (seldom.swings, seldom.points, seldom.rest)
