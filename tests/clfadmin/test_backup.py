"""backup and restore: what a home and its queue remember, into a new home, by the commands alone."""

import io
import json
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.choices import Choice
from bot.store import Store
from clfadmin import broker
from tests.bot.memories import asked
from tests.bot.test_replies import result
from tests.clfadmin.conftest import Answer, operator
from tests.conftest import Broker
from tests.worker.test_begin_and_cancel import job
from worker.connection import connect
from worker.fleet import Fleet
from worker.jobs import Job, Keys, Origin, StreamName
from worker.snapshot import BadSnapshot, Snapshot, put_back, take
from worker.stream import Begin, Enqueued, Queue, dead_fields, result_fields

SECRET = "what Ada wrote"


@contextmanager
def views(valkey: Broker, keys: Keys) -> Iterator[tuple[Queue, Fleet]]:
    name = f"test-{time.monotonic_ns()}"
    with (
        closing(Queue(valkey.admin, keys=keys, consumer=name)) as queue,
        closing(Fleet(valkey.admin, keys=keys)) as fleet,
    ):
        yield queue, fleet


@pytest.fixture
def full(valkey: Broker, keys: Keys) -> Keys:
    """A queue with two jobs, one of them leased, a result, a dead letter and a mark, paused."""
    with (
        closing(Queue(valkey.admin, keys=keys, consumer="one")) as queue,
        closing(Fleet(valkey.admin, keys=keys)) as fleet,
    ):
        queue.ensure_groups()
        for number in range(2):
            one = replace(job(), id=f"j{number}", message=f"j{number}", ts=f"170000000{number}.000100", text=SECRET)
            assert queue.enqueue(one, limit=10) is Enqueued.OK
        (delivery,) = queue.read(StreamName.JOBS, count=1)
        add(queue, StreamName.RESULTS, result_fields(result(job="r", message="r").encode()))
        add(queue, StreamName.DEAD, dead_fields(delivery, reason="prediction failed"))
        fleet.pause("moving house")
    return keys


def add(queue: Queue, name: StreamName, fields: Any) -> None:
    queue.client.xadd(queue.keys.stream(name), fields)


def held(valkey: Broker, prefix: str) -> Snapshot:
    with views(valkey, Keys(prefix)) as (queue, fleet):
        return take(queue, fleet)


def test_a_backup_restored_into_a_new_home_brings_versions_queue_and_pause(
    clfadmin: Callable[..., Answer], tiny_home: Path, full: Keys, valkey: Broker, tmp_path: Path
):
    file, new = tmp_path / "all of it.tar", tmp_path / "new home"
    made = clfadmin("backup", file, **operator(valkey, full), CLF_HOME=str(tiny_home))
    assert made.code == 0, made.err
    assert "2 versions, tiny active, 2 jobs, 1 result, 1 dead letter, marks of 1 channel." in made.out
    assert "as private as those" in made.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert SECRET not in made.out + made.err

    restored = clfadmin("restore", file, CLF_HOME=str(new), CLF_PREFIX="other")
    assert restored.code == 0, restored.err
    assert restored.out == "Restored 2 versions, tiny active, 2 jobs, 1 result, 1 dead letter, marks of 1 channel.\n"
    assert "clfadmin resume" in restored.err
    assert broker.find_url(new) is None, "the broker that was needed for it is gone again"

    again = clfadmin("backup", tmp_path / "again.tar", "--json", CLF_HOME=str(new), CLF_PREFIX="other").json
    assert again["queue"] == {"jobs": 2, "results": 1, "dead": 1, "marks": 1}
    assert (again["versions"], again["active"]) == (["tiny", "tiny-b"], "tiny")


@contextmanager
def decisions(valkey: Broker, keys: Keys) -> Iterator[Store]:
    with closing(Store(valkey.admin, keys=keys)) as store:
        yield store


