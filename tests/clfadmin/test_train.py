"""`clfadmin train`: labelled texts in, a stored version out, or nothing at all."""

import json
import signal
import subprocess
import sys
import time

import pytest

from classifier.registry import Registry
from tests.clfadmin.conftest import REPOSITORY, scrubbed
from tests.plain_version import store

WORDS = {
    "negative": ("bad", "awful", "hate", "broken"),
    "neutral": ("it", "is", "the", "build"),
    "positive": ("good", "love"),
}
QUICK = ("--epochs", "3", "--batch-size", "8", "--learning-rate", "0.01", "--max-length", "16")


@pytest.fixture
def data(tmp_path):
    """90 rows whose labels are their words' feelings."""
    path = tmp_path / "ours.csv"
    rows = [
        f"{words[number % len(words)]} {words[number // 5 % len(words)]} today{' it' * (number % 7)} {number},{label}"
        for label, words in WORDS.items()
        for number in range(30)
    ]
    path.write_text("text,label\n" + "\n".join(rows))
    return path


def test_as_a_process_it_stores_a_version_and_prints_the_agreed_json(clfadmin, home, data, tiny_base):
    options = ("--base", tiny_base, "--name", "team-1", "--emoji", "positive=:tada:", "--pooling", "max")
    answer = clfadmin("train", data, *QUICK, *options, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["version"] == "team-1"
    assert answer.json["data"]["n"] == 9  # a tenth of each label
    assert answer.json["macro_f1"] > 0.6
    assert answer.json["examples"] == 81
    assert answer.json["epochs_run"] >= answer.json["best_epoch"] >= 1
    assert (answer.json["serving"]["runtime"] == "keras") == bool(answer.json["serving"]["reason"])
    assert [line.split(":")[0] for line in answer.err.splitlines()] == [
        f"epoch {number} of 3" for number in range(1, answer.json["epochs_run"] + 1)
    ]
    version = Registry(home).get("team-1")
    assert version.config.emoji["positive"] == ":tada:"
    assert version.config.pooling == "max"
    assert version.manifest.provenance.macro_f1 == answer.json["macro_f1"]
    metrics = json.loads((version.path / "report" / "metrics.json").read_text())
    assert metrics["confusion"] == answer.json["confusion"]


def test_people_get_the_scores_and_what_to_do_next(command, home, data, tiny_base):
    answer = command("train", data, *QUICK, "--base", tiny_base, "--epochs", "1")
    (name,) = Registry(home).names()
    assert answer.code == 0
    assert answer.out.startswith(f"{name} on ours.csv, 10% held out (9 texts)\n")
    assert f"clfadmin swap-model {name}" in answer.out.splitlines()[-1]


def test_the_design_is_chosen_by_options(command, home, data, tiny_base):
    design = ("--pooling", "cls", "--hidden", "12", "--hidden", "6", "--dropout", "0.2", "--label-smoothing", "0.1")
    assert command("train", data, *QUICK, "--epochs", "1", "--base", tiny_base, "--name", "cls", *design).code == 0
    config = Registry(home).get("cls").config
    assert (config.pooling, config.head.hidden, config.head.dropout) == ("cls", (12, 6), 0.2)


@pytest.mark.parametrize(
    ("options", "code", "problem"),
    [
        (["--emoji", "positive=tada"], 2, "Invalid value for --emoji: 'tada' is no Slack emoji."),
        (["--emoji", "happy=:tada:"], 1, "An emoji is given for 'happy', which is no label here."),
        (["--name", "Team 1"], 1, "'Team 1' can't be a version's name"),
        (["--name", "taken"], 1, "A version 'taken' exists in"),
        (["--label-column", "mood"], 1, "has no column 'mood'. Found: 'text', 'label'."),
        (["--valid", "nowhere.csv"], 1, "nowhere.csv does not exist."),
        (["--valid", "{data}"], 1, "Every text of ours.csv is in ours.csv too"),
        (["--base", "/no/such/folder"], 1, "/no/such/folder"),
        (["--pooling", "median"], 2, "--pooling"),
        (["--dropout", "1"], 2, "--dropout"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_stores_nothing(command, home, data, tiny_base, options, code, problem):
    store(Registry(home), "taken")
    options = [option.format(data=data) for option in options]
    answer = command("train", data, *QUICK, "--base", tiny_base, *options)
    assert (answer.code, answer.out) == (code, "")
    assert problem in answer.err
    assert answer.err.count("\n") == 1
    assert [entry.name for entry in (home / "models").iterdir() if "lock" not in entry.name] == ["taken"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"text,label\na,x\nb,x\n", "All 2 rows of bad.csv have the label 'x'"),
        (b"text,label\na,x\nb,y\n", "Label 'x' has one row only in bad.csv"),
        (b"text,label\na,x\n\xff,y\n", "bad.csv, line 3: byte 1 (0xff) is no UTF-8."),
        (b"", "bad.csv is empty."),
    ],
)
def test_bad_data_is_named_with_file_and_line(command, tmp_path, content, problem):
    (tmp_path / "bad.csv").write_bytes(content)
    answer = command("train", tmp_path / "bad.csv")
    assert answer.code == 1
    assert problem in answer.err
    assert answer.err.count("\n") == 1


def test_ctrl_c_leaves_nothing_behind(home, data, tiny_base):
    arguments = [
        "train",
        data,
        *QUICK,
        "--epochs",
        "1000",
        "--patience",
        "1000",
        "--base",
        tiny_base,
        "--name",
        "team-1",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "clfadmin", *map(str, arguments), "--home", str(home)],
        env=scrubbed(), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch 1 of 1000")
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert time.monotonic() - started < 20
    assert process.returncode == 130
    assert printed == ""
    assert errors.splitlines()[-1] == "Training was interrupted. Nothing was stored."
    assert [entry.name for entry in (home / "models").iterdir() if "lock" not in entry.name] == []
