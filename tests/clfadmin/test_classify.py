"""`clfadmin classify`: a few texts, or a whole file, there whole or not at all."""

import csv
import json
from pathlib import Path

import pytest

from classifier.rows import Columns, RowFile


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
    assert answer.json == {"rows": 3, "without_text": 0, "out": str(tmp_path / "out.jsonl"), "version": "tiny"}
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
        (["a text", "--restart"], 2, "--force and --restart need --out OUT."),
        (["--file", "{texts}", "--out", "{texts}", "--force"], 2, "--out would overwrite --file."),
        (["--file", "{texts}", "--out", "out.xlsx"], 2, "should end in .csv, .tsv or .jsonl."),
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


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_what_is_written_can_be_read_again_row_by_row(command, tiny_home, tmp_path, suffix):
    """A lone carriage return ends a row for some readers, a quote hides what follows: both are quoted."""
    texts = ["a\rb", 'say "hi"', '"quoted"', '"half', "", "one\ttwo\nthree", ",;|", "\x00", "naïve 👍"]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    out = tmp_path / f"out{suffix}"
    assert command("classify", "--file", tmp_path / "in.jsonl", "--out", out, "--home", tiny_home).code == 0
    rows = [(row.text, row.label) for row in RowFile(out, Columns("text", "label"))]
    labels = [item["label"] for item in command("classify", "--json", "--home", tiny_home, "--", *texts).json]
    if suffix == ".tsv":
        texts = [text.translate({9: " ", 10: " ", 13: " "}) for text in texts]
    assert rows == list(zip(texts, labels, strict=True))


def test_rows_without_text_are_labelled_and_counted(command, tiny_home, tmp_path):
    (tmp_path / "in.csv").write_text('id,text\n1,good\n2,\n3," "\n')
    first, second = tmp_path / "out.csv", tmp_path / "out.jsonl"
    answer = command("classify", "--file", tmp_path / "in.csv", "--out", first, "--home", tiny_home)
    assert answer.out == f"Labelled 3 texts (2 without text) with tiny: {first}\n"
    answer = command("classify", "--file", tmp_path / "in.csv", "--out", second, "--json", "--home", tiny_home)
    assert (answer.json["rows"], answer.json["without_text"]) == (3, 2)
    assert [json.loads(line)["sure"] for line in second.read_text().splitlines()] == [True, False, False]


def test_a_file_that_is_there_is_replaced_only_when_asked(command, tiny_home, texts, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("mine\n")
    arguments = ["classify", "--file", texts, "--out", out, "--home", tiny_home]
    answer = command(*arguments)
    assert (answer.code, out.read_text()) == (2, "mine\n")
    assert "out.csv is there already. Name another file, or replace it with --force." in answer.err
    assert command(*arguments, "--force").code == 0
    assert len(list(RowFile(out, Columns("text", "label")))) == 3


def test_a_file_without_rows_becomes_one_without_rows(command, tiny_home, tmp_path):
    (tmp_path / "in.csv").write_text("text\n")
    command("classify", "--file", tmp_path / "in.csv", "--out", tmp_path / "out.csv", "--home", tiny_home)
    assert list(RowFile(tmp_path / "out.csv", Columns("text", "label"))) == []
    assert names(tmp_path) == ["home", "in.csv", "out.csv"]


def test_a_bad_line_at_the_start_leaves_nothing(command, tiny_home, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "good"}\n' * 50 + "oops\n")
    answer = command("classify", "--file", tmp_path / "in.jsonl", "--out", tmp_path / "out.csv", "--home", tiny_home)
    assert answer.code == 1
    assert answer.err.endswith("in.jsonl, line 51: no JSON object. JSONL has one object on each line.\n")
    assert names(tmp_path) == ["home", "in.jsonl"]


def test_a_full_disk_is_one_line_and_leaves_no_output(command, tiny_home, texts, tmp_path, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("classifier.durable.os.fsync", full)
    answer = command("classify", "--file", texts, "--out", tmp_path / "out.csv", "--home", tiny_home)
    assert answer.code == 1
    assert answer.err.startswith(f"error: No space left on the disk while writing {tmp_path}/out.csv.")
    assert names(tmp_path) == ["home", "in.csv"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
