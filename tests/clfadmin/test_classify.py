"""`clfadmin classify`: a few texts, or a whole file, there whole or not at all."""

import csv
import json
import signal
import subprocess
import sys

import pytest

from tests.clfadmin.conftest import REPOSITORY, scrubbed
from tests.conftest import wait_until


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text('id,text\n1,good build\n2,"bad, bad\nbuild"\n3,=it is\n')
    return path


def test_as_a_process_it_prints_the_agreed_json_and_nothing_else(clfadmin, tiny_home):
    answer = clfadmin("classify", "good build", "I hate it", "--json", CLF_HOME=str(tiny_home))
    assert (answer.code, answer.err) == (0, "")
    assert [item["label"] for item in answer.json] == ["positive", "negative"]
    first = answer.json[0]
    assert list(first) == ["text", "label", "confidence", "scores", "sure", "version", "truncated"]
    assert first["text"] == "good build"
    assert first["confidence"] == first["scores"]["positive"] == max(first["scores"].values())
    assert (first["sure"], first["version"], first["truncated"]) == (True, "tiny", False)


def test_people_get_one_line_a_text_with_at_most_99_percent(command, tiny_home):
    lines = command("classify", "good  build\nthanks", "bad", "--home", tiny_home).out.splitlines()
    assert len(lines) == 2
    label, percent, sign, *words = lines[0].split()
    assert (label, sign, words) == ("positive", "%", ["good", "build", "thanks"])
    assert 50 < int(percent) <= 99


def test_a_named_version_is_used(command, tiny_home):
    (item,) = command("classify", "good", "--model", "tiny-b", "--json", "--home", tiny_home).json
    assert item["version"] == "tiny-b"


def test_a_file_becomes_a_csv_with_a_column_for_each_score(command, tiny_home, texts, tmp_path):
    answer = command("classify", "--file", texts, "--out", tmp_path / "out.csv", "--home", tiny_home)
    assert answer.out == f"Labelled 3 texts with tiny: {tmp_path}/out.csv\n"
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["text"], row["label"]) for row in rows] == [
        ("good build", "positive"), ("bad, bad\nbuild", "negative"), ("=it is", "neutral"),
    ]  # fmt: skip
    assert float(rows[0]["score:positive"]) == pytest.approx(float(rows[0]["confidence"]), abs=1e-6)


def test_a_file_becomes_jsonl_of_the_agreed_items(command, tiny_home, texts, tmp_path):
    answer = command("classify", "--file", texts, "--out", tmp_path / "out.jsonl", "--json", "--home", tiny_home)
    assert answer.json == {"rows": 3, "out": str(tmp_path / "out.jsonl"), "version": "tiny"}
    items = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert items == command("classify", "--file", texts, "--json", "--home", tiny_home).json


def test_plain_text_and_another_column_are_read_too(command, tiny_home, tmp_path):
    (tmp_path / "in.txt").write_text("good\nbad\n")
    (tmp_path / "in.tsv").write_text("body\tlabel\ngood\tx\nbad\ty\n")
    first = command("classify", "--file", tmp_path / "in.txt", "--json", "--home", tiny_home)
    second = command("classify", "--file", tmp_path / "in.tsv", "--text-column", "body", "--json", "--home", tiny_home)
    assert [item["label"] for item in first.json] == [item["label"] for item in second.json] == ["positive", "negative"]


def test_any_text_at_all_gets_an_answer(command, tiny_home):
    texts = ["", "\x00", "👍" * 50_000, "e" + "\u0301" * 40_000, "\udc80", "``` code ```", "\u202e", "--help"]
    items = command("classify", "--json", "--home", tiny_home, "--", *texts).json
    assert len(items) == len(texts)
    assert {item["label"] for item in items} <= {"negative", "neutral", "positive"}
    assert [item["truncated"] for item in items] == [len(text) > 8000 for text in texts]


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["a text", "--file", "{texts}"], 2, "Give either texts or --file IN."),
        (["a text", "--out", "out.csv"], 2, "--out needs --file IN."),
        (["--file", "{texts}", "--out", "{texts}"], 2, "--out would overwrite --file."),
        (["--file", "{texts}", "--out", "out.xlsx"], 2, "should end in .csv or .jsonl."),
        (["--file", "{texts}", "--out", "no/such/folder/out.csv"], 2, "there is no folder no/such/folder."),
        (["a text", "--runtime", "gpu"], 2, "--runtime"),
        (["--file", "nowhere.csv"], 1, "nowhere.csv does not exist."),
        (["--file", "{texts}", "--text-column", "body"], 1, "has no column 'body'. Found: 'id', 'text'."),
        (["a text", "--model", "none-such"], 1, "No model version 'none-such'"),
    ],
)
def test_what_cannot_be_classified_is_one_line(command, tiny_home, texts, arguments, code, problem):
    answer = command("classify", *(part.format(texts=texts) for part in arguments), "--home", tiny_home)
    assert (answer.code, answer.out) == (code, "")
    assert problem in answer.err
    assert answer.err.count("\n") == 1


def test_a_bad_line_far_down_leaves_no_output(command, tiny_home, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\n' * 5000 + "oops\n")
    answer = command("classify", "--file", tmp_path / "in.jsonl", "--out", tmp_path / "out.csv", "--home", tiny_home)
    assert answer.code == 1
    assert "in.jsonl, line 5001: no JSON object." in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in.jsonl"]


def test_a_full_disk_is_one_line_and_leaves_no_output(command, tiny_home, texts, tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("classifier.durable.os.fsync", full)
    answer = command("classify", "--file", texts, "--out", tmp_path / "out.csv", "--home", tiny_home)
    assert answer.code == 1
    assert answer.err.startswith(f"error: No space left on the disk while writing {tmp_path}/out.csv.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in.csv"]


def test_ctrl_c_leaves_no_half_written_file(tiny_home, tmp_path):
    source, out = tmp_path / "in.txt", tmp_path / "out.jsonl"
    source.write_text("good build\n" * 2_000_000)  # takes minutes, so the interruption comes in the middle
    process = subprocess.Popen(
        [sys.executable, "-m", "clfadmin", "classify", "--file", source, "--out", out, "--home", tiny_home],
        env=scrubbed(), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: any(draft.stat().st_size for draft in tmp_path.glob(".out.jsonl.*")), "the first rows", 120)
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert printed == ""
    assert errors.splitlines()[-1] == "interrupted, nothing was changed"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in.txt"]
