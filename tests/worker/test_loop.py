"""Jobs in, results out: one worker in a thread, the keyword model, a real broker."""

import json
import time

import pytest

from tests.conftest import wait_until
from tests.worker.keyword_model import EMOJI, KeywordPredictor, load_words
from worker.jobs import Kind, Outcome, StreamName
from worker.stream import Queue


def test_each_message_gets_one_result_with_label_scores_and_version(bot, make_worker):
    make_worker()
    first, second = bot.send("good build"), bot.send("it is broken and awful", kind=Kind.MENTION)
    results = bot.wait_for([first, second])
    assert results[first].label == "positive"
    assert results[first].emoji == EMOJI["positive"]
    assert results[second].label == "negative"
    assert results[second].kind is Kind.MENTION
    for result in results.values():
        assert (result.outcome, result.version, result.gen) == (Outcome.OK, "words", 1)
        assert sum(result.scores.values()) == pytest.approx(1)
        assert result.confidence == result.scores[result.label]
        assert set(result.timings) == {"waited", "model"}
    assert bot.left() == 0
    assert not bot.pending()


def test_a_prediction_under_the_threshold_is_unsure_and_still_has_its_label(bot, make_worker):
    make_worker()
    job = bot.send("today")
    result = bot.wait_for([job])[job]
    assert (result.outcome, result.label) == (Outcome.UNSURE, "neutral")


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_with_nothing_to_read_is_answered_unsure(bot, make_worker, text):
    make_worker()
    job = bot.send(text)
    result = bot.wait_for([job])[job]
    assert (result.outcome, result.label) == (Outcome.UNSURE, "neutral")
    assert not bot.dead()


def test_jobs_sent_before_the_worker_starts_are_answered_in_batches(bot, make_worker):
    predictor = KeywordPredictor()
    jobs = bot.send_many(200)
    make_worker(load=load_words(words=lambda: predictor))
    bot.wait_for(jobs)
    assert max(predictor.batches) > 8
    assert predictor.encodings == 200 + 3, "each text is encoded once, and the three canary texts"


def test_a_text_the_model_fails_on_goes_to_the_dead_letters_and_its_neighbours_are_answered(bot, make_worker):
    jobs = [bot.send(f"good {number}") for number in range(20)]
    bad = bot.send("this raises", user="U7")
    jobs += [bot.send(f"awful {number}") for number in range(20)]
    make_worker()
    bot.wait_for(jobs)
    (letter,) = wait_until(bot.dead, "the dead letter")
    assert json.loads(letter["data"])["id"] == bad
    assert (letter["reason"], letter["error"], letter["deliveries"]) == ("prediction failed", "ValueError", "1")
    assert bot.client.hget(bot.keys.job(bad), "state") == b"dead"
    assert bot.left() == 0


def test_a_score_that_is_no_number_is_a_failure_of_its_text_alone(bot, make_worker):
    good, bad = bot.send("good nan-free"), bot.send("nan")
    make_worker()
    bot.wait_for([good])
    (letter,) = wait_until(bot.dead, "the dead letter")
    assert json.loads(letter["data"])["id"] == bad
    assert letter["error"] == "score is not finite"


UNREADABLE = {
    "no data": {"v": "1"},
    "no json": {"v": "1", "data": "{"},
    "no object": {"v": "1", "data": "[1]"},
    "no number": {"v": "one", "data": "{}"},
    "not utf-8": {"v": "1", "data": b"\xff\xfe"},
    "fields missing": {"v": "1", "data": json.dumps({"id": "x", "text": "secret words"})},
    "too long": {"v": "1", "data": "x" * 100_000},
}


