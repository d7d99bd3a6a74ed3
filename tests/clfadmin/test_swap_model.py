"""`clfadmin swap-model` and `rollback` against a real worker process that serves the tiny model."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from classifier.registry import Registry
from tests.clfadmin.conftest import Answer, operator, scrubbed
from tests.clfadmin.damage import flip_a_byte, nothing, nudge_the_bias, rename_labels, swap_two_labels, truncate
from tests.conftest import REPOSITORY, Broker, own_keys, wait_until
from tests.worker.conftest import Bot, Traffic
from worker.fleet import Fleet
from worker.jobs import Keys


@dataclass
class World:
    """One worker of a home with the versions "tiny" and "tiny-b", and the operator's view of it."""

    home: Path
    keys: Keys
    broker: Broker
    worker: subprocess.Popen[bytes]
    fleet: Fleet

    @property
    def environment(self) -> dict[str, str]:
        return {"CLF_HOME": str(self.home)} | operator(self.broker, self.keys)

    def served(self) -> str:
        (beat,) = self.fleet.workers()
        return beat.version

    def add(self, name: str, damage: Callable[[Path], None], *, of: str = "tiny-b", home: Path | None = None) -> str:
        """A copy of a version under another name, changed by `damage`."""
        folder = shutil.copytree(self.home / "models" / of, (home or self.home) / "models" / name)
        damage(folder)
        return name


@pytest.fixture(scope="module")
def world(valkey: Broker, shared_tiny_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        keys = stack.enter_context(own_keys(valkey))
        folder = tmp_path_factory.mktemp("swap")
        home = shutil.copytree(shared_tiny_home, folder / "home")
        fleet = Fleet(valkey.admin, keys=keys)
        stack.callback(fleet.close)
        environment = {"CLF_HOME": str(home), "CLF_REDIS_URL": valkey.worker, "CLF_PREFIX": keys.prefix}
        log = stack.enter_context((folder / "log").open("wb"))
        worker = subprocess.Popen(
            [sys.executable, "-m", "worker"], env=scrubbed(**environment), cwd=REPOSITORY, stderr=log
        )
        stack.callback(worker.wait, 30)
        stack.callback(worker.kill)
        wait_until(lambda: [beat for beat in fleet.workers() if beat.served_gen], "the worker serving", 120)
        yield World(home, keys, valkey, worker, fleet)


@pytest.fixture
def clf(command: Callable[..., Answer], world: World) -> Callable[..., Answer]:
    return lambda *arguments, **environment: command(*arguments, **(world.environment | environment))


@pytest.fixture
def bot(world: World) -> Iterator[Bot]:
    bot = Bot(world.broker, world.keys)
    yield bot
    bot.close()


def test_a_swap_and_a_rollback_reach_the_worker_and_the_table_says_so(clf, world, bot):
    before = world.served()
    answer = clf("swap-model", "tiny-b")
    assert answer.code == 0, answer.err
    assert "active" in answer.out
    assert "tiny-b is active after" in answer.out
    assert world.served() == "tiny-b"
    assert Registry(world.home).active().version == "tiny-b"
    job = bot.send("good build")
    assert bot.wait_for([job])[job].version == "tiny-b"
    answer = clf("rollback")
    assert answer.code == 0, answer.err
    assert world.served() == before
    assert Registry(world.home).active().version == before


def test_messages_sent_while_the_command_runs_are_all_answered_by_one_of_the_two_versions(clf, world, bot):
    with Traffic(bot) as traffic:
        assert clf("swap-model", "tiny-b").code == 0
        assert clf("rollback").code == 0
        results = traffic.stop()
    gens: dict[str, set[int]] = {}
    for result in results.values():
        gens.setdefault(result.version, set()).add(result.gen)
    assert gens.keys() == {"tiny", "tiny-b"}
    assert not gens["tiny"] & gens["tiny-b"], "a gen belongs to one version"


def test_json_is_one_document_with_the_promised_fields(clf, world):
    there = clf("swap-model", "tiny-b", "--json").json
    assert (there["from"], there["to"]) == ("tiny", "tiny-b")
    assert there["state"] == "active"
    ((name, row),) = there["workers"].items()
    assert name == world.fleet.workers()[0].id
    assert row["state"] == "active"
    assert 0 <= row["seconds"] <= there["seconds"]
    assert there.keys() >= {"from", "to", "state", "seconds", "workers", "gate"}
    back = clf("rollback", "--json").json
    assert (back["from"], back["to"], back["state"]) == ("tiny-b", "tiny", "active")


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (flip_a_byte, "sha256"),
        (truncate, "truncated"),
        (rename_labels, "sha256"),
        (swap_two_labels, "canary"),
        (nudge_the_bias, "canary"),
    ],
)
def test_a_bad_version_is_refused_with_3_and_the_old_one_goes_on_serving(clf, world, bot, damage, code):
    before, gen = world.served(), world.fleet.model().gen
    name = world.add(damage.__name__.replace("_", "-"), damage)
    answer = clf("swap-model", name)
    assert answer.code == 3
    assert code in answer.err
    assert answer.err.count("error:") == 1
    assert (world.fleet.model().version, world.fleet.model().gen) == (before, gen)
    job = bot.send("great")
    result = bot.wait_for([job])[job]
    assert (result.version, result.label) == (before, "positive")


def test_a_refusal_has_its_json_document_too(clf, world):
    name = world.add("cut", truncate)
    answer = clf("swap-model", name, "--json")
    assert answer.code == 3
    assert answer.json["state"] == "refused"
    assert answer.json["to"] == name
    assert "truncated" in answer.err


