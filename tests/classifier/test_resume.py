"""A training that is interrupted: what is kept of it, who may touch it, and that it ends as if nothing had happened."""

import dataclasses
import hashlib
import pickle
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from classifier import resume, training
from classifier.errors import (
    BadVersionName,
    ClassifierError,
    DataError,
    StorageError,
    TrainingDiverged,
    TrainingInterrupted,
    VersionExists,
)
from classifier.manifest import DataFile
from classifier.recipe import Begun, EpochEnd, Progress, Stage, TrainConfig
from classifier.registry import Registry
from classifier.resume import Checkpoint, Order
from tests.tiny_training import config_for, write_rows

REPOSITORY = Path(__file__).parents[2]
# A training in a process of its own, which kills itself with the signal nobody can catch at a step.
KILLED = """
import os, pickle, signal, sys
from pathlib import Path
from classifier.recipe import Progress
from classifier.registry import Registry
from classifier import training
home, config, step = Path(sys.argv[1]), pickle.loads(bytes.fromhex(sys.argv[2])), int(sys.argv[3])
def report(news):
    if isinstance(news, Progress) and news.step == step:
        os.kill(os.getpid(), signal.SIGKILL)
registry = Registry(home)
if config is None:
    training.resume_version("mine", registry, report=report)
else:
    training.train_version(config, registry, report=report)
"""


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "home")


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    return config_for(tmp_path)


def sha256_of_weights(version) -> str:
    return hashlib.sha256(version.read_verified()["weights.safetensors"]).hexdigest()


def interrupted_at(step: int):
    def report(news):
        if isinstance(news, Progress) and news.step == step:
            raise KeyboardInterrupt

    return report


def kill_at(home: Path, config: TrainConfig | None, step: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), pickle.dumps(config).hex(), str(step)],
        cwd=REPOSITORY, timeout=100,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL


