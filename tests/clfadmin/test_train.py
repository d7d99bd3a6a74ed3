"""`clfadmin train`: labelled texts in, a stored version out, or nothing at all."""

import json
import signal
import subprocess
import sys

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
    assert answer.json["data_report"]["labels"]["neutral"] == {"train": 27, "valid": 3, "share": 0.3333}
    assert answer.json["data_report"]["tokens"]["max_length"] == 16
    told = [line.split(":")[0] for line in answer.err.splitlines() if not line.startswith("training:")]
    assert told == [f"epoch {number} of 3" for number in range(1, answer.json["epochs_run"] + 1)]
    version = Registry(home).get("team-1")
    assert version.config.emoji["positive"] == ":tada:"
    assert version.config.pooling == "max"
    assert version.manifest.provenance.macro_f1 == answer.json["macro_f1"]
    metrics = json.loads((version.path / "report" / "metrics.json").read_text())
    assert metrics["confusion"] == answer.json["confusion"]


def test_people_get_a_look_at_the_data_the_scores_and_what_to_do_next(command, home, data, tiny_base):
    answer = command("train", data, *QUICK, "--base", tiny_base, "--epochs", "1")
    (name,) = Registry(home).names()
    assert answer.code == 0
    assert answer.err.splitlines()[:4] == [
        "data: 81 texts to train on, 9 to validate on",
        "labels: negative 27 (33%), neutral 27 (33%), positive 27 (33%)",
        "alike to the model: 4 training texts repeat another",  # no number is in the tiny vocabulary
        "length: half of the texts have up to 9 tokens, 99 % up to 12",
    ]
    assert answer.out.startswith(f"{name} on ours.csv, 10% held out (9 texts)\n")
    assert f"clfadmin swap-model {name}" in answer.out.splitlines()[-1]


def test_several_files_are_sources_with_scores_of_their_own(command, data, tmp_path, tiny_base):
    more = tmp_path / "more.csv"
    more.write_text(data.read_text().replace("today", "today today"))
    answer = command("train", data, more, *QUICK, "--base", tiny_base, "--epochs", "1", "--json")
    assert answer.code == 0, answer.err
    sources = {name: counts["valid"] for name, counts in answer.json["data_report"]["sources"].items()}
    assert sources.keys() == {"ours.csv", "more.csv"}
    scores = answer.json["slices"]["source"]
    assert {name: item["n"] for name, item in scores.items()} == sources
    assert all(0 <= item["macro_f1"] <= 1 for item in scores.values())


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
        (["--resume", "other"], 1, "No training of 'other' was interrupted in"),
        (["--discard", "other"], 2, "It trains nothing: leave out DATA and the other options."),
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


def test_without_data_there_is_nothing_to_train_on(command):
    answer = command("train", "--epochs", "1")
    assert (answer.code, answer.err.splitlines()[-1]) == (2, "error: Invalid value for DATA: Name at least one file.")


def test_ctrl_c_says_how_to_go_on_and_going_on_keeps_to_what_was_asked_for(command, home, data, tiny_base):
    """At a rate that learns nothing, it is the patience that ends the training: 60 epochs after the first."""
    asked = ["train", data, "--base", tiny_base, "--name", "team-1", "--batch-size", "8", "--max-length", "16"]
    asked += ["--learning-rate", "1e-8", "--epochs", "1000", "--patience", "60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "clfadmin", *map(str, asked), "--home", str(home), "--json"],
        env=scrubbed(), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert [process.stderr.readline()[:15] for _ in range(2)] == ["epoch 1 of 1000", "epoch 2 of 1000"]
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert errors.splitlines()[-1].endswith("Go on after its last whole epoch with `clfadmin train --resume team-1`.")
    assert Registry(home).names() == []
    assert "--resume team-1" in command(*asked).err  # a second training of that name is refused
    assert "epochs was 1000, now it is 7." in command("train", "--resume", "team-1", "--epochs", "7").err
    answer = command(*asked, "--resume", "team-1", "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["epochs_run"], answer.json["best_epoch"]) == (61, 1)
    assert "team-1: going on after epoch" in answer.err.splitlines()[0]
    assert "epoch 2 of 1000: loss" not in answer.err
    assert Registry(home).names() == ["team-1"]
    assert "No training of 'team-1' was interrupted" in command("train", "--resume", "team-1").err


def test_an_interrupted_training_can_be_dropped(command, home):
    Registry(home).root.mkdir(parents=True)
    (home / "training" / "team-1").mkdir(parents=True)
    assert command("train", "--discard", "team-1").out == "Dropped what was left of the training of team-1.\n"
    assert not (home / "training" / "team-1").exists()
