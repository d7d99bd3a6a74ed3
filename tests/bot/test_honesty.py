"""Judged labels to an honest figure: what is counted, and that few cases claim nothing."""

import pytest

from bot.honesty import BIAS, Case, honesty, sentence, wilson


def cases(right: int, wrong: int, confidence: float) -> list[Case]:
    return [Case("negative", confidence, "negative")] * right + [Case("negative", confidence, "neutral")] * wrong


def test_only_labels_given_with_ninety_percent_count_and_the_others_are_counted_apart():
    found = honesty([*cases(18, 2, 0.9), *cases(1, 9, 0.89)])
    assert (found.cases, found.right, found.share) == (20, 18, 0.9)
    assert (found.judged, found.judged_right) == (30, 19)


def test_the_interval_is_that_of_wilson():
    """18 of 20: 69.9 % to 97.2 % in the textbook's example."""
    assert wilson(18, 20) == pytest.approx((0.699, 0.972), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(5, 5)[1] == 1.0


def test_the_sentence_names_cases_share_interval_and_bias():
    text = sentence(honesty(cases(18, 2, 0.95)))
    assert "20 judged labels" in text
    assert "18 were right (90 %; 95 % interval 70 % to 97 %)" in text
    assert text.endswith(BIAS)


def test_few_cases_claim_no_share_and_none_say_so():
    few = sentence(honesty(cases(4, 1, 0.95)))
    assert "too few" in few
    assert "80" not in few
    assert "Nobody has judged" in sentence(honesty([]))
