"""`clfadmin evaluate`: the measures of a version, for people and for programs."""

import csv
import json

import pytest

from classifier.manifest import Provenance
from classifier.registry import Registry
from classifier.weights import read_tensors, version_shapes, write_tensors
from clfadmin.metrics_view import show_metrics
from tests.classifier.report_examples import example

ROWS = "good build,positive\nbad build,negative\nit is today,neutral\ngreat,negative\n"


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "ours.csv"
    path.write_text("text,label\n" + ROWS)
    return path


def test_as_a_process_it_prints_the_agreed_json_and_nothing_else(clfadmin, tiny_home, data):
    answer = clfadmin("evaluate", "--data", data, "--json", CLF_HOME=str(tiny_home))
    assert answer.code == 0, answer.err
    assert answer.json["version"] == "tiny"  # the active one
    assert answer.json["data"]["name"] == "ours.csv"
    assert answer.json["data"]["n"] == 4
    assert answer.json["accuracy"] == 0.75
    assert answer.json["confusion"]["matrix"] == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    assert set(answer.json) == {
        "version", "data", "accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval", "per_label", "confusion",
        "temperature", "ece", "ece_uncalibrated", "brier", "brier_uncalibrated", "nll", "nll_uncalibrated", "sure",
        "reliability", "risk_coverage", "runtime", "slices", "mistakes", "suspected_label_errors",
        "suspected_label_errors_n",
    }  # fmt: skip
    assert [(item["text"], item["line"]) for item in answer.json["mistakes"]] == [("great", 5)]


def test_people_get_a_table_and_a_sentence_on_honesty_and_sureness(command, tiny_home, data):
    shown = command("evaluate", "tiny-b", "--data", data, "--home", tiny_home).out
    assert shown.startswith("tiny-b on ours.csv (4 texts)\n4 texts are too few to tell how good it is\n")
    rows = [line.split() for line in shown.splitlines() if line.startswith("negative")]
    assert rows[0][:5] == ["negative", "1.000", "0.500", "0.667", "2"]
    assert rows[1][:5] == ["negative", "→", "positive", "93", "%"]  # the one mistake
    assert rows[1][-1] == "ours.csv:5"
    assert "75.0 % of 4 texts are labelled right" in shown
    assert "in brackets before calibration" in shown
    assert "Sure (confidence from 0.50 on) of 100.0 % of the texts, 75.0 % of them right." in shown


def test_with_many_labels_the_terminal_names_the_largest_confusion_instead_of_a_matrix(capsys):
    document = example(600, labels=tuple(f"label-{number}" for number in range(12)), text="a\x1b[31m\nb")
    show_metrics(document)
    shown = capsys.readouterr().out
    row = next(line for line in shown.splitlines() if line.startswith("label-3 ")).split()
    matrix = document["confusion"]["matrix"]
    count, other = max((count, other) for other, count in enumerate(matrix[3]) if other != 3)
    assert row[4:] == [str(sum(matrix[3])), f"label-{other}", str(count)]
    assert "\x1b" not in shown  # nothing that others wrote steers the terminal


def test_several_files_are_one_evaluation(command, tiny_home, data, tmp_path):
    more = tmp_path / "more.jsonl"
    more.write_text('{"text": "awful", "label": "negative"}\n{"text": "", "label": "negative"}\n')
    answer = command("evaluate", "--data", data, "--data", more, "--json", "--home", tiny_home)
    assert answer.json["data"]["name"] == "ours.csv + more.jsonl"
    assert answer.json["data"]["n"] == 5
    assert "Left out 1 rows without text or label." in answer.err


def test_a_report_folder_gets_the_page_and_the_figures(command, tiny_home, data, tmp_path):
    folder = tmp_path / "new" / "report"
    answer = command("evaluate", "--data", data, "--report", folder, "--json", "--home", tiny_home)
    assert json.loads((folder / "metrics.json").read_text()) == answer.json
    assert sorted(path.name for path in folder.iterdir()) == ["metrics.json", "report.html"]
    page = (folder / "report.html").read_text()
    assert "Evaluation of tiny on ours.csv, 4 texts, 2" in page
    assert "ours.csv:5" in page


@pytest.fixture
def other_labels(tiny_home):
    """The name of a version with two labels in the same home."""
    from tests import tiny_model

    config = tiny_model.tiny_config(labels=("negative", "positive"))
    return tiny_model.make_version(Registry(tiny_home), "two", config=config).name


