"""A reply with its menu, and what it shows once people have voted."""

from dataclasses import replace

import pytest
from slack_sdk.models.blocks import Block

from bot.blocks import MOST_OPTIONS
from bot.store import Asked, Vote
from bot.tag_blocks import CORRECT, Judged, agreed, chosen_label, corrected, reply_blocks
from tests.bot.memories import NOW
from tests.bot.test_replies import result

RESULT = result(
    label="positive", scores={"positive": 0.93, "negative": 0.07}, thread_ts="1700000000.000001", user="U0ADA"
)
ASKED = Asked(
    message="m", channel="C1", ts="1700000000.000100", author="U0ADA", label="positive", confidence=0.93, version="v"
)


def vote(**by: str) -> Vote:
    return Vote(asked=ASKED, by=by, at=NOW)


def options(blocks: list) -> list[tuple[str, str]]:
    return [(one["value"], one["text"]["text"]) for one in blocks[0]["accessory"]["options"]]


def test_a_reply_has_one_block_with_a_menu_of_all_labels_the_likeliest_first():
    blocks = reply_blocks(":smile: positive 93 %", RESULT)
    assert len(blocks) == 1
    assert blocks[0]["text"] == {"type": "mrkdwn", "text": ":smile: positive 93 %", "verbatim": True}
    assert blocks[0]["accessory"]["action_id"] == CORRECT
    assert [words for _, words in options(blocks)] == ["positive", "negative", "Take my vote back"]
    assert [chosen_label(value) for value, _ in options(blocks)] == ["positive", "negative", ""]


def test_a_label_called_take_back_is_a_label():
    blocks = reply_blocks("text", replace(RESULT, label="take back", scores={"take back": 1.0}))
    assert [chosen_label(value) for value, _ in options(blocks)] == ["take back", ""]


def test_the_block_says_what_is_judged_so_that_a_vote_needs_no_tag():
    (block,) = reply_blocks("text", RESULT)
    judged = Judged.decode(block["block_id"])
    assert judged == Judged(RESULT.ts, "1700000000.000001", "U0ADA", 0.93, RESULT.version, "positive")
    assert judged.asked("T1", "C1").label == "positive"


@pytest.mark.parametrize("text", ["", "a|b", "1|2|3|x|5|6", "bkb1"])
def test_blocks_of_others_are_told_apart(text):
    assert Judged.decode(text) is None


def test_a_hundred_labels_of_the_longest_kind_stay_within_slacks_limits():
    labels = {f"{'ü' * 60}{number:04}": 1 / 100 for number in range(100)}
    (block,) = reply_blocks("x" * 3_000, replace(RESULT, scores=labels, label="ü" * 64, version="v" * 64))
    assert len(block["accessory"]["options"]) == MOST_OPTIONS
    assert all(len(one["text"]["text"]) <= 75 and len(one["value"]) <= 75 for one in block["accessory"]["options"])
    assert len(block["block_id"]) <= 255
    assert Block.parse_all([block])


def test_a_result_without_scores_gets_no_menu():
    assert reply_blocks("text", replace(RESULT, scores={})) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, ""),
        (vote(), ""),
        (vote(U1="negative"), "  · ✏️ set to negative"),
        (vote(U1="negative", U2="negative", U3="neutral"), "  · ✏️ set to negative"),
        (vote(U1="negative", U2="neutral"), "  · ✏️ disputed"),
        (vote(U1="positive"), "  · ✔️ confirmed"),
        (vote(U1="<!channel>"), "  · ✏️ set to &lt;!channel&gt;"),
    ],
)
def test_a_reply_shows_what_most_voted_for_and_nobodys_name(given, shown):
    assert agreed(given) == shown


def test_a_reply_is_changed_in_place_whatever_it_showed_before():
    message = {"text": ":smile: positive 93 %", "blocks": reply_blocks(":smile: positive 93 %", RESULT)}
    first, blocks = corrected(message, vote(U1="negative"))
    assert first == ":smile: positive 93 %  · ✏️ set to negative"
    second, blocks = corrected({"text": first, "blocks": blocks}, vote(U1="negative", U2="neutral"))
    assert second == ":smile: positive 93 %  · ✏️ disputed"
    third, blocks = corrected({"text": second, "blocks": blocks}, None)
    assert third == ":smile: positive 93 %"
    assert blocks == message["blocks"], "the menu stays"
