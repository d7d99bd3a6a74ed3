"""Data files as people have them: read row by row; what can't be read is named with file and line."""

import hashlib
import re
import tracemalloc
from pathlib import Path

import pytest

from classifier.errors import DataError
from classifier.rows import Columns, Row, RowFile, check_readable


def rows_of(path: Path, content: bytes | str, columns: Columns | None = None) -> list[Row]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(RowFile(path, columns or Columns()))


def error_of(path: Path, content: bytes | str, columns: Columns | None = None) -> str:
    """The one line with which reading fails, without the folder."""
    with pytest.raises(DataError) as error:
        rows_of(path, content, columns)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
def test_csv_of_any_usual_make_is_understood(tmp_path, bom, end, delimiter):
    lines = [b"id;text;label", b"1;nice work;positive", b'2;"it ""works"", sort of";neutral', b""]
    content = bom + end.join(line.replace(b";", delimiter) for line in lines)
    assert rows_of(tmp_path / "a.csv", content) == [
        Row(2, "nice work", "positive"),
        Row(3, 'it "works", sort of', "neutral"),
    ]


def test_a_quoted_cell_may_span_lines_and_rows_are_counted_by_where_they_begin(tmp_path):
    content = 'text,label\n"one\ntwo\n\nthree",a\n\nnext,b\n'
    assert rows_of(tmp_path / "a.csv", content) == [Row(2, "one\ntwo\n\nthree", "a"), Row(7, "next", "b")]


def test_tsv_takes_quotes_as_they_are_unless_they_wrap_the_whole_cell(tmp_path):
    content = 'text\tlabel\n"Hello" she said\tneutral\n"all ""quoted"""\tneutral\n6" too short\tnegative\n'
    assert [row.text for row in rows_of(tmp_path / "a.tsv", content)] == [
        '"Hello" she said',
        'all "quoted"',
        '6" too short',
    ]


def test_jsonl_takes_texts_and_plain_labels_and_leaves_other_fields_alone(tmp_path):
    content = '{"text": "a", "label": "x", "rating": [1]}\n\n{"label": 0, "text": "b"}\n{"text": null, "label": null}\n'
    assert rows_of(tmp_path / "a.jsonl", content) == [Row(1, "a", "x"), Row(3, "b", "0"), Row(4, "", "")]


def test_half_a_surrogate_pair_in_json_cannot_spoil_what_is_written_later(tmp_path):
    (row,) = rows_of(tmp_path / "a.jsonl", '{"text": "a\\ud83d b\\ud83d\\ude00", "label": "x"}')
    assert row.text == "a\ufffd b😀"


def test_plain_text_is_one_text_a_line_without_labels(tmp_path):
    columns = Columns(label=None)
    assert rows_of(tmp_path / "a.txt", "one, two\n\nthree", columns) == [
        Row(1, "one, two", ""), Row(2, "", ""), Row(3, "three", ""),
    ]  # fmt: skip


def test_columns_may_have_other_names(tmp_path):
    columns = Columns("Comment", "Mood")
    assert rows_of(tmp_path / "a.csv", "Mood,Comment\ngood,fine\n", columns) == [Row(2, "fine", "good")]
    assert rows_of(tmp_path / "a.jsonl", '{"Mood": "good", "Comment": "fine"}', columns) == [Row(1, "fine", "good")]


