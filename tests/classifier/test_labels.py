"""Label names, and the emoji that stands for each."""

import pytest

from classifier.errors import LabelError
from classifier.labels import check_emoji, check_labels, emoji_for, parse_emoji


@pytest.mark.parametrize(
    ("option", "parsed"),
    [
        ("praise=:tada:", ("praise", ":tada:")),
        (" praise = :+1: ", ("praise", ":+1:")),
        ("a=b=:x:", ("a=b", ":x:")),  # a label may hold an equals sign, an emoji can't
        ("lob=:party_parrot:", ("lob", ":party_parrot:")),
    ],
)
def test_the_emoji_option_is_a_label_and_a_shortcode(option, parsed):
    assert parse_emoji(option) == parsed


@pytest.mark.parametrize("option", ["praise", "praise=tada", "=:tada:", "praise=:ta da:", "praise=::", "praise=🎉"])
def test_anything_else_is_refused_with_an_example(option):
    with pytest.raises(LabelError, match=r":tada:|Give it a name"):
        parse_emoji(option)


@pytest.mark.parametrize("emoji", [":<!channel>:", ":a\n:", ":A:", ":" + "x" * 101 + ":", ":a:b:", "a"])
def test_no_emoji_can_smuggle_slack_markup_into_a_reply(emoji):
    with pytest.raises(LabelError):
        check_emoji(emoji)


def test_feelings_get_faces_and_unknown_labels_get_different_dots():
    assert emoji_for(["Negative", "neutral", "POSITIVE"]) == {
        "Negative": ":slightly_frowning_face:",
        "neutral": ":neutral_face:",
        "POSITIVE": ":slightly_smiling_face:",
    }
    dots = emoji_for(["billing", "login", "other"])
    assert len(set(dots.values())) == 3
    assert all("circle" in dot for dot in dots.values())


def test_a_chosen_emoji_wins_and_is_given_to_no_other_label():
    chosen = {"billing": ":neutral_face:"}
    assert emoji_for(["neutral", "billing"], chosen) == {"neutral": ":large_blue_circle:", "billing": ":neutral_face:"}


def test_every_label_gets_an_emoji_however_many_there_are():
    labels = [f"topic {number}" for number in range(100)]
    assert list(emoji_for(labels)) == labels
    assert all(check_emoji(emoji) for emoji in emoji_for(labels).values())


def test_an_emoji_for_an_unknown_label_is_refused_with_the_labels_there_are():
    with pytest.raises(LabelError, match=r"'posititve', which is no label here. Labels: negative, positive"):
        emoji_for(["negative", "positive"], {"posititve": ":tada:"})


def test_labels_keep_their_order_and_may_be_in_any_script():
    assert check_labels(["zornig", "fröhlich", "悲しい"]) == ("zornig", "fröhlich", "悲しい")


@pytest.mark.parametrize(
    "labels",
    [[], ["one"], ["a", "a"], ["a", ""], ["a", " b"], ["a", "b\u202e"], ["a", "b" * 65], [*map(str, range(101))]],
)
def test_labels_that_would_confuse_people_or_terminals_are_refused(labels):
    with pytest.raises(LabelError):
        check_labels(labels)