def test_what_people_decided_comes_back_too(
    command: Callable[..., Answer], tiny_home: Path, valkey: Broker, keys: Keys, tmp_path: Path
):
    file, now = tmp_path / "backup.tar", datetime.now(UTC)
    with decisions(valkey, keys) as store:
        store.add_team("T1", now)
        memory = store.of("T1")
        memory.choose("C1", {"reply": "reaction"}, Choice(), now=now)
        memory.channels.opt_out("U1", now)
        memory.votes.cast(asked(), "U2", "positive", now=now, keep=timedelta(days=9), text=SECRET)
    made = command("backup", file, **operator(valkey, keys), CLF_HOME=str(tiny_home))
    assert made.out.endswith("\nOf what people decided: choices of 1 channel, 1 opt-out, 1 correction.\n")
    assert "as private as those" in made.err
    assert SECRET not in made.out + made.err

    other = Keys(f"{keys.prefix}b")
    into = {"CLF_HOME": str(tiny_home), "CLF_REDIS_URL": valkey.admin, "CLF_PREFIX": other.prefix}
    try:
        assert command("restore", file, **into).out.endswith("choices of 1 channel, 1 opt-out, 1 correction.\n")
        with decisions(valkey, other) as store:
            memory = store.of("T1")
            assert memory.channels.choice("C1", Choice()).reply == "reaction"
            assert memory.channels.opted_out("U1")
            assert [(vote.by, vote.text) for vote in memory.votes.all()] == [({"U2": "positive"}, SECRET)]
        again = command("restore", file, "--json", **into).json
        assert again["memory"] == {"choices": 0, "optouts": 0, "votes": 0, "days": 0, "installed": 0}
    finally:
        with valkey.client() as client:
            client.delete(*client.scan_iter(f"{{{other.prefix}}}:*"))


def test_restoring_twice_adds_nothing_more(
    command: Callable[..., Answer], tiny_home: Path, full: Keys, valkey: Broker, tmp_path: Path
):
    file = tmp_path / "backup.tar"
    assert command("backup", file, **operator(valkey, full), CLF_HOME=str(tiny_home)).code == 0
    into = {"CLF_HOME": str(tiny_home), "CLF_REDIS_URL": valkey.admin, "CLF_PREFIX": f"{full.prefix}b"}
    try:
        first = command("restore", file, "--json", **into).json
        assert (first["versions"], first["known"], first["queue"]["jobs"]) == ([], ["tiny", "tiny-b"], 2)
        before = held(valkey, f"{full.prefix}b")
        second = command("restore", file, "--json", **into).json
        assert second["queue"] == {"jobs": 0, "results": 0, "dead": 0, "marks": 0}
        assert held(valkey, f"{full.prefix}b") == before
    finally:
        with valkey.client() as client:
            client.delete(*client.scan_iter(f"{{{full.prefix}b}}:*"))


def test_what_was_put_back_is_looked_up_in_slack_before_it_is_posted(valkey: Broker, full: Keys, keys: Keys):
    snapshot = held(valkey, full.prefix)
    with valkey.client() as client:
        client.delete(*client.scan_iter(f"{{{full.prefix}}}:*"))
    with (
        closing(Queue(valkey.admin, keys=keys, consumer="two")) as queue,
        closing(Fleet(valkey.admin, keys=keys)) as fleet,
    ):
        put_back(Snapshot.decode(snapshot.encode()), queue, fleet)
        jobs = [Job.decode(one.fields) for one in queue.read(StreamName.JOBS, count=9)]
        assert [(one.id, one.origin, one.text) for one in jobs] == [
            ("j0", Origin.HISTORY, SECRET),
            ("j1", Origin.HISTORY, SECRET),
        ]
        (delivery,) = queue.read(StreamName.RESULTS, count=9)
        assert queue.begin(delivery, job="r", message="r").answer is Begin.RECONCILE
        assert queue.enqueue(jobs[0], limit=10) is Enqueued.DUP, "catch-up finds the same message in the history"


def test_the_older_of_two_marks_stays(valkey: Broker, keys: Keys, full: Keys):
    snapshot = replace(held(valkey, full.prefix), jobs=[], results=[], dead=[], marks={"T:A": "5", "T:B": "9"})
    with views(valkey, keys) as (queue, fleet):
        queue.set_mark("T", "A", "7")
        queue.set_mark("T", "B", "7")
        assert put_back(snapshot, queue, fleet).marks == 1
        assert (queue.mark("T", "A"), queue.mark("T", "B")) == ("5", "7")


