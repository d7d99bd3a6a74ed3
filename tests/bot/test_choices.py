"""What a channel can choose, and how it is kept."""

import json
from datetime import UTC, datetime

import pytest

from bot.choices import BadChoice, Choice, Listen, ReplyMode, Unsure, usual

USUAL = Choice()


def test_what_equals_the_default_is_not_written_down_and_follows_it_later():
    chosen = USUAL.changed({"reply": "thread", "confidence": 80})
    assert json.loads(chosen.encode(USUAL)) == {"confidence": 80}
    other = usual(reply=ReplyMode.REACTION, unsure=Unsure.SILENT)
    assert Choice.decode(chosen.encode(USUAL), other) == other.changed({"confidence": 80})


def test_a_choice_comes_back_as_it_was():
    chosen = USUAL.changed(
        {
            "listen": "mentions",
            "labels": ["negative", "😀 <!here>"],
            "quiet_from": "22:00",
            "quiet_to": "06:30",
            "zone": "Europe/Berlin",
            "learn": True,
            "alerts": "seldom",
        }
    )
    assert Choice.decode(chosen.encode(USUAL), USUAL) == chosen


def test_a_channel_shared_with_others_is_off_until_somebody_turns_it_on():
    shared = usual(reply=ReplyMode.THREAD, unsure=Unsure.SAY, shared=True)
    assert shared.listen is Listen.OFF
    turned_on = shared.changed({"listen": "on"}).encode(shared)
    assert Choice.decode(turned_on, shared).listen is Listen.ON
    # One that was on before it was shared had nothing written down, and is off from then on.
    assert Choice.decode(USUAL.encode(USUAL), shared).listen is Listen.OFF


@pytest.mark.parametrize(
    "stored",
    [
        *("", "no json", "[]", "7", '{"later": 1}', '{"reply": "shout"}', '{"keep_days": -1}'),
        *('{"quiet_from": "22:00"}', '{"zone": "Moon/Base"}', '{"zone": "../../etc/passwd"}'),
        *('{"labels": [1]}', '{"threads": "yes"}'),
    ],
)
def test_what_another_release_wrote_or_nobody_can_read_counts_as_not_chosen(stored: str):
    assert Choice.decode(stored, USUAL) == USUAL


def test_one_unusable_field_does_not_cost_the_others():
    assert Choice.decode('{"reply": "shout", "confidence": 70}', USUAL).confidence == 70


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"confidence": 100}, "confidence"),
        ({"confidence": True}, "confidence"),
        ({"keep_days": 366}, "keep_days"),
        ({"listen": "sometimes"}, "listen"),
        ({"quiet_from": "25:00", "quiet_to": "06:00"}, "quiet_from"),
        ({"quiet_from": "22:00"}, "quiet_to"),
        ({"quiet_to": "22:00"}, "quiet_from"),
        ({"quiet_from": "22:00", "quiet_to": "22:00"}, "quiet_to"),
        ({"zone": "Mars"}, "zone"),
        ({"labels": [""]}, "labels"),
        ({"labels": ["x"] * 101}, "labels"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_chosen_is_refused_by_the_name_of_its_field(changes: dict[str, object], field: str):
    with pytest.raises(BadChoice) as refused:
        USUAL.changed(changes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("hours", "zone", "hour", "quiet"),
    [
        (("22:00", "06:00"), "UTC", 23, True),
        (("22:00", "06:00"), "UTC", 5, True),
        (("22:00", "06:00"), "UTC", 6, False),
        (("22:00", "06:00"), "UTC", 22, True),
        (("12:00", "13:00"), "UTC", 12, True),
        (("12:00", "13:00"), "UTC", 13, False),
        (("22:00", "06:00"), "Asia/Tokyo", 14, True),  # 23 o'clock there
        (("22:00", "06:00"), "Asia/Tokyo", 23, False),  # 8 o'clock there
        (("", ""), "UTC", 3, False),
    ],
)
def test_quiet_hours_are_those_of_the_channels_zone(hours: tuple[str, str], zone: str, hour: int, quiet: bool):
    choice = USUAL.changed({"quiet_from": hours[0], "quiet_to": hours[1], "zone": zone})
    assert choice.is_quiet(datetime(2026, 11, 30, hour, tzinfo=UTC)) is quiet


def test_quiet_hours_follow_summer_time():
    choice = USUAL.changed({"quiet_from": "22:00", "quiet_to": "06:00", "zone": "Europe/Berlin"})
    assert choice.is_quiet(datetime(2026, 7, 1, 20, 30, tzinfo=UTC))
    assert not choice.is_quiet(datetime(2026, 12, 1, 20, 30, tzinfo=UTC))


def test_no_labels_named_means_all():
    assert USUAL.shows("anything")
    assert not USUAL.changed({"labels": ["negative"]}).shows("positive")