@pytest.fixture
def worse(tiny_home):
    """The name of a version that takes good for bad: its head's outer rows are swapped."""
    from tests import tiny_model

    registry, config = Registry(tiny_home), tiny_model.tiny_config()
    files = registry.get("tiny").read_verified()
    tensors = read_tensors(files["weights.safetensors"], version_shapes(config))
    for name in ("head.0.weight", "head.0.bias"):
        tensors[name] = tensors[name][::-1].copy()
    files["weights.safetensors"] = write_tensors(tensors)
    with registry.stage("worse") as staging:
        for name, content in files.items():
            staging.write(name, content)
        return staging.publish(Provenance(base="tiny", seed=1)).name


def test_against_a_worse_version_it_is_better_and_says_what_changed(command, tiny_home, worse, tmp_path):
    path, changed = tmp_path / "ours.csv", tmp_path / "changed.csv"
    path.write_text("text,label\n" + "good build,positive\nbad build,negative\nit is today,neutral\n" * 20)
    arguments = ("evaluate", "--data", path, "--home", tiny_home, "--against", worse)
    answer = command(*arguments, "--changed", changed, "--json")
    against = answer.json["against"]
    assert {name: against[name] for name in ("version", "verdict", "changed", "fixed", "broken")} == {
        "version": "worse", "verdict": "better", "changed": 40, "fixed": 40, "broken": 0,
    }  # fmt: skip
    assert 0 < against["low"] <= against["difference"] <= against["high"]
    with changed.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert rows[0] == {
        "text": "good build", "expected": "positive", "before": "negative", "after": "positive", "change": "fixed",
        "file": "ours.csv", "line": "2",
    }  # fmt: skip
    shown = command(*arguments).out
    assert shown.startswith("tiny on ours.csv (60 texts)\ntiny is better than worse\n")
    assert "Texts with another label than from worse: 40" in shown


def test_all_changed_texts_can_be_json_lines_as_well(command, tiny_home, worse, data, tmp_path):
    changed = tmp_path / "changed.jsonl"
    answer = command(
        "evaluate", "--data", data, "--against", worse, "--changed", changed, "--json", "--home", tiny_home
    )
    rows = [json.loads(line) for line in changed.read_text().splitlines()]
    assert sorted(rows, key=str) == sorted(answer.json["against"]["changed_texts"], key=str)
    assert rows[0]["text"] == "good build"


def test_versions_with_other_labels_are_one_clear_error(command, tiny_home, other_labels, data):
    answer = command("evaluate", "--data", data, "--against", other_labels, "--home", tiny_home)
    assert (answer.code, answer.out) == (1, "")
    assert "'tiny' has the labels negative, neutral, positive; 'two' has negative, positive." in answer.err


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["--data", "nowhere.csv"], 1, "nowhere.csv does not exist."),
        (["--data", "tests"], 1, "tests is a folder."),
        (["none-such", "--data", "{data}"], 1, "No model version 'none-such'"),
        (["--data", "{data}", "--label-column", "mood"], 1, "has no column 'mood'. Found: 'text', 'label'."),
        (["--data", "{data}", "--against", "none-such"], 1, "No model version 'none-such'"),
        (["--data", "{data}", "--report", "{data}"], 2, "is a file. Name a folder."),
        (["--data", "{data}", "--changed", "x.csv"], 2, "--changed needs --against VERSION."),
        (
            ["--data", "{data}", "--against", "tiny-b", "--changed", "x.txt"],
            2,
            "--changed x.txt should end in .csv, .tsv or",
        ),
        ([], 2, "Name --data or --feedback"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(command, tiny_home, data, arguments, code, problem):
    answer = command("evaluate", *(part.format(data=data) for part in arguments), "--home", tiny_home)
    assert answer.code == code
    assert answer.out == ""
    assert problem in answer.err
    assert answer.err.count("\n") == 1


def test_a_damaged_version_is_refused(command, tiny_home, data):
    weights = tiny_home / "models" / "tiny" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    answer = command("evaluate", "--data", data, "--home", tiny_home)
    assert answer.code == 3
    assert answer.err.startswith("error: refused (sha256): tiny/weights.safetensors was changed")