def test_an_entry_nobody_can_read_is_kept_as_it_is(valkey: Broker, keys: Keys):
    with views(valkey, keys) as (queue, fleet):
        for name in StreamName:
            add(queue, name, {b"\xc3\xa4": b"\xff\x00", "v": "99"})
        snapshot = take(queue, fleet)
        client = connect(valkey.url)
        client.delete(*(keys.stream(name) for name in StreamName))
        client.close()
        put_back(snapshot, queue, fleet)
        assert take(queue, fleet) == snapshot


def test_a_damaged_version_is_left_out_and_named(
    command: Callable[..., Answer], tiny_home: Path, full: Keys, valkey: Broker, tmp_path: Path
):
    (tiny_home / "models" / "tiny" / "model.safetensors").write_bytes(b"no weights")
    made = command("backup", tmp_path / "b.tar", **operator(valkey, full), CLF_HOME=str(tiny_home))
    assert made.code == 0
    assert ": 1 version, tiny active" in made.out
    assert "left out: version tiny is damaged" in made.err


def tar_of(file: Path, **members: bytes) -> Path:
    with tarfile.open(file, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file


def about(**more: object) -> bytes:
    return json.dumps({"format": 1, "made": 0, "active": "", "versions": [], **more}).encode()


BAD: dict[str, dict[str, bytes]] = {
    "nothing": {},
    "no queue": {"backup_json": about()},
    "no JSON": {"backup_json": b"{"},
    "a newer one": {"backup_json": about(format=2), "queue_json": Snapshot().encode()},
    "a version outside": {"backup_json": about(versions=["../x"]), "queue_json": Snapshot().encode()},
    "a version missing": {"backup_json": about(versions=["x"]), "queue_json": Snapshot().encode()},
    "no memory": {"backup_json": about(), "queue_json": Snapshot().encode(), "memory_json": b'[{"team": "T1"}]'},
    "no snapshot": {"backup_json": about(), "queue_json": b'{"format": 1, "jobs": [{"data": 3}]}'},
}


@pytest.mark.parametrize("members", BAD.values(), ids=BAD.keys())
def test_what_is_no_backup_is_one_line_and_changes_nothing(
    command: Callable[..., Answer], home: Path, valkey: Broker, keys: Keys, tmp_path: Path, members: dict[str, bytes]
):
    answer = command("restore", tar_of(tmp_path / "bad.tar", **members), **operator(valkey, keys))
    assert answer.code == 1
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert not (home / "models").exists()
    with valkey.client() as client:
        assert list(client.scan_iter(f"{{{keys.prefix}}}:*")) == []


@pytest.mark.parametrize(
    ("name", "said"), [("missing.tar", "does not exist"), (".", "is a folder"), ("text.tar", "is no whole archive")]
)
def test_a_file_that_cannot_be_a_backup_says_so(
    command: Callable[..., Answer], valkey: Broker, keys: Keys, tmp_path: Path, name: str, said: str
):
    (tmp_path / "text.tar").write_text("hello")
    answer = command("restore", tmp_path / name, **operator(valkey, keys))
    assert (answer.code, said in answer.err) == (1, True)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"format": 1}x', b'{"format": 1, "marks": {"a": 1}}', b'{"format": 1, "odd": 1}']
)
def test_a_snapshot_of_something_else_is_refused(data: bytes):
    with pytest.raises(BadSnapshot):
        Snapshot.decode(data)


def test_a_backup_that_fails_leaves_the_one_before(
    command: Callable[..., Answer], valkey: Broker, keys: Keys, tmp_path: Path
):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "b.tar").write_bytes(b"something else")
    answer = command("backup", folder, **operator(valkey, keys))
    assert (answer.code, "is a folder" in answer.err) == (1, True)
    assert os.listdir(folder) == ["b.tar"]