@pytest.mark.parametrize("fields", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_entry_nobody_can_read_becomes_a_dead_letter_with_its_size_and_without_its_words(bot, make_worker, fields):
    bot.add_raw(fields)
    job = bot.send("good")
    make_worker()
    bot.wait_for([job])
    (letter,) = wait_until(bot.dead, "the dead letter")
    assert letter["reason"] == "unreadable"
    assert letter["data"] == ""
    assert letter["size"] == str(len(fields.get("data", "")))
    assert bot.left() == 0


def test_an_entry_of_a_newer_release_waits_uncounted_for_a_newer_worker(bot, make_worker):
    bot.add_raw({"v": "99", "data": "{}"})
    job = bot.send("good")
    make_worker()
    bot.wait_for([job])
    time.sleep(2.5)  # it has come round twice by now
    assert bot.left() == 1
    (row,) = bot.pending()
    assert row["times_delivered"] <= 1
    assert not bot.dead()


def test_an_entry_of_a_newer_release_nobody_took_for_an_hour_becomes_a_dead_letter(bot, make_worker):
    bot.add_raw({"v": "99", "data": '{"kept": 1}'}, entry=f"{int(time.time() * 1000) - 3_700_000}-0")
    make_worker()
    (letter,) = wait_until(bot.dead, "the dead letter")
    assert (letter["reason"], letter["data"]) == ("newer schema", '{"kept": 1}')
    assert bot.left() == 0


def test_a_message_deleted_while_it_waits_is_not_answered(bot, make_worker):
    deleted, kept = bot.send("good"), bot.send("bad")
    bot.queue.cancel(deleted)
    make_worker()
    assert bot.wait_for([kept]).keys() == {kept}
    assert bot.left() == 0


def test_a_message_deleted_while_the_model_reads_it_is_not_answered(bot, make_worker):
    cancelled = []

    def delete_it(point):
        if point == "predicted" and not cancelled:
            cancelled.append(bot.queue.cancel(jobs[0]))

    jobs = [bot.send("good"), bot.send("bad")]
    make_worker(at=delete_it)
    assert bot.wait_for(jobs[1:]).keys() == {jobs[1]}
    assert bot.left() == 0
    assert bot.client.hget(bot.keys.job(jobs[0]), "state") == b"cancelled"


def test_several_workers_share_the_jobs_and_none_is_answered_twice(bot, make_worker):
    predictors = [KeywordPredictor() for _ in range(3)]
    for predictor in predictors:
        make_worker(load=load_words(words=lambda predictor=predictor: predictor)).ready()
    bot.wait_for(bot.send_many(600))
    assert all(predictor.encodings > 3 for predictor in predictors)


def test_a_worker_reads_no_more_than_a_few_batches(bot, make_worker):
    jobs = bot.send_many(50, text="slow")
    make_worker(token_budget=100, lease_seconds=30)
    wait_until(lambda: len(bot.collect()) >= 1, "a first result")
    assert len(bot.pending()) <= 40, "the rest is left to other workers"
    bot.wait_for(jobs)


def test_released_jobs_are_taken_at_once_and_count_as_never_delivered(bot, make_worker, keys, valkey, fleet):
    job = bot.send("good")
    other = Queue(valkey.worker, keys=keys, consumer="other")
    from datetime import timedelta

    (delivery,) = other.read(StreamName.JOBS, count=1)
    other.release(delivery, lease=timedelta(seconds=1))
    other.close()
    make_worker()
    bot.wait_for([job], seconds=5)


def test_a_shortcuts_result_names_the_words_its_label_hangs_on_and_no_other_result_does(bot, make_worker):
    predictor = KeywordPredictor()
    asked, told = bot.send("this build is awful today", kind=Kind.SHORTCUT), bot.send("another awful build")
    make_worker(load=load_words(words=lambda: predictor))
    results = bot.wait_for([asked, told])
    ((start, end, weight),) = results[asked].words
    assert "this build is awful today"[start:end] == "awful"
    # 3 of 5.5 with the word, 1 of 3.5 without it: see the keyword model.
    assert weight == pytest.approx(3 / 5.5 - 1 / 3.5)
    assert results[told].words == []


def test_a_model_that_fails_on_a_part_of_the_text_costs_the_words_and_not_the_label(bot, make_worker):
    class FailsWithout(KeywordPredictor):
        """Cannot read three words: four of which one was left out."""

        def predict(self, encoded):
            if any(len(one.ids) == 5 for one in encoded):
                raise ValueError
            return super().predict(encoded)

    job = bot.send("it is awful today", kind=Kind.SHORTCUT)
    make_worker(load=load_words(words=FailsWithout))
    result = bot.wait_for([job])[job]
    assert (result.label, result.words) == ("negative", [])
    assert not bot.dead()