def test_the_sum_is_that_of_the_whole_file(tmp_path):
    content = b"\xef\xbb\xbftext,label\r\nfine,good\r\n\r\n"
    (tmp_path / "a.csv").write_bytes(content)
    reader = RowFile(tmp_path / "a.csv", Columns())
    assert len(list(reader)) == reader.rows == 1
    assert reader.sha256 == hashlib.sha256(content).hexdigest()
    assert reader.bytes == len(content)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "text,mood\nx,y\n", "a.csv has no column 'label'. Found: 'text', 'mood'. Choose one with --label"),
        ("a.csv", "body;label\nx;y\n", "a.csv has no column 'text'. Found: 'body', 'label'. Choose one with --text"),
        ("a.tsv", "text\tmood\nx\ty\n", "a.tsv has no column 'label'. Found: 'text', 'mood'. Choose one with"),
        ("a.csv", "text,label,label\n", "a.csv has more than one column 'label'"),
        ("a.csv", "nice work,positive\n", "a.csv has no column 'text'. Found: 'nice work', 'positive'."),
        ("a.jsonl", '{"text": "x", "mood": "y"}', "a.jsonl, line 1: no field 'label'. Found: 'text', 'mood'."),
        ("a.csv", "", "a.csv is empty. Its first line should name the columns."),
        ("a.csv", b"\xef\xbb\xbf", "a.csv is empty."),
        ("a.tsv", "", "a.tsv is empty."),
        ("a.csv", b"text,label\nfine,good\nm\xfcde,bad\n", "a.csv, line 3: byte 2 (0xfc) is no UTF-8."),
        ("a.jsonl", b'\n{"text": "\xff"}', "a.jsonl, line 2: byte 11 (0xff) is no UTF-8."),
        ("a.csv", "text,label\n".encode("utf-16"), "a.csv is UTF-16. Save it as UTF-8."),
        ("a.csv", "text,label\na,b\nfine, really,good\n", "a.csv, line 3: 3 cells instead of 2. A cell that holds"),
        ("a.csv", "text,label\na,b\nfine\n", "a.csv, line 3: 1 cells instead of 2."),
        ("a.tsv", "text\tlabel\nfine\n", "a.tsv, line 2: 1 cells instead of 2."),
        ("a.csv", 'text,label\na,b\n"never closed,b\nc,d\n', "a.csv, line 3: a quote is opened here and never closed."),
        ("a.csv", 'text,label\n"a"b,c\n', "a.csv, line 2: "),
        ("a.csv", "text,label\n" + "x" * 1_000_000 + ",b\n", "a.csv, line 2: a cell has more than 100,000 characters."),
        ("a.csv", "text,label\na,b\n" + "x" * 110_000 + ",b\n", "a.csv, line 3: the text has 110,000 characters"),
        ("a.jsonl", '{"text": "' + "x" * 1_000_000 + '", "label": "b"}', "a.jsonl, line 1: the text has 1,000,000"),
        ("a.jsonl", "x" * 5_000_000, "a.jsonl, line 1: the line has more than 4,194,304 bytes."),
        ("a.jsonl", '{"text": "x"', "a.jsonl, line 1: no JSON object."),
        ("a.jsonl", "[" * 100_000, "a.jsonl, line 1: no JSON object."),
        ("a.jsonl", '["x", "y"]', "a.jsonl, line 1: a JSON list."),
        ("a.jsonl", '{"text": 3, "label": "y"}', "a.jsonl, line 1: 'text' should be a text, received a int."),
        ("a.jsonl", '{"text": "x", "label": ["y"]}', "a.jsonl, line 1: 'label' should be a text, received a list."),
        ("a.csv", "text,label\nx,a\ny," + "z" * 65 + "\n", "a.csv, line 3: Label 'zzzz"),
        ("a.xlsx", "PK", "a.xlsx should end in .csv, .tsv or .jsonl"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_file_and_line(tmp_path, name, content, problem):
    assert error_of(tmp_path / name, content).startswith(problem)


def test_a_folder_or_a_missing_file_is_said_before_anything_is_read(tmp_path):
    (tmp_path / "data.csv").mkdir()
    for path in (tmp_path, tmp_path / "data.csv"):
        with pytest.raises(DataError, match=re.escape(f"{path} is a folder. Name the files in it")):
            check_readable(path)
    with pytest.raises(DataError, match=r"nowhere\.csv does not exist"):
        check_readable(tmp_path / "nowhere.csv")


def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text("text,label\n" + "some words that make up a message,neutral\n" * 100_000)  # 4.2 MB
    tracemalloc.start()
    try:
        assert sum(1 for _ in RowFile(path, Columns())) == 100_000
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