def test_an_unknown_version_is_1_and_names_those_there_are(clf):
    answer = clf("swap-model", "nope")
    assert answer.code == 1
    assert "tiny-b" in answer.err


def test_a_version_the_workers_host_lacks_is_1_and_names_the_host(clf, world, tmp_path):
    mine = shutil.copytree(world.home, tmp_path / "mine")
    world.add("only-here", nothing, home=mine)
    answer = clf("swap-model", "only-here", "--json", CLF_HOME=str(mine))
    assert answer.code == 1
    assert answer.json["state"] == "aborted"
    (row,) = answer.json["workers"].values()
    assert row["state"] == "failed"
    assert "missing" in row["reason"]
    assert world.fleet.workers()[0].host in answer.err


def test_another_version_of_the_same_name_is_refused(clf, world, tmp_path):
    """Two hosts trained "team" each for itself: which one is served must not depend on the host."""
    mine = shutil.copytree(world.home, tmp_path / "mine")
    shutil.rmtree(mine / "models" / "tiny-b")
    world.add("tiny-b", nothing, of="tiny", home=mine)
    answer = clf("swap-model", "tiny-b", CLF_HOME=str(mine))
    assert answer.code == 3
    assert "is not the version asked for" in answer.err


def test_another_operators_swap_under_way_is_1_and_called_a_conflict(clf, world):
    gen = world.fleet.model().gen
    assert world.fleet.propose(gen=gen, by="grace", version="tiny-b", sha256="0" * 64)
    answer = clf("swap-model", "tiny-b", "--json")
    world.fleet.abort(gen=gen, by="grace")
    assert answer.code == 1
    assert answer.json["state"] == "conflict"
    assert "grace prepares 'tiny-b'" in answer.err


def test_a_worker_that_does_not_answer_in_time_is_1_and_nothing_changed(clf, world):
    gen = world.fleet.model().gen
    world.worker.send_signal(signal.SIGSTOP)
    try:
        answer = clf("swap-model", "tiny-b", "--timeout", "1", "--json")
    finally:
        world.worker.send_signal(signal.SIGCONT)
    assert answer.code == 1
    assert answer.json["state"] == "aborted"
    assert "Not ready within 1 s" in answer.err
    assert world.fleet.model().gen == gen


def test_ctrl_c_takes_the_proposal_back_and_exits_130(world):
    gen = world.fleet.model().gen
    wait_until(world.fleet.workers, "the worker beating again")
    world.worker.send_signal(signal.SIGSTOP)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "clfadmin", "swap-model", "tiny-b"],
            env=scrubbed(**world.environment),
            stderr=subprocess.PIPE,
            cwd=REPOSITORY,
        )
        wait_until(lambda: world.fleet.model().next_version, "the proposal", 30)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        world.worker.send_signal(signal.SIGCONT)
    assert process.returncode == 130
    assert b"nothing was changed" in errors
    assert b"Traceback" not in errors
    assert (world.fleet.model().gen, world.fleet.model().next_version) == (gen, "")


def test_without_a_worker_the_version_is_tried_here_and_committed_for_the_next_one(command, tiny_home, valkey, keys):
    where = {"CLF_HOME": str(tiny_home), "CLF_REDIS_URL": valkey.admin, "CLF_PREFIX": keys.prefix}
    answer = command("swap-model", "tiny-b", **where)
    assert answer.code == 0, answer.err
    assert "No worker is running: tiny-b is committed for the next one" in answer.out
    active = Registry(tiny_home).active()
    assert (active.version, active.previous) == ("tiny-b", "tiny")
    answer = command("rollback", "--json", **where)
    assert answer.code == 0, answer.err
    assert (answer.json["to"], answer.json["state"]) == ("tiny", "committed")
    assert Registry(tiny_home).active().version == "tiny"


def test_without_a_worker_a_version_that_fails_its_canary_is_refused_all_the_same(command, tiny_home, valkey, keys):
    nudge_the_bias(tiny_home / "models" / "tiny-b")
    where = {"CLF_HOME": str(tiny_home), "CLF_REDIS_URL": valkey.admin, "CLF_PREFIX": keys.prefix}
    answer = command("swap-model", "tiny-b", **where)
    assert answer.code == 3
    assert "canary" in answer.err
    assert Registry(tiny_home).active().version == "tiny"


def test_a_rollback_with_nothing_before_is_1(command, tiny_home, valkey, keys):
    where = {"CLF_HOME": str(tiny_home), "CLF_REDIS_URL": valkey.admin, "CLF_PREFIX": keys.prefix}
    answer = command("rollback", **where)
    assert answer.code == 1
    assert "no version before" in answer.err


def test_a_rollback_to_a_version_damaged_meanwhile_is_refused(command, tiny_home, valkey, keys):
    where = {"CLF_HOME": str(tiny_home), "CLF_REDIS_URL": valkey.admin, "CLF_PREFIX": keys.prefix}
    assert command("swap-model", "tiny-b", **where).code == 0
    truncate(tiny_home / "models" / "tiny")
    assert command("rollback", **where).code == 3
    assert Registry(tiny_home).active().version == "tiny-b"


def test_no_broker_is_one_line_that_says_how_to_get_one(command, tiny_home):
    answer = command("swap-model", "tiny-b", CLF_HOME=str(tiny_home))
    assert answer.code == 1
    assert "clfadmin up" in answer.err


def test_a_real_process_prints_the_table_and_leaves_with_the_exit_code(clfadmin, world):
    answer = clfadmin("swap-model", "tiny-b", **world.environment)
    assert answer.code == 0, answer.err
    assert "worker" in answer.out.splitlines()[0]
    assert clfadmin("rollback", **world.environment).code == 0
