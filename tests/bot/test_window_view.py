"""The settings window as a value: what it shows of a choice, and what comes back from it."""

from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from bot.blocks import typed
from bot.choices import Alerts, BadChoice, Choice, Correct, Digest, Foreign, Listen, ReplyMode, Unsure
from bot.window import differing, settings_view, wanted

LABELS = ("negative", "neutral", "positive")
FULL = Choice(
    listen=Listen.MENTIONS,
    reply=ReplyMode.REACTION,
    labels=("negative", "anger"),
    confidence=75,
    unsure=Unsure.SILENT,
    threads=True,
    quiet_from="22:30",
    quiet_to="06:00",
    zone="Europe/Berlin",
    foreign=Foreign.SILENT,
    correct=Correct.MANAGERS,
    learn=True,
    keep_days=45,
    digest=Digest.WEEKLY,
    alerts=Alerts.SELDOM,
)


def as_submitted(view: dict[str, Any]) -> dict[str, Any]:
    """What Slack sends of a window nobody typed into."""
    values: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            values[block["block_id"]] = {block["element"]["action_id"]: _untouched(block["element"])}
    return {"values": values}


def _untouched(element: dict[str, Any]) -> dict[str, Any]:
    kind = element["type"]
    if kind == "static_select":
        return {"type": kind, "selected_option": element.get("initial_option")}
    if kind in ("multi_static_select", "checkboxes"):
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    if kind == "timepicker":
        return {"type": kind, "selected_time": element.get("initial_time")}
    return {"type": kind, "value": element.get("initial_value")}


@pytest.mark.parametrize("choice", [Choice(), FULL], ids=["usual", "everything chosen"])
def test_a_window_that_nobody_touched_changes_nothing(choice):
    view = settings_view("C1", choice, LABELS, "Asia/Tokyo")
    assert differing(choice, wanted(typed(as_submitted(view)))) == {}


def test_every_field_of_a_choice_can_be_set_in_the_window():
    values = typed(as_submitted(settings_view("C1", FULL, LABELS, "")))
    assert Choice().changed(wanted(values)) == FULL


def test_only_what_differs_is_saved_so_the_rest_goes_on_following_its_default():
    values = typed(as_submitted(settings_view("C1", Choice(), LABELS, ""))) | {
        "listen": "mentions",
        "labels": ["negative"],
    }
    assert differing(Choice(), wanted(values)) == {"listen": "mentions", "labels": ("negative",)}


def test_a_label_chosen_under_another_version_stays_to_be_taken_out():
    view = settings_view("C1", Choice(labels=("anger",)), LABELS, "")
    (block,) = [one for one in view["blocks"] if one.get("block_id") == "labels"]
    assert [one["value"] for one in block["element"]["options"]] == [*LABELS, "anger"]
    assert [one["value"] for one in block["element"]["initial_options"]] == ["anger"]


def test_without_a_worker_nobody_knows_the_labels_and_the_window_leaves_them_out():
    view = settings_view("C1", Choice(), (), "")
    assert "labels" not in [one.get("block_id") for one in view["blocks"]]
    assert differing(Choice(), wanted(typed(as_submitted(view)))) == {}


def test_quiet_hours_start_in_the_askers_own_zone_and_only_count_when_switched_on():
    values = typed(as_submitted(settings_view("C1", Choice(), LABELS, "Asia/Tokyo")))
    assert values["zone"] == "Asia/Tokyo"
    assert "zone" not in wanted(values)
    on = wanted(values | {"extras": ["quiet"]})
    assert (on["quiet_from"], on["quiet_to"], on["zone"]) == ("20:00", "08:00", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("typed_in", "field"),
    [
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"zone": ""}, "zone"),
        ({"quiet_from": None}, "quiet_from"),
        ({"quiet_to": None}, "quiet_to"),
        ({"quiet_from": "09:00", "quiet_to": "09:00"}, "quiet_to"),
    ],
)
def test_what_makes_no_sense_is_told_at_its_field(typed_in, field):
    values = typed(as_submitted(settings_view("C1", Choice(), LABELS, "UTC"))) | {"extras": ["quiet"]} | typed_in
    with pytest.raises(BadChoice) as caught:
        Choice().changed(wanted(values))
    assert caught.value.field == field
    assert field in values, "a field of the window, so Slack shows the words beside it"


def test_fifty_labels_and_more_stay_within_slacks_limits():
    labels = [f"{'ü' * 60}{number:04}" for number in range(100)]
    view = settings_view("C1", Choice(labels=tuple(f"old {number}" for number in range(100))), labels, "UTC")
    (block,) = [one for one in view["blocks"] if one.get("block_id") == "labels"]
    assert len(block["element"]["options"]) == 100
    assert len(view["blocks"]) <= 100
    assert len(view["title"]["text"]) <= 24
    assert len(Block.parse_all(view["blocks"])) == len(view["blocks"])