def test_a_training_killed_twice_and_resumed_is_the_unbroken_one_bit_for_bit(config, registry, tmp_path):
    """Killed in its first epoch it begins anew, in its third it goes on; the weights have the same sha256."""
    unbroken = training.train_version(config, Registry(tmp_path / "other"), report=lambda news: None)
    steps = -(-unbroken.examples // config.batch_size)
    kill_at(registry.home, config, 3)
    kill_at(registry.home, None, 2 * steps + 3)
    assert (registry.names(), resume.unfinished(registry)) == ([], ["mine"])
    news: list = []
    outcome = training.resume_version("mine", registry, report=news.append)
    assert sha256_of_weights(outcome.version) == sha256_of_weights(unbroken.version)
    assert outcome.version.config == unbroken.version.config
    assert outcome.metrics == unbroken.metrics
    assert (outcome.epochs_run, outcome.best_epoch) == (unbroken.epochs_run, unbroken.best_epoch)
    assert outcome.data_report == unbroken.data_report
    assert next(item for item in news if isinstance(item, Begun)) == Begun("mine", 2, 3)
    assert [item.epoch for item in news if isinstance(item, EpochEnd)] == [3]
    assert resume.unfinished(registry) == []


def test_ctrl_c_after_an_epoch_says_how_to_go_on_and_going_on_stores_the_version(config, registry):
    with pytest.raises(TrainingInterrupted, match=r"clfadmin train --resume mine`\.$"):
        training.train_version(config, registry, report=interrupted_at(30))
    assert (registry.names(), resume.unfinished(registry)) == ([], ["mine"])
    outcome = training.resume_version("mine", registry, report=lambda news: None)
    assert outcome.epochs_run == 3
    assert (registry.names(), resume.unfinished(registry)) == (["mine"], [])


def test_a_disk_that_is_full_when_the_version_is_stored_costs_no_epoch(config, registry):
    def full(news):
        if isinstance(news, Stage) and news.what.startswith("calibrating"):
            raise StorageError("No space left on the disk.")

    with pytest.raises(StorageError, match=r"^No space left on the disk\. Go on after .* --resume mine`\.$"):
        training.train_version(dataclasses.replace(config, epochs=1), registry, report=full)
    news: list = []
    assert training.resume_version("mine", registry, report=news.append).epochs_run == 1
    assert not [item for item in news if isinstance(item, Progress)]


def test_ctrl_c_in_the_first_epoch_leaves_nothing(config, registry):
    with pytest.raises(TrainingInterrupted, match=r"Nothing was stored: not one epoch was finished\.$"):
        training.train_version(config, registry, report=interrupted_at(3))
    assert (registry.names(), resume.unfinished(registry)) == ([], [])
    assert not list(registry.root.glob("*staging-*"))


def test_changed_data_and_a_changed_base_are_refused(config, registry):
    with pytest.raises(TrainingInterrupted):
        training.train_version(config, registry, report=interrupted_at(30))
    original = config.data[0].read_bytes()
    write_rows(config.data[0], 160, seed=2)
    with pytest.raises(DataError, match=r"rows\.jsonl was changed since the training began: its sha256"):
        training.resume_version("mine", registry, report=lambda news: None)
    config.data[0].write_bytes(original)
    weights = Path(config.base, "model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(DataError, match="base was changed"):
        training.resume_version("mine", registry, report=lambda news: None)
    assert resume.unfinished(registry) == ["mine"]


def test_a_diverged_training_is_not_kept(config, registry):
    def diverge(news):
        if isinstance(news, Progress) and news.step == 30:  # in its second epoch
            raise TrainingDiverged("diverged")

    with pytest.raises(TrainingDiverged):
        training.train_version(config, registry, report=diverge)
    assert resume.unfinished(registry) == []


def checkpoint(epochs: int = 1) -> Checkpoint:
    history = tuple(EpochEnd(number, 3, 0.5, 0.25, best=number == 1) for number in range(1, epochs + 1))
    return Checkpoint(history, 20 * epochs, 1.5, {"now.0": np.arange(6.0).reshape(2, 3), "best.0": np.array(7)})


def order(config: TrainConfig) -> Order:
    return Order(resume.absolute(config), (DataFile("rows.jsonl", "0" * 64, 160),), "1" * 64)


@contextmanager
def interrupted_work(door, registry):
    """The folder of the training, which is interrupted when the block ends."""
    with suppress(KeyboardInterrupt), door(registry, "mine") as work:
        yield work
        raise KeyboardInterrupt


@pytest.fixture
def interrupted(registry, config):
    """A home with a training that has a checkpoint."""
    with interrupted_work(resume.begin, registry) as work:
        work.write_order(order(config))
        work.save(checkpoint())
    return registry


def test_what_was_asked_for_and_where_it_stood_are_read_back_unchanged(interrupted, config):
    config = dataclasses.replace(config, hidden=(8, 4), valid=[config.data[0]])
    with resume.go_on(interrupted, "mine") as work:
        work.write_order(order(config))
        work.save(checkpoint(2))
        assert work.read_order() == order(config)
        found = work.load()
        assert (found.history, found.steps, found.seconds) == (checkpoint(2).history, 40, 1.5)
        assert found.arrays.keys() == {"now.0", "best.0"}
        assert np.array_equal(found.arrays["now.0"], checkpoint().arrays["now.0"])


def test_a_name_whose_training_was_interrupted_is_not_given_to_another(interrupted):
    with pytest.raises(ClassifierError, match="--resume mine`, drop it with `clfadmin train --discard mine`"):
        resume.check_new(interrupted, "mine")
    with pytest.raises(ClassifierError, match="--resume mine"), resume.begin(interrupted, "mine"):
        pytest.fail("began")
    resume.discard(interrupted, "mine")
    with resume.begin(interrupted, "mine") as work:
        assert not work.has_checkpoint


def test_one_process_at_a_time(interrupted):
    with resume.go_on(interrupted, "mine") as work:
        for other in (resume.go_on, resume.begin):
            with pytest.raises(ClassifierError, match="Another process is training 'mine'"), other(interrupted, "mine"):
                pytest.fail("two at once")
        with pytest.raises(ClassifierError, match="Another process"):
            resume.discard(interrupted, "mine")
        assert work.has_checkpoint


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(interrupted):
    """What was half written is removed when the training goes on."""
    folder = interrupted.home / "training" / "mine"
    with interrupted_work(resume.go_on, interrupted):
        (folder / ".checkpoint.npz.1-abcd").write_bytes(b"half")
    with interrupted_work(resume.go_on, interrupted) as work:
        assert work.load().history == checkpoint().history
        assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.npz", "order.json"]


def test_nobody_else_may_read_what_is_kept(interrupted):
    for folder in (interrupted.home / "training", interrupted.home / "training" / "mine"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_there_is_nothing_to_resume_where_nothing_was_interrupted(interrupted):
    with pytest.raises(ClassifierError, match=r"No training of 'other' was interrupted in .*\. Interrupted: mine\."):
        resume.read_order(interrupted, "other")
    with pytest.raises(BadVersionName):
        resume.read_order(interrupted, "../models")


def test_options_given_again_must_be_what_they_were(interrupted, config):
    known = resume.read_order(interrupted, "mine")
    given = ["data", "valid", "name", "base", "epochs", "hidden", "emoji", "precision"]
    resume.check_same(known, config, given)
    changed = dataclasses.replace(config, epochs=5, data=[*config.data, Path("more.csv")], hidden=(4, 2))
    resume.check_same(known, changed, ["seed"])
    for option, problem in {
        "epochs": r"'mine' began with other options: epochs was 3, now it is 5\. Leave it out",
        "data": r"data was .*rows\.jsonl, now it is .*rows\.jsonl .*more\.csv\.",
        "hidden": r"hidden was none, now it is 4 2\.",
    }.items():
        with pytest.raises(ClassifierError, match=problem):
            resume.check_same(known, changed, [option])


def test_a_training_that_died_after_storing_its_version_is_tidied_up(interrupted):
    (interrupted.root / "mine").mkdir(parents=True)
    (interrupted.root / "mine" / "manifest.json").touch()
    with pytest.raises(VersionExists, match="the version is stored"), resume.go_on(interrupted, "mine"):
        pytest.fail("went on")
    assert resume.unfinished(interrupted) == []


@pytest.mark.parametrize("file", ["order.json", "checkpoint.npz"])
def test_what_is_damaged_or_of_another_version_of_this_program_is_told_in_one_line(interrupted, file):
    path = interrupted.home / "training" / "mine" / file
    path.write_bytes(path.read_bytes().replace(b'"lora"', b'"rank"')[:-40])
    with interrupted_work(resume.go_on, interrupted) as work:
        read = work.read_order if file == "order.json" else work.load
        with pytest.raises(
            ClassifierError, match=rf"'mine' cannot go on: .*/{file} is damaged or from another version"
        ):
            read()


def test_a_kill_before_the_data_was_read_leaves_the_name_free(interrupted):
    (interrupted.home / "training" / "early").mkdir()
    with pytest.raises(ClassifierError, match=r"Begin it again with `clfadmin train DATA --name early`\."):
        resume.read_order(interrupted, "early")
    with resume.begin(interrupted, "early") as work:
        assert not work.has_checkpoint


def test_the_options_mean_the_same_from_any_folder(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = dataclasses.replace(config, data=[Path("rows.jsonl")], base="checkpoint")
    assert resume.absolute(relative) == dataclasses.replace(
        config,
        data=[(tmp_path / "rows.jsonl").resolve()],
        valid=[],
        anchor=[],
        base=str((tmp_path / "checkpoint").resolve()),
    )
    assert resume.absolute(dataclasses.replace(config, base="bert-base-uncased")).base == "bert-base-uncased"
