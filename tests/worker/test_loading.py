"""From a name to a checked predictor: memory, sha256, codes. The real tiny model where files matter."""

import shutil

import pytest

from classifier.errors import VersionRefused
from classifier.registry import Registry
from tests.clfadmin.damage import flip_a_byte, nudge_the_bias, truncate
from worker import loading
from worker.loading import LoadFailed, check_memory, fingerprint, free_memory, loader


@pytest.fixture
def registry(tiny_home):
    return Registry(tiny_home)


@pytest.fixture
def load(registry):
    return loader(registry, runtime="keras", threads=1)


def test_a_sound_version_is_loaded_under_its_name_and_sha256(registry, load):
    sha256 = fingerprint(registry.get("tiny"))
    loaded = load("tiny", sha256)
    assert (loaded.name, loaded.sha256, loaded.predictor.runtime) == ("tiny", sha256, "keras")
    (prediction,) = loaded.predictor.predict(loaded.predictor.encode(["good build"]))
    assert prediction.label == "positive"


@pytest.mark.parametrize(
    ("damage", "code"), [(flip_a_byte, "sha256"), (truncate, "truncated"), (shutil.rmtree, "missing")]
)
def test_a_version_that_cannot_be_loaded_has_a_code_for_the_fleets_table(registry, load, damage, code):
    sha256 = fingerprint(registry.get("tiny"))
    damage(registry.root / "tiny")
    with pytest.raises(LoadFailed) as failed:
        load("tiny", sha256)
    assert failed.value.code == code
    assert "\n" not in failed.value.reason


def test_scores_that_moved_by_more_than_a_thousandth_fail_the_canary(registry, load):
    nudge_the_bias(registry.root / "tiny")
    with pytest.raises(LoadFailed) as failed:
        load("tiny", fingerprint(registry.get("tiny")))
    assert failed.value.code == "canary"


def test_another_version_of_that_name_is_not_what_was_asked_for(load):
    with pytest.raises(LoadFailed, match="is not the version asked for"):
        load("tiny", "f" * 64)


def test_the_fingerprint_is_of_the_manifest_the_version_was_read_from(registry):
    version = registry.get("tiny")
    nudge_the_bias(version.path)
    with pytest.raises(VersionRefused, match="changed while it was read"):
        fingerprint(version)


def test_a_version_that_might_not_fit_into_memory_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(loading, "free_memory", lambda: 300 << 20)
    check_memory(20 << 20, "small")
    with pytest.raises(LoadFailed, match="300 MB are free") as failed:
        check_memory(80 << 20, "large")
    assert failed.value.code == "memory"


def test_free_memory_is_what_the_machine_and_the_container_leave(tmp_path):
    meminfo, cgroup = tmp_path / "meminfo", tmp_path / "cgroup"
    cgroup.mkdir()
    assert free_memory(meminfo=meminfo, cgroup=cgroup) is None, "a system that does not tell"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    assert free_memory(meminfo=meminfo, cgroup=cgroup) == 5000 * 1024
    for name, text in {"memory.max": "max", "memory.current": "10", "memory.stat": "inactive_file 5\n"}.items():
        (cgroup / name).write_text(text)
    assert free_memory(meminfo=meminfo, cgroup=cgroup) == 5000 * 1024, "a container without a limit"
    (cgroup / "memory.max").write_text("1000")
    assert free_memory(meminfo=meminfo, cgroup=cgroup) == 1000 - 10 + 5, "cached files are given back"


def test_without_memory_told_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(loading, "free_memory", lambda: None)
    check_memory(1 << 50, "huge")
