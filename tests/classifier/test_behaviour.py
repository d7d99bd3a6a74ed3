"""The behavioural set: large, varied and fair enough to say something; and its scoring, by hand-made predictions."""

import re
from collections import Counter
from difflib import SequenceMatcher

import pytest

from classifier.behaviour import Case, load_cases, score
from classifier.text import normalise, says_little

CASES = load_cases()
GROUPS = ("negation", "sarcasm", "emoji", "politeness", "technical")
LABELS = {"negative", "neutral", "positive"}
SHORTCODE = re.compile(r":[a-z0-9][a-z0-9_-]*:|:[+-]1:")
PAIRS = {pair: [case for case in CASES if case.pair == pair] for pair in {case.pair for case in CASES} - {""}}


def words(text: str) -> list[str]:
    """Words and emoji; punctuation around them and capitals make no difference."""
    return [word for word in (word.strip(",.:;!?") for word in text.casefold().split()) if word]


def changed(one: str, other: str) -> int:
    """Words to replace, insert or delete to make the other text."""
    steps = SequenceMatcher(None, words(one), words(other), autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for step, i1, i2, j1, j2 in steps if step != "equal")


def test_there_are_at_least_320_cases_and_200_different_sentences():
    """The two sides of a pair count as one sentence."""
    assert len(CASES) >= 320
    assert len(PAIRS) + sum(not case.pair for case in CASES) >= 200


def test_there_are_at_least_110_pairs():
    assert len(PAIRS) >= 110


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_cases_and_pairs_enough_and_all_three_labels(group):
    cases = [case for case in CASES if case.group == group]
    assert len(cases) >= 50
    assert len({case.pair for case in cases} - {""}) >= 15
    assert {case.label for case in cases} == LABELS


def test_there_are_no_other_groups():
    assert tuple(dict.fromkeys(case.group for case in CASES)) == GROUPS


@pytest.mark.parametrize("pair", sorted(PAIRS))
def test_a_pair_has_two_sides_with_different_labels_and_one_to_three_changed_words(pair):
    one, other = PAIRS[pair]
    assert one.group == other.group
    assert one.label != other.label
    assert 1 <= changed(one.text, other.text) <= 3


def test_no_text_stands_there_twice_even_as_the_model_reads_it():
    read = Counter(" ".join(words(normalise(case.text))) for case in CASES)
    assert [text for text, times in read.items() if times > 1] == []


def test_normalising_leaves_something_to_read_of_every_text():
    assert [case.text for case in CASES if says_little(normalise(case.text))] == []


def test_no_two_sentences_differ_only_in_what_was_filled_in():
    """Sentences of four words and more, of different pairs, share fewer than three words in four."""
    sentences = {case.pair or case.text: words(case.text) for case in CASES if case.group != "emoji"}
    long = [sentence for sentence in sentences.values() if len(sentence) >= 4]
    alike = [
        (one, other)
        for number, one in enumerate(long)
        for other in long[:number]
        if (Counter(one) & Counter(other)).total() >= 0.75 * max(len(one), len(other))
    ]
    assert alike == []


@pytest.mark.parametrize("case", [case for case in CASES if case.group == "emoji"], ids=lambda case: case.text)
def test_the_emoji_group_holds_nothing_but_emoji(case):
    assert not re.search(r"[!-~]", SHORTCODE.sub("", case.text))


def test_a_pair_counts_only_when_both_sides_are_right():
    cases = [Case("a", "x", "positive", "p"), Case("a", "not x", "negative", "p"), Case("a", "y", "neutral")]
    assert score(cases, ["positive", "negative", "neutral"]) == {
        "a": {"cases": 3, "right": 3, "pairs": 1, "pairs_right": 1, "rate": 1.0}
    }
    assert score(cases, ["positive", "positive", "neutral"]) == {
        "a": {"cases": 3, "right": 2, "pairs": 1, "pairs_right": 0, "rate": 0.5}
    }


def test_cases_alone_count_each_for_itself():
    cases = [Case("a", text, "neutral") for text in "wxyz"]
    assert score(cases, ["neutral", "neutral", "positive", "neutral"])["a"]["rate"] == 0.75


def test_groups_are_scored_apart_in_the_order_they_come():
    cases = [Case("b", "x", "neutral"), Case("a", "y", "neutral"), Case("b", "z", "neutral")]
    scores = score(cases, ["neutral", "positive", "positive"])
    assert [(group, of["rate"]) for group, of in scores.items()] == [("b", 0.5), ("a", 0.0)]


@pytest.mark.parametrize("label", sorted(LABELS))
def test_answering_always_the_same_gets_no_pair_right(label):
    scores = score(CASES, [label] * len(CASES))
    assert sum(of["pairs_right"] for of in scores.values()) == 0
    assert all(of["rate"] < 0.5 for of in scores.values())


def test_right_answers_everywhere_are_a_rate_of_one():
    scores = score(CASES, [case.label for case in CASES])
    assert {of["rate"] for of in scores.values()} == {1.0}
    assert sum(of["pairs_right"] for of in scores.values()) == len(PAIRS)


def test_a_prediction_too_few_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        score(CASES, ["neutral"])
