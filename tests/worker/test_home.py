"""A worker and its home: the first start, ACTIVE, a home whose active version went bad. The real tiny model."""

import copy
from resource import RUSAGE_SELF, getrusage

import pytest

from classifier.errors import VersionRefused
from classifier.registry import Registry
from tests.clfadmin.damage import truncate
from tests.conftest import wait_until
from worker.fleet import Fleet
from worker.home import adopt, remember
from worker.jobs import Keys, Outcome
from worker.loading import fingerprint


@pytest.fixture
def registry(tiny_home):
    return Registry(tiny_home)


@pytest.fixture
def empty(valkey, keys):
    """A fleet that has committed nothing yet."""
    fleet = Fleet(valkey.admin, keys=keys)
    yield fleet
    fleet.close()


def test_the_first_worker_commits_what_its_home_serves_under_a_higher_number(empty, registry):
    model = adopt(empty, registry, None, by="w1")
    assert (model.version, model.gen) == ("tiny", registry.active().gen + 1)
    assert model.sha256 == fingerprint(registry.get("tiny"))


def test_an_empty_home_gets_the_starter_made_outside_the_workers_own_memory(empty, tmp_path):
    before = getrusage(RUSAGE_SELF).ru_maxrss
    model = adopt(empty, Registry(tmp_path), None, by="w1")
    assert model.version == "starter"
    assert Registry(tmp_path).get("starter").runtime == "onnx"
    # Its weights alone are 90 MB; ru_maxrss is in kB.
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 250_000


def test_a_refusal_keeps_its_code_on_the_way_from_that_process():
    refused = copy.copy(VersionRefused("canary", "why"))
    assert (refused.code, str(refused)) == ("canary", "why")


def test_of_two_first_workers_the_second_follows_the_first(empty, registry):
    adopt(empty, registry, None, by="w1")
    registry.activate("tiny-b", 5)
    assert adopt(empty, registry, None, by="w2").version == "tiny"


def test_a_damaged_active_version_makes_way_for_the_one_before(empty, registry):
    registry.activate("tiny-b", 2)
    truncate(registry.root / "tiny-b")
    assert adopt(empty, registry, None, by="w1").version == "tiny"


def test_with_both_damaged_nothing_is_committed_and_the_active_one_is_named(empty, registry):
    registry.activate("tiny-b", 2)
    for name in ("tiny", "tiny-b"):
        truncate(registry.root / name)
    with pytest.raises(VersionRefused, match="tiny-b"):
        adopt(empty, registry, None, by="w1")
    assert empty.model().gen == 0


def test_active_is_never_set_back_to_an_older_commit(registry):
    remember(registry, "tiny-b", 7, previous="tiny")
    remember(registry, "tiny", 6, previous=None)
    assert (registry.active().version, registry.active().gen, registry.active().previous) == ("tiny-b", 7, "tiny")


def test_a_worker_with_the_real_model_answers_and_notes_what_it_serves(make_process, tiny_home, bot, valkey):
    jobs = [bot.send("good build"), bot.send("the build is broken"), bot.send("\u200b")]
    process = make_process(module="worker", home=str(tiny_home), runtime="keras", threads="1").ready()
    results = bot.wait_for(jobs, seconds=60)
    assert [results[job].label for job in jobs[:2]] == ["positive", "negative"]
    assert results[jobs[2]].outcome is Outcome.UNSURE
    fleet = Fleet(valkey.admin, keys=Keys(bot.keys.prefix))
    (beat,) = wait_until(lambda: [beat for beat in fleet.workers() if beat.served_gen], "its heartbeat")
    fleet.close()
    assert (beat.version, beat.runtime, beat.threads) == ("tiny", "keras", 1)
    wait_until(lambda: Registry(tiny_home).active().gen == beat.gen, "ACTIVE")
    assert process.stop() == 0


def test_a_home_without_anything_to_serve_is_not_made_up(make_process, valkey, keys, tmp_path):
    """Its ACTIVE names a version that is gone: the worker stays, takes no jobs, and says why."""
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    (home / "models" / "ACTIVE").write_text('{"version": "gone", "gen": 3, "previous": null}\n')
    worker = make_process(module="worker", home=str(home))
    wait_until(lambda: "no version to serve" in worker.log.read_text(), "the complaint", 60)
    assert "'gone'" in worker.log.read_text()
    assert worker.stop() == 0
