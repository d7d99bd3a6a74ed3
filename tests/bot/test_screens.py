"""What stands in the shortcut's window, in App Home and in answers: pure functions from values to blocks."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from bot.blocks import bars
from bot.channel_words import Lately, figures, lately, summary
from bot.choices import Choice, Listen, ReplyMode
from bot.desk import Serving
from bot.home import MOST_CHANNELS, OPT_IN, OPT_OUT, SETTINGS, Listed, home_view
from bot.shortcut import RIGHT_LABEL, result_view
from bot.store import Day
from bot.tag_blocks import Judged
from tests.bot.test_replies import result
from worker.jobs import Kind, Outcome

TEXT = "this build is <@U1|ada> awful today"
SHORTCUT = result(
    kind=Kind.SHORTCUT,
    label="negative",
    emoji=":slightly_frowning_face:",
    confidence=0.81,
    scores={"negative": 0.81, "neutral": 0.15, "positive": 0.04},
    words=[(24, 29, 0.41), (5, 10, -0.06)],
    user="U0ADA",
)
SERVING = Serving("starter", ("negative", "neutral", "positive"), ("en",), 2)


def said(view: dict[str, Any]) -> str:
    """All the words of a view."""
    return json.dumps(view, ensure_ascii=False)


def test_the_shortcuts_window_has_label_scores_words_version_and_a_menu():
    view = result_view(SHORTCUT, TEXT, Choice(), None)
    words = said(view)
    assert "*:slightly_frowning_face: negative 81 %*" in words
    assert "negative ████████░░ 81 %" in words
    assert "positive ░░░░░░░░░░  4 %" in words
    assert "without “awful”, negative would fall from 81 % to 40 %" in words
    assert "without “build”, negative would rise from 81 % to 87 %" in words
    assert f"Version {SHORTCUT.version}" in words
    menu = next(block for block in view["blocks"] if block.get("block_id") == RIGHT_LABEL)
    assert [one["value"] for one in menu["element"]["options"]] == ["negative", "neutral", "positive"]
    assert Judged.decode(json.loads(view["private_metadata"])["judged"]).label == "negative"
    assert Block.parse_all(view["blocks"])


def test_mark_up_is_quoted_as_people_see_it_and_never_as_a_ping():
    text = "<!channel> &lt;b&gt; <https://x.example|the page> `code`"
    spans = [(0, 10, 0.3), (11, 20, 0.2), (21, 49, 0.1)]
    words = said(result_view(replace(SHORTCUT, words=spans), text, Choice(), None))
    assert "“@everyone”" in words
    assert "“&lt;b&gt;”" in words
    assert "“the page”" in words
    assert "<!channel>" not in words


@pytest.mark.parametrize("text", ["", "short"])
def test_without_the_text_the_window_says_so_and_quotes_nothing(text):
    words = said(result_view(SHORTCUT, text, Choice(), None))
    assert "the message was changed or cannot be read" in words
    assert "without “" not in words


def test_where_no_word_stands_out_that_is_said():
    assert "no part of the text alone changes much" in said(
        result_view(replace(SHORTCUT, words=[]), TEXT, Choice(), None)
    )


def test_the_window_says_whether_the_text_would_be_kept():
    assert "The message's text is not kept" in said(result_view(SHORTCUT, TEXT, Choice(), None))
    learning = said(result_view(SHORTCUT, TEXT, Choice(learn=True, keep_days=30), None))
    assert "text is kept for 30 days" in learning
    assert "Without one nothing of it is kept" in learning


def test_an_unsure_label_is_shown_as_unsure():
    words = said(result_view(replace(SHORTCUT, outcome=Outcome.UNSURE), TEXT, Choice(), None))
    assert "unsure, closest: negative 81 %" in words


def test_a_text_in_another_language_is_named_as_such():
    foreign = replace(SHORTCUT, outcome=Outcome.UNSURE, language="fr")
    assert "not trained for: French" in said(result_view(foreign, TEXT, Choice(), None))


def test_a_hundred_labels_and_the_longest_text_stay_within_slacks_limits():
    scores = {f"{'<' * 60}{number:04}": 0.01 for number in range(100)}
    many = replace(SHORTCUT, scores=scores, label=next(iter(scores)), words=[(0, 8_000, 0.5)] * 5)
    view = result_view(many, "<" * 8_000, Choice(), None)
    for block in view["blocks"]:
        assert len(block.get("text", {}).get("text", "")) <= 3_000
    assert len(view["private_metadata"]) <= 3_000
    assert Block.parse_all(view["blocks"])


def test_bars_of_many_labels_show_the_highest_and_count_the_rest():
    shown = bars({f"label {number}": (100 - number) / 10_000 for number in range(50)})
    assert "label 0 " in shown
    assert "and 38 more, each 1 % or less" in shown
    assert bars({"a`b<c": 1.0}) == "```a'b&lt;c ██████████ 99 %```"


# App Home


def listed(number: int = 1, **more: Any) -> Listed:
    values = {"choice": Choice(), "lately": Lately({"negative": 1, "neutral": 5}, 6, 3), "may_change": False}
    return Listed(f"C{number}", **(values | more))


def buttons(view: dict[str, Any]) -> list[str]:
    found = [block.get("accessory") for block in view["blocks"]]
    found += [element for block in view["blocks"] if block["type"] == "actions" for element in block["elements"]]
    return [one["action_id"] for one in found if one]


def test_home_shows_channels_their_settings_and_figures_and_what_answers():
    view = home_view(name="sentiment", opted_out=False, channels=[listed()], more=0, serving=SERVING)
    words = said(view)
    assert "*<#C1>*  every message, reply in the thread" in words
    assert "6 messages · neutral 83 % · negative 17 %" in words
    assert "Version starter answers (trained for English)" in words
    assert "/invite @sentiment" in words
    assert buttons(view) == [OPT_OUT]


def test_who_may_change_a_channel_gets_a_button_for_that_one():
    view = home_view(
        name="s", opted_out=True, channels=[listed(1), listed(2, may_change=True)], more=3, serving=SERVING
    )
    assert sorted(buttons(view)) == sorted([SETTINGS, OPT_IN])
    (change,) = [block["accessory"] for block in view["blocks"] if block.get("accessory")]
    assert change["value"] == "C2"
    assert "3 more" in said(view)


def test_home_of_somebody_in_no_channel_says_how_to_invite():
    view = home_view(name="s", opted_out=False, channels=[], more=0, serving=Serving())
    assert "You are in none that I listen in" in said(view)
    assert "No model runs at present" in said(view)


def test_home_with_as_many_channels_as_it_shows_stays_within_slacks_limits():
    channels = [listed(number, may_change=True) for number in range(MOST_CHANNELS)]
    view = home_view(name="s", opted_out=False, channels=channels, more=900, serving=SERVING, learned=True)
    assert len(view["blocks"]) <= 100
    assert "learned from corrections of yours" in said(view)
    assert Block.parse_all(view["blocks"])


# Figures


def day(all: int, people: int, **labels: int) -> Day:
    return Day("C1", date(2026, 11, 30), labels, all, all, people)


@pytest.mark.parametrize(("all", "people"), [(4, 3), (5, 2), (0, 0)])
def test_a_group_that_is_too_small_stays_unsaid(all, people):
    assert "too few" in figures(lately([day(all, people, negative=all)]))


def test_people_of_several_days_are_not_added_up_because_they_may_be_the_same():
    assert "too few" in figures(lately([day(5, 2, negative=5), day(5, 2, negative=5)]))
    assert "10 messages · negative 99 %" in figures(lately([day(5, 3, negative=5), day(5, 1, negative=5)]))


def test_a_summary_names_what_is_not_as_usual():
    assert summary(Choice()) == "every message, reply in the thread"
    assert summary(Choice(listen=Listen.OFF)) == "off"
    chosen = Choice(listen=Listen.MENTIONS, reply=ReplyMode.REACTION, labels=("<!here>",), confidence=80, learn=True)
    assert summary(chosen) == (
        "only messages that name me, reactions only, only &lt;!here&gt;, from 80 %, "
        "learns from corrections, keeps them 90 days"
    )
