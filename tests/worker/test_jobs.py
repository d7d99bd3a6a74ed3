"""The contract: what is written is read back, and nothing else is accepted."""

import json
from dataclasses import replace

import pytest

from classifier.text import MAX_CHARACTERS
from worker.jobs import (
    MAX_TEXT,
    SCHEMA,
    DecodeError,
    Job,
    Keys,
    Kind,
    NewerSchema,
    Origin,
    Outcome,
    Result,
    StreamName,
    job_id,
    message_id,
)

JOB = Job(
    id=job_id(message_id("T1", "C1", "1.000001"), "2.000001"),
    message=message_id("T1", "C1", "1.000001"),
    team="T1",
    channel="C1",
    ts="1.000001",
    edit_ts="2.000001",
    thread_ts="0.000001",
    user="U1",
    text='grüße "\\" \u2028 🙂',
    kind=Kind.EDIT,
    origin=Origin.HISTORY,
    enq_ms=12,
)
RESULT = Result(
    job="j",
    message="m",
    team="T1",
    channel="C1",
    ts="1.000001",
    outcome=Outcome.UNSURE,
    label="neutral",
    emoji=":neutral_face:",
    confidence=0.48,
    scores={"neutral": 0.48, "negative": 0.52},
    truncated=True,
    version="v1",
    gen=3,
    timings={"waited": 4, "model": 9},
)


def entry(data: object, schema: object = SCHEMA) -> dict[bytes, bytes]:
    return {b"v": str(schema).encode(), b"data": data if isinstance(data, bytes) else json.dumps(data).encode()}


def test_a_job_comes_back_as_it_was_sent():
    assert Job.decode(entry(JOB.encode().encode())) == JOB


def test_a_result_comes_back_as_it_was_sent_with_and_without_shadow():
    assert Result.decode(entry(RESULT.encode().encode())) == RESULT
    shadowed = replace(RESULT, shadow={"label": "positive"})
    assert Result.decode(entry(shadowed.encode().encode())) == shadowed


def test_a_result_holds_no_text_field_and_a_job_hides_its_text_from_logs():
    assert "text" not in json.loads(RESULT.encode())
    assert "grüße" not in repr(JOB)


def test_ids_tell_places_apart_and_edits_share_the_message():
    assert message_id("T", "C1", "1.0") != message_id("T", "C", "11.0")
    assert message_id("T", "C1", "1.0") == message_id("T", "C1", "1.0")
    assert len(message_id("T", "C", "1")) == 32
    assert job_id("m") == "m"
    assert job_id("m", "2.0") == "m.2.0"


def test_all_keys_share_one_hash_tag():
    keys = Keys("acme")
    names = [keys.job("x"), keys.marks, keys.workers, keys.bots, keys.model, *map(keys.stream, StreamName)]
    assert all(name.startswith("{acme}:") for name in names)
    assert len(set(names)) == len(names)


def test_the_queue_lets_through_one_character_more_than_the_normaliser_reads():
    assert MAX_TEXT == MAX_CHARACTERS + 1


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({b"v": b"1"}, "no field data"),
        ({b"data": b"{}"}, "field v"),
        (entry({}, "x"), "field v"),
        (entry(b"\xff\xfe"), "no JSON"),
        (entry(b"[" * 50_000), "no JSON"),
        (entry([1]), "no JSON object"),
        (entry(b"x" * 70_000), "70000 bytes"),
        (entry({}), "field id"),
        (entry(json.loads(JOB.encode()) | {"text": None}), "field text is no text"),
        (entry(json.loads(JOB.encode()) | {"text": "x" * (MAX_TEXT + 1)}), "limit"),
        (entry(json.loads(JOB.encode()) | {"ts": 1.5}), "field ts"),
        (entry(json.loads(JOB.encode()) | {"id": "\ud800"}), "field id holds half a character"),
        (entry(json.loads(JOB.encode()) | {"kind": "joke"}), "none of message"),
        (entry(json.loads(JOB.encode()) | {"enq_ms": True}), "enq_ms"),
    ],
)
def test_a_malformed_job_is_refused_with_its_reason_and_without_its_content(fields: dict[bytes, bytes], says: str):
    with pytest.raises(DecodeError, match=says) as caught:
        Job.decode(fields)
    assert "grüße" not in str(caught.value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"0.5"', "true", "null"])
def test_a_result_with_a_confidence_that_is_no_finite_number_is_refused(value: str):
    data = RESULT.encode().replace('"confidence":0.48', f'"confidence":{value}').encode()
    with pytest.raises(DecodeError, match="confidence"):
        Result.decode(entry(data))


def test_a_result_with_half_a_character_in_a_labels_name_is_refused():
    with pytest.raises(DecodeError, match="field scores holds half a character"):
        Result.decode(entry(json.loads(RESULT.encode()) | {"scores": {"\ud800": 1.0}}))


def test_an_entry_of_a_newer_release_is_told_apart_from_a_broken_one():
    with pytest.raises(NewerSchema):
        Job.decode(entry({}, SCHEMA + 1))


def test_the_words_of_a_result_come_back_as_they_were_and_an_older_release_left_them_out():
    weighed = replace(RESULT, words=[(0, 3, 0.41), (4, 9, -0.05)])
    assert Result.decode(entry(weighed.encode().encode())) == weighed
    older = {name: value for name, value in json.loads(RESULT.encode()).items() if name != "words"}
    assert Result.decode(entry(older)) == RESULT


@pytest.mark.parametrize(
    "words",
    [None, {}, [1], [[0, 3]], [[3, 3, 0.1]], [[-1, 3, 0.1]], [[0, 9_000, 0.1]], [[0, 3, "x"]], [[0, 1, 0.1]] * 21],
)
def test_words_that_name_no_part_of_a_text_are_refused(words: object):
    with pytest.raises(DecodeError, match=r"words|weight"):
        Result.decode(entry(json.loads(RESULT.encode()) | {"words": words}))
