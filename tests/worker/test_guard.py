"""A version that misbehaves on live traffic is taken back, and costs nobody their answer meanwhile."""

import time
from collections import Counter
from datetime import timedelta

import pytest

from clfadmin.swapping import State, Swap
from tests.conftest import wait_until
from tests.worker.conftest import Traffic
from tests.worker.keyword_model import KeywordPredictor, load_words
from worker.fleet import Fleet
from worker.guard import LEAST_BATCHES, Guard

OTHER = "1" * 64
WELL = {"texts": 4, "failed": 0, "non_finite": False, "tokens": 100, "seconds": 0.01}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    """After thirty good batches of gen 1, and a swap."""
    guard = Guard(clock=clock)
    for _ in range(30):
        guard.saw(1, **WELL)
    assert not guard.watches(1), "what a process serves first is not on trial"
    guard.saw(2, **WELL)
    assert guard.watches(2)
    return guard


def test_a_version_that_does_well_has_proven_itself_after_five_minutes_and_twenty_texts(guard: Guard, clock: Clock):
    clock.now += 301
    assert guard.watches(2), "only four texts so far"
    for _ in range(4):
        guard.saw(2, **WELL)
    assert not guard.watches(2)
    assert guard.verdict(2) == ""


def test_one_score_that_is_no_number_is_enough(guard: Guard):
    guard.saw(2, **WELL | {"failed": 1, "non_finite": True})
    assert guard.verdict(2) == "a score was not finite"


def test_a_fifth_of_the_texts_may_fail_and_not_more(guard: Guard):
    guard.saw(2, **WELL | {"failed": 4})
    assert guard.verdict(2) == ""
    guard.saw(2, **WELL | {"texts": 1, "failed": 1})
    assert guard.verdict(2) == "5 of 9 texts failed"


def test_batches_five_times_as_slow_as_those_of_like_size_are_too_slow(guard: Guard):
    for _ in range(LEAST_BATCHES):
        guard.saw(2, **WELL | {"seconds": 0.08})
    assert guard.verdict(2) == "batches take 8 times as long as before"


def test_a_slow_version_is_found_out_though_its_batches_grow(guard: Guard):
    for _ in range(LEAST_BATCHES):
        guard.saw(2, **WELL | {"tokens": 400, "seconds": 0.32})
    assert guard.verdict(2) == "batches take 8 times as long as before"


def test_larger_batches_are_not_taken_for_slow_ones(guard: Guard):
    for _ in range(3 * LEAST_BATCHES):
        guard.saw(2, **WELL | {"tokens": 2_000, "seconds": 0.2})
    assert guard.verdict(2) == ""


def test_one_slow_batch_in_ten_is_none_of_its_business(guard: Guard):
    for number in range(3 * LEAST_BATCHES):
        guard.saw(2, **WELL | {"seconds": 2.0 if number % 10 == 0 else 0.01})
    assert guard.verdict(2) == ""


def test_a_rollback_is_not_watched(guard: Guard):
    guard.exempt(3)
    guard.saw(3, **WELL | {"failed": 4, "non_finite": True})
    assert (guard.watches(3), guard.verdict(3)) == (False, "")


def test_the_next_swap_is_watched_anew(guard: Guard):
    guard.saw(2, **WELL | {"non_finite": True})
    assert guard.verdict(2)
    guard.saw(3, **WELL)
    assert (guard.watches(3), guard.verdict(3), guard.verdict(2)) == (True, "", "")


class Broken(KeywordPredictor):
    """Right on its canary texts, wrong on what people write."""

    def __init__(self, harm: str) -> None:
        self._harm = harm
        super().__init__(sharp=True)

    def encode(self, texts):
        return super().encode([f"{text} {self._harm}" if text.startswith("good build") else text for text in texts])


class Slow(KeywordPredictor):
    def predict(self, encoded):
        time.sleep(0.05)
        return super().predict(encoded)


@pytest.fixture
def operator(valkey, keys):
    fleet = Fleet(valkey.admin, keys=keys)
    yield Swap(fleet, timeout=timedelta(seconds=20), watch=lambda rows: None)
    fleet.close()


@pytest.mark.parametrize(("harm", "why"), [("raises", "texts failed"), ("nan", "not finite")])
def test_a_version_that_fails_on_live_texts_is_rolled_back_and_every_text_is_answered(
    bot, make_worker, operator, fleet, harm: str, why: str
):
    load = load_words(words=KeywordPredictor, words_b=lambda: Broken(harm))
    for _ in range(2):
        make_worker(load=load).ready()
    with Traffic(bot) as traffic:
        assert operator.to("words-b", OTHER).state is State.ACTIVE
        wait_until(lambda: fleet.model().version == "words", "the rollback")
        results = traffic.stop()
    model = fleet.model()
    assert (model.gen, model.rolled_back_gen, model.rolled_back_from) == (3, 3, "words-b")
    assert why in model.rolled_back_why
    assert Counter(result.version for result in results.values()).keys() == {"words"}
    assert bot.dead() == []


def test_a_version_that_is_slow_on_live_texts_is_rolled_back(bot, make_worker, operator, fleet):
    load = load_words(words=KeywordPredictor, words_b=lambda: Slow(sharp=True))
    make_worker(load=load).ready()
    with Traffic(bot) as traffic:
        wait_until(lambda: len(bot.collect()) > 100, "the usual speed")
        operator.to("words-b", OTHER)
        wait_until(lambda: fleet.model().version == "words", "the rollback", 30)
        traffic.stop()
    assert "times as long as before" in fleet.model().rolled_back_why


def test_a_version_that_does_well_stays(bot, make_worker, operator, fleet):
    load = load_words(words=KeywordPredictor, words_b=lambda: KeywordPredictor(sharp=True))
    make_worker(load=load).ready()
    with Traffic(bot) as traffic:
        operator.to("words-b", OTHER)
        wait_until(lambda: sum(one.version == "words-b" for one in bot.collect()) > 100, "the new version's answers")
        traffic.stop()
    assert (fleet.model().version, fleet.model().gen) == ("words-b", 2)
