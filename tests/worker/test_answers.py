"""What becomes of a delivery, as a function of its fields."""

from dataclasses import replace

import pytest

from classifier.predictor import Prediction
from tests.worker.keyword_model import SHA, KeywordPredictor
from worker.answers import Done, Parked, Work, answered, born_ms, dead_letter, encode, judged, predict
from worker.batches import Failed
from worker.jobs import Job, JobState, Kind, Result, StreamName, message_id
from worker.loading import Loaded
from worker.model_slot import Serving
from worker.stream import Delivery

NOW = 1_800_000_000_000
MESSAGE = message_id("T", "C", "1.000001")
JOB = Job(
    id=f"{MESSAGE}.2.000001",
    message=MESSAGE,
    team="T",
    channel="C",
    ts="1.000001",
    edit_ts="2.000001",
    thread_ts="0.000001",
    user="U",
    text="good build",
    kind=Kind.EDIT,
)
SERVING = Serving(Loaded("words", SHA, KeywordPredictor()), gen=7)


def delivery(*, count: int = 1, **fields: str) -> Delivery:
    given = {"v": "1", "data": JOB.encode()} | fields
    return Delivery(
        StreamName.JOBS, f"{NOW - 500}-0", count, {name.encode(): text.encode() for name, text in given.items()}
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_job_is_run_in_its_first_three_deliveries(count):
    assert judged(delivery(count=count), now_ms=NOW) == Work(delivery(count=count), JOB)


def test_a_job_in_its_fourth_delivery_is_dead_unrun():
    letter = judged(delivery(count=4), now_ms=NOW)
    assert isinstance(letter, Done)
    assert (letter.into, letter.outcome, letter.finished.job) == (StreamName.DEAD, "delivered too often", JOB.id)
    assert letter.finished.state is JobState.DEAD
    assert letter.finished.fields["deliveries"] == "4"


def test_an_entry_of_a_newer_release_is_parked_for_an_hour_and_then_dead():
    newer = delivery(v="2")
    assert judged(newer, now_ms=NOW) == Parked(newer)
    letter = judged(newer, now_ms=NOW + 3_600_000)
    assert isinstance(letter, Done)
    assert letter.finished.fields["data"] == JOB.encode().encode(), "a later release may still want it"


def test_an_unreadable_entry_leaves_its_size_and_the_reason_alone():
    letter = judged(delivery(data='{"text": "secret"'), now_ms=NOW)
    assert isinstance(letter, Done)
    assert "secret" not in repr(letter.finished.fields)
    assert letter.finished.fields["size"] == "17"


def test_a_result_carries_where_to_answer_and_never_the_text():
    work = Work(delivery(), JOB)
    (encoded,) = encode(SERVING, [work])
    assert not isinstance(encoded, Failed)
    (prediction,) = predict(SERVING, [encoded])
    done = answered(work, prediction, serving=SERVING, waited_ms=12, model_ms=3)
    assert done.into is StreamName.RESULTS
    fields = {name.encode(): str(value).encode() for name, value in done.finished.fields.items()}
    result = Result.decode(fields)
    for name in ("message", "team", "channel", "ts", "edit_ts", "thread_ts", "user", "kind"):
        assert getattr(result, name) == getattr(JOB, name)
    assert (result.job, result.version, result.gen) == (JOB.id, "words", 7)
    assert result.timings == {"waited": 12, "model": 3}
    assert JOB.text not in str(done.finished.fields["data"])


def test_a_failed_prediction_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("worker.stream.time.time", lambda: 1.0)  # or the two letters may die a millisecond apart
    work = Work(delivery(), JOB)
    failed = answered(work, Failed("ValueError"), serving=SERVING, waited_ms=0)
    assert failed == dead_letter(work, reason="prediction failed", error="ValueError")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_scores_that_are_no_finite_numbers_count_as_a_failure(bad):
    class Broken(KeywordPredictor):
        def _prediction(self, words):
            good = super()._prediction(words)
            return replace(good, scores=good.scores | {"neutral": bad}) if "sad" in words else good

    predictor = Broken()
    answers = predict(Serving(Loaded("words", SHA, predictor), 1), predictor.encode(["good", "sad"]))
    assert isinstance(answers[0], Prediction)
    assert answers[1] == Failed("score is not finite")


def test_an_entrys_age_is_read_from_its_id():
    assert born_ms(delivery()) == NOW - 500
