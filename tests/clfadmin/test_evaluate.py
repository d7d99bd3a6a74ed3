"""`clfadmin evaluate`: the measures of a version, for people and for programs."""

import json

import pytest

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
        "version", "data", "accuracy", "macro_f1", "per_label", "confusion",
        "ece", "ece_uncalibrated", "brier", "nll", "sure",
    }  # fmt: skip


def test_people_get_a_table_and_a_sentence_on_honesty_and_sureness(command, tiny_home, data):
    shown = command("evaluate", "tiny-b", "--data", data, "--home", tiny_home).out
    assert shown.startswith("tiny-b on ours.csv (4 texts)\n")
    assert [line.split()[:5] for line in shown.splitlines() if line.startswith("negative")] == [
        ["negative", "1.000", "0.500", "0.667", "2"]
    ]
    assert "accuracy 75.0 %" in shown
    assert "calibration error" in shown
    assert "sure (confidence from 0.50 on): 100.0 % of the texts, 75.0 % of them right" in shown


def test_several_files_are_one_evaluation(command, tiny_home, data, tmp_path):
    more = tmp_path / "more.jsonl"
    more.write_text('{"text": "awful", "label": "negative"}\n{"text": "", "label": "negative"}\n')
    answer = command("evaluate", "--data", data, "--data", more, "--json", "--home", tiny_home)
    assert answer.json["data"]["name"] == "ours.csv + more.jsonl"
    assert answer.json["data"]["n"] == 5
    assert "Left out 1 rows without text or label." in answer.err


def test_a_report_folder_gets_the_figures(command, tiny_home, data, tmp_path):
    folder = tmp_path / "new" / "report"
    answer = command("evaluate", "--data", data, "--report", folder, "--json", "--home", tiny_home)
    assert json.loads((folder / "metrics.json").read_text()) == answer.json
    reliability = json.loads((folder / "reliability.json").read_text())
    assert sum(bar["texts"] for bar in reliability["before"]) == sum(bar["texts"] for bar in reliability["after"]) == 4
    assert sorted(path.name for path in folder.iterdir()) == ["metrics.json", "reliability.json"]


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["--data", "nowhere.csv"], 1, "nowhere.csv does not exist."),
        (["--data", "tests"], 1, "tests is a folder."),
        (["none-such", "--data", "{data}"], 1, "No model version 'none-such'"),
        (["--data", "{data}", "--label-column", "mood"], 1, "has no column 'mood'. Found: 'text', 'label'."),
        ([], 2, "Missing option '--data'"),
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
