"""Which texts go together, how budgets adapt, and how one bad text fails alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.batches import (
    LARGEST_BUDGET,
    MOST_SLOTS,
    SMALLEST_BUDGET,
    SORTED_TOGETHER,
    TARGET_SECONDS,
    Failed,
    Pace,
    each,
)


def refuse_odd(numbers):
    if any(number % 2 for number in numbers):
        raise KeyError("odd")
    return [number * 10 for number in numbers]


@given(st.lists(st.integers(0, 99), max_size=40))
def test_every_good_item_is_answered_in_its_place_whatever_the_others_do(numbers):
    answers = each(refuse_odd, numbers)
    assert answers == [Failed("KeyError") if number % 2 else number * 10 for number in numbers]


def test_one_bad_item_of_64_costs_about_a_dozen_calls_and_not_64():
    calls = []

    def count(numbers):
        calls.append(len(numbers))
        return refuse_odd(numbers)

    each(count, [*range(0, 126, 2), 1])
    assert len(calls) <= 13


def test_answers_that_cannot_be_told_apart_are_no_answers():
    with pytest.raises(AssertionError, match="nobody knows which is whose"):
        each(lambda items: items[1:], [1, 2, 3])


def test_an_error_says_nothing_of_the_text():
    def quote(texts):
        raise ValueError(f"cannot read {texts[0]}")

    assert each(quote, ["secret"]) == [Failed("ValueError")]


def test_the_budget_grows_while_full_batches_are_quick_and_shrinks_while_they_are_slow():
    pace = Pace()
    before = pace.budget
    pace.batch_done(texts=30, tokens=before, seconds=TARGET_SECONDS / 4)
    assert pace.budget > before
    for _ in range(50):
        pace.batch_done(texts=30, tokens=pace.budget, seconds=TARGET_SECONDS / 4)
    assert pace.budget == LARGEST_BUDGET
    for _ in range(50):
        pace.batch_done(texts=30, tokens=pace.budget, seconds=TARGET_SECONDS * 4)
    assert pace.budget == SMALLEST_BUDGET


def test_a_small_batch_says_nothing_about_the_speed_of_a_full_one():
    pace = Pace()
    before = pace.budget
    pace.batch_done(texts=1, tokens=10, seconds=TARGET_SECONDS * 4)
    assert pace.budget == before


def test_a_batch_grows_no_further_than_the_runtime_gains_from():
    """As after a swap to a version that is served in another form."""
    pace = Pace()
    for _ in range(20):
        pace.batch_done(texts=30, tokens=pace.budget, seconds=TARGET_SECONDS / 4)
    pace.batch_done(texts=30, tokens=pace.budget, seconds=TARGET_SECONDS / 4, most=512)
    assert pace.budget == 512


def test_a_fixed_budget_stays():
    pace = Pace(fixed=500)
    pace.batch_done(texts=10, tokens=500, seconds=0.001)
    assert pace.budget == 500


def test_slots_are_a_few_batches_of_texts_as_they_have_been_lately():
    pace = Pace(fixed=1000)
    for _ in range(50):
        pace.batch_done(texts=10, tokens=1000, seconds=0.1)
    assert pace.slots() == SORTED_TOGETHER * 10
    for _ in range(50):
        pace.batch_done(texts=1, tokens=5000, seconds=0.1)
    assert pace.slots() == 1
    for _ in range(50):
        pace.batch_done(texts=100, tokens=300, seconds=0.1)
    assert pace.slots() == MOST_SLOTS
