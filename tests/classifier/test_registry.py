"""Versions on disk: stored whole or not at all, found again, made active, removed."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.errors import (
    BadVersionName,
    StorageError,
    VersionExists,
    VersionInUse,
    VersionNotFound,
    VersionRefused,
)
from classifier.registry import Active, Registry
from tests.plain_version import CONFIG, PROVENANCE, files_of, store

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "home")


def folders(registry: Registry) -> list[str]:
    """What lies in the models folder, locks aside."""
    return sorted(entry.name for entry in registry.root.iterdir() if not entry.name.endswith("lock"))


def test_a_stored_version_is_read_back_with_all_it_was_stored_with(registry):
    store(registry, "team-1")
    version = registry.get("team-1")
    assert version.config == CONFIG
    assert version.manifest.provenance == PROVENANCE
    assert version.runtime == "keras"
    assert version.read_verified() == {name: data for name, data in files_of().items() if "report" not in name}
    assert version.size_bytes == sum(map(len, files_of().values()))


def test_an_empty_home_has_no_versions_and_is_not_created_by_looking(registry):
    assert registry.versions() == []
    assert registry.active() is None
    assert not registry.home.exists()


def test_versions_come_oldest_first_and_leave_damaged_ones_out(registry):
    for name in ("b", "a", "c"):
        store(registry, name)
    (registry.root / "c" / "manifest.json").write_text("{")
    assert [version.name for version in registry.versions()] == ["a", "b"]  # stored within one second
    assert registry.names() == ["a", "b", "c"]


def test_an_unknown_version_is_refused_with_the_known_ones_named(registry):
    store(registry, "team-1")
    with pytest.raises(VersionNotFound, match=r"No model version 'team-2'.*Known: team-1"):
        registry.get("team-2")


@pytest.mark.parametrize("name", ["", "../up", "Über", "UPPER", ".hidden", "a/b", "x" * 65, "a\n"])
def test_names_that_could_leave_the_folder_or_hide_are_refused(registry, name):
    for use in (registry.get, registry.check_free, registry.remove):
        with pytest.raises(BadVersionName):
            use(name)


def test_a_name_is_given_once(registry):
    store(registry, "team-1")
    with pytest.raises(VersionExists, match="team-1"), registry.stage("team-1"):
        pytest.fail("the name is taken, so nothing may be staged")


def test_of_two_writers_of_one_name_the_second_fails_and_leaves_the_first_alone(registry):
    with registry.stage("team-1") as slow:
        for file, data in files_of().items():
            slow.write(file, data)
        first = store(registry, "team-1")
        with pytest.raises(VersionExists):
            slow.publish(replace(PROVENANCE, base="another"))
    assert registry.get("team-1") == first
    assert folders(registry) == ["team-1"]


def interrupted_by(registry: Registry, error: BaseException) -> None:
    with registry.stage("team-1") as staging:
        staging.write("config.json", b"{}")
        raise error


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError])
def test_whatever_interrupts_a_writer_leaves_nothing_behind(registry, interruption):
    with pytest.raises(interruption):
        interrupted_by(registry, interruption())
    assert folders(registry) == []


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("No space left on device (28)")]
)
def test_a_full_disk_is_one_clear_line_and_leaves_nothing_behind(registry, error):
    with pytest.raises(StorageError, match=r"No space left on the disk while writing .*team-1.*Nothing was stored"):
        interrupted_by(registry, error)
    assert folders(registry) == []


def test_a_really_full_disk_refuses_the_version(registry):
    """/dev/full answers every write as a full disk does."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")

    def write_to_full_disk() -> None:
        with registry.stage("team-1") as staging:
            (staging.path / "weights.safetensors").symlink_to("/dev/full")
            staging.write("weights.safetensors", b"x" * 100_000)

    with pytest.raises(StorageError, match="No space left"):
        write_to_full_disk()
    assert folders(registry) == []


def test_a_version_that_could_not_be_read_back_is_never_published(registry):
    with registry.stage("team-1") as staging:
        for file, data in (files_of() | {"weights.safetensors": b"too short"}).items():
            staging.write(file, data)
        with pytest.raises(VersionRefused, match="parameters") as refusal:
            staging.publish(PROVENANCE)
    assert refusal.value.code == "shape"
    assert folders(registry) == []


def stage_and_hang(home: Path, ready) -> None:
    with Registry(home).stage("team-1") as staging:
        staging.write("config.json", b"{}")
        ready.set()
        signal.pause()


def test_what_a_killed_writer_left_is_swept_by_the_next_and_a_living_ones_is_not(registry):
    context = multiprocessing.get_context("spawn")
    ready = [context.Event(), context.Event()]
    killed, living = (context.Process(target=stage_and_hang, args=(registry.home, event)) for event in ready)
    killed.start(), living.start()
    try:
        assert all(event.wait(60) for event in ready)
        killed.kill()
        killed.join()
        store(registry, "team-2")
        left = [name for name in folders(registry) if name.startswith(".staging-")]
        assert len(left) == 1
        assert left[0].startswith(f".staging-{living.pid}-")
    finally:
        living.kill()
        living.join()


def test_the_active_version_is_recorded_with_its_gen_and_where_rollback_goes(registry):
    for name in ("one", "two"):
        store(registry, name)
    assert registry.activate("one", 1) == Active("one", 1, None)
    assert registry.activate("two", 2) == Active("two", 2, "one")
    assert registry.activate("two", 2) == registry.active() == Active("two", 2, "one")  # twice changes nothing
    assert registry.activate("one", 3) == Active("one", 3, "two")
    assert registry.activate("one", 4, previous="one") == Active("one", 4, "one")


def test_a_version_that_is_not_there_never_becomes_active(registry):
    store(registry, "one")
    registry.activate("one", 1)
    with pytest.raises(VersionNotFound):
        registry.activate("two", 2)
    assert registry.active() == Active("one", 1, None)


@pytest.mark.parametrize("content", ["", "[]", '{"version": "one"}', '{"version": "one", "gen": -1, "previous": null}'])
def test_a_damaged_active_file_is_said_with_its_path_and_the_remedy(registry, content):
    registry.root.mkdir(parents=True)
    (registry.root / "ACTIVE").write_text(content)
    with pytest.raises(StorageError, match=r"ACTIVE.*Delete that file"):
        registry.active()


def test_the_active_and_the_previous_version_cannot_be_removed(registry):
    for name in ("one", "two", "three"):
        store(registry, name)
    registry.activate("one", 1)
    registry.activate("two", 2)
    registry.remove("three")
    for name in ("one", "two"):
        with pytest.raises(VersionInUse, match=name):
            registry.remove(name)
    with pytest.raises(VersionNotFound):
        registry.remove("three")
    assert folders(registry) == ["ACTIVE", "one", "two"]


def test_only_one_process_at_a_time_holds_the_lock(registry):
    code = "import sys; from pathlib import Path; from classifier.registry import Registry\n"
    code += "with Registry(Path(sys.argv[1])).lock(): print('in', flush=True)"
    with registry.lock():
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(registry.home)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1)
    assert other.communicate(timeout=60)[0] == "in\n"


def test_the_manifest_on_disk_is_plain_json_with_schema_sizes_and_sums(registry):
    store(registry, "team-1")
    manifest = json.loads((registry.root / "team-1" / "manifest.json").read_text())
    assert manifest["schema"] == 1
    assert manifest["files"]["tokenizer.json"]["size"] == 2
    assert manifest["base"] == "all-MiniLM-L6-v2"
