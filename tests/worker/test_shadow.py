"""A candidate in the shadow: it labels live traffic after the answers, is counted and ends with a swap."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.worker.conftest import Bot
from tests.worker.keyword_model import SHA, KeywordPredictor, load_words
from worker.fleet import Fleet
from worker.shadow import MOST_ASIDE, Shadower
from worker.shadow_book import Shadow, ShadowBook

CANDIDATE = "1" * 64


class Gloomy(KeywordPredictor):
    """Finds everything negative that has no good word in it; fails on "raises" as any model."""

    def encode(self, texts):
        return super().encode([text if "good" in text else f"{text} bad bad" for text in texts])


@pytest.fixture
def book(fleet: Fleet) -> ShadowBook:
    return ShadowBook(fleet.client, fleet.keys)


def begun(book: ShadowBook, fleet: Fleet, name: str = "gloomy") -> None:
    book.begin(version=name, sha256=CANDIDATE, gen=fleet.model().gen, now_ms=fleet.now_ms())


def shadow(book: ShadowBook, fleet: Fleet) -> Shadow | None:
    return book.read(gen=fleet.model().gen)


@pytest.fixture
def worker(make_worker: Callable[..., Any], bot: Bot) -> Any:
    return make_worker(load=load_words(words=KeywordPredictor, words_b=KeywordPredictor, gloomy=Gloomy)).ready()


def loaded(book: ShadowBook, fleet: Fleet) -> bool:
    found = shadow(book, fleet)
    return bool(found) and set(found.workers.values()) == {"loaded"}


def test_live_texts_are_labelled_twice_and_only_the_served_version_is_seen(worker, bot: Bot, book, fleet):
    begun(book, fleet)
    wait_until(lambda: loaded(book, fleet), "the shadow being loaded")
    jobs = [bot.send(f"good {number}") for number in range(6)] + [bot.send(f"today {number}") for number in range(4)]
    results = bot.wait_for(jobs)
    assert {result.version for result in results.values()} == {"words"}
    assert all(result.shadow is None for result in results.values())
    found = wait_until(lambda: (seen := shadow(book, fleet)) and seen.texts == 10 and seen, "all texts compared")
    assert (found.same, found.failed, found.skipped) == (6, 0, 0)
    assert found.changes == {"neutral → negative": 4}


def test_a_swap_ends_it_and_what_is_counted_late_goes_nowhere(worker, bot: Bot, book, fleet):
    begun(book, fleet)
    wait_until(lambda: loaded(book, fleet), "the shadow being loaded")
    old = shadow(book, fleet)
    gen = fleet.model().gen
    fleet.propose(gen=gen, by="me", version="words-b", sha256=SHA)
    assert fleet.commit(gen=gen, by="me")
    wait_until(lambda: not worker.service.shadow.waits() and worker.service.shadow._loaded is None, "the end")
    assert shadow(book, fleet) is None
    book.begin(version="other", sha256="2" * 64, gen=gen + 1, now_ms=1)
    book.add(old, {"texts": 5})
    assert shadow(book, fleet).texts == 0
    assert not book.end(old)


def test_a_candidate_that_is_missing_says_so_and_answers_go_on(worker, bot: Bot, book, fleet):
    begun(book, fleet, "nowhere")
    found = wait_until(lambda: (seen := shadow(book, fleet)) and seen.workers and seen, "the worker's word")
    wait_until(lambda: "missing" in str(shadow(book, fleet).workers), f"the reason, not {found.workers}")
    assert bot.wait_for([bot.send("good")])


def test_what_there_is_no_time_for_is_skipped_and_counted():
    """Nothing waits, no memory grows: a busy worker looks at as much as it can put aside."""
    from worker.answers import Work
    from worker.jobs import Job

    shadower = Shadower()
    predictor = KeywordPredictor()
    shadower._loaded = load_words(words=lambda: predictor)("words", SHA)
    job = Job(id="1", message="1", team="T", channel="C", ts="1.0", text="good")
    (answer,) = predictor.predict(predictor.encode(["good"]))
    shadower.offer([Work(None, job)] * (MOST_ASIDE + 9), [answer] * (MOST_ASIDE + 9))
    assert shadower._counts["skipped"] == 9
    predictor.batches.clear()
    shadower.work()
    assert predictor.batches == [4]
    assert shadower._counts["same"] == 4


def test_a_candidate_that_fails_on_every_text_is_given_up():
    from worker.answers import Work
    from worker.jobs import Job

    shadower = Shadower()
    predictor = KeywordPredictor()
    shadower._loaded = load_words(words=lambda: predictor)("words", SHA)
    job = Job(id="1", message="1", team="T", channel="C", ts="1.0", text="raises")
    (answer,) = predictor.predict(predictor.encode(["good"]))
    shadower.offer([Work(None, job)] * 100, [answer] * 100)
    while shadower.waits():
        shadower.work()
    assert shadower._counts["failed"] == 80
    assert shadower._state == "given up: ValueError on every text"
