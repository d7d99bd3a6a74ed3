"""dlq: dead letters are seen, sent back to where they came from, or thrown away, each once."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from clfadmin import cli
from tests.conftest import Broker
from worker.jobs import Job, JobState, Keys, Outcome, Result, StreamName, message_id
from worker.stream import Finished, Queue, dead_fields, result_fields

CHANNEL = "C0GENERAL"


def job(number: int) -> Job:
    ts = f"1700000000.00010{number}"
    message = message_id("T1", CHANNEL, ts)
    return Job(id=message, message=message, team="T1", channel=CHANNEL, ts=ts, text=f"secret words {number}")


def result(number: int) -> Result:
    one = job(number)
    return Result(
        job=one.id, message=one.message, team="T1", channel=CHANNEL, ts=one.ts, outcome=Outcome.OK, version="v", gen=1
    )


@pytest.fixture
def queue(valkey: Broker, keys: Keys) -> Any:
    queue = Queue(valkey.url, keys=keys, consumer="worker")
    queue.ensure_groups()
    yield queue
    queue.close()


@pytest.fixture
def dlq(
    valkey: Broker, keys: Keys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> Callable[..., tuple[int, str, str]]:
    """Runs `clfadmin dlq …` with the operator's rights: exit code, standard output, standard error."""
    monkeypatch.setenv("CLF_REDIS_URL", valkey.admin)
    monkeypatch.setenv("CLF_PREFIX", keys.prefix)
    monkeypatch.setenv("CLF_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["dlq", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def bury(queue: Queue, number: int, *, reason: str = "prediction failed") -> None:
    """As a worker does with a job it gives up."""
    assert queue.enqueue(job(number), limit=100) == "ok"
    (delivery,) = queue.read(StreamName.JOBS, count=1)
    fields = dead_fields(delivery, reason=reason, error="ValueError")
    state = JobState.DEAD
    queue.finish([Finished(delivery, job(number).id, job(number).message, state, fields=fields)], into=StreamName.DEAD)


def bury_result(queue: Queue, number: int) -> None:
    queue.client.xadd(queue.keys.stream(StreamName.RESULTS), result_fields(result(number).encode()))
    (delivery,) = queue.read(StreamName.RESULTS, count=1)
    fields = dead_fields(delivery, reason="refused by Slack", error="is_archived")
    done = Finished(delivery, result(number).job, result(number).message, JobState.DEAD, fields=fields)
    queue.finish([done], into=StreamName.DEAD)


def lengths(queue: Queue) -> dict[str, int]:
    return {name.value: queue.client.xlen(queue.keys.stream(name)) for name in StreamName}


def listed(dlq: Callable[..., tuple[int, str, str]]) -> list[dict[str, Any]]:
    return json.loads(dlq("list", "--json")[1])


def test_without_dead_letters_it_says_so(queue: Queue, dlq: Callable[..., tuple[int, str, str]]):
    assert dlq() == (0, "No dead letters.\n", "")
    assert listed(dlq) == []


def test_the_list_names_reasons_and_places_and_no_text(queue: Queue, dlq: Callable[..., tuple[int, str, str]]):
    bury(queue, 1)
    bury_result(queue, 2)
    first, second = listed(dlq)
    assert (first["what"], first["reason"], first["error"]) == ("job", "prediction failed", "ValueError")
    assert (second["what"], second["reason"], second["channel"]) == ("result", "refused by Slack", CHANNEL)
    code, out, err = dlq("list")
    assert (code, first["id"] in out, "retry" in err) == (0, True, True)
    assert "secret words" not in out + err


def test_show_has_all_that_is_kept(queue: Queue, dlq: Callable[..., tuple[int, str, str]]):
    bury(queue, 1)
    (letter,) = listed(dlq)
    assert json.loads(dlq("show", letter["id"], "--json")[1])["content"]["text"] == "secret words 1"
    assert "secret words 1" in dlq("show", letter["id"])[1]


def test_a_text_goes_back_to_the_workers_as_if_new(queue: Queue, dlq: Callable[..., tuple[int, str, str]]):
    bury(queue, 1)
    (letter,) = listed(dlq)
    assert dlq("retry", letter["id"])[:2] == (0, "Sent back 1 of 1.\n")
    (delivery,) = queue.read(StreamName.JOBS, count=5)
    assert (delivery.count, Job.decode(delivery.fields)) == (1, job(1))
    assert queue.client.hget(queue.keys.job(job(1).id), "state") == b"queued"
    assert lengths(queue)["dead"] == 0


def test_a_reply_goes_back_to_the_bot(queue: Queue, dlq: Callable[..., tuple[int, str, str]]):
    bury_result(queue, 1)
    assert dlq("retry", "--all")[0] == 0
    assert lengths(queue) == {"jobs": 0, "results": 1, "dead": 0}
    (delivery,) = queue.read(StreamName.RESULTS, count=5)
    assert Result.decode(delivery.fields) == result(1)


def test_only_those_of_a_reason(queue: Queue, dlq: Callable[..., tuple[int, str, str]]):
    bury(queue, 1)
    bury(queue, 2, reason="delivered too often")
    assert dlq("retry", "--reason", "too often")[1] == "Sent back 1 of 1.\n"
    assert [letter["reason"] for letter in listed(dlq)] == ["prediction failed"]


def test_what_was_deleted_meanwhile_is_not_sent_back(queue: Queue, dlq: Callable[..., tuple[int, str, str]]):
    bury(queue, 1)
    queue.cancel(job(1).message)
    assert lengths(queue)["dead"] == 0, "a deletion takes the dead letter with it"
    bury_result(queue, 2)
    queue.client.hset(queue.keys.job(job(2).message), "state", "cancelled")
    assert dlq("retry", "--all")[1] == "Sent back 0 of 1.\n"
    assert lengths(queue) == {"jobs": 0, "results": 0, "dead": 0}


def test_what_nobody_can_read_stays_and_can_be_thrown_away(queue: Queue, dlq: Callable[..., tuple[int, str, str]]):
    queue.client.xadd(
        queue.keys.stream(StreamName.DEAD), {"v": "1", "data": "", "size": "70000", "reason": "unreadable"}
    )
    code, out, err = dlq("retry", "--all")
    assert (code, out) == (0, "Sent back 0 of 1.\n")
    assert "purge" in err
    assert dlq("purge", "--all", "--yes")[:2] == (0, "Threw away 1.\n")
    assert lengths(queue)["dead"] == 0


def test_nothing_is_thrown_away_unasked(
    queue: Queue, dlq: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
):
    bury(queue, 1)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert dlq("purge", "--all")[0] == 130
    assert lengths(queue)["dead"] == 1


@pytest.mark.parametrize("arguments", [("retry",), ("purge", "--yes"), ("retry", "1-0", "--all")])
def test_it_wants_to_know_which(queue: Queue, dlq: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...]):
    code, out, err = dlq(*arguments)
    assert (code, out) == (2, "")
    assert "--all" in err


@pytest.mark.parametrize("entry", ["1-0", "nonsense", "1-0; FLUSHALL"])
def test_an_unknown_id_is_named(queue: Queue, dlq: Callable[..., tuple[int, str, str]], entry: str):
    code, _, err = dlq("show", entry)
    assert (code, entry in err, "dlq list" in err) == (1, True, True)
