"""Labelled texts for training: cleaned of repeats, with their origin, split without losing a label."""

import hashlib
from collections import Counter

import pytest

from classifier.dataset import Dropped, load, stratified_split, without_overlap
from classifier.errors import DataError


@pytest.fixture
def write(tmp_path):
    def write(name: str, rows: list[tuple[str, str]]):
        path = tmp_path / name
        path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
        return path

    return write


@pytest.fixture
def uneven(write):
    """100 rows: 70 neutral, 28 positive, 2 negative."""
    labels = ["neutral"] * 70 + ["positive"] * 28 + ["negative"] * 2
    return load([write("a.csv", [(f"text {number}", label) for number, label in enumerate(labels)])])


def test_rows_of_several_files_come_in_order_and_know_their_file(write):
    data = load([write("a.csv", [("one", "x"), ("two", "y")]), write("b.csv", [("three", "x")])])
    assert (data.texts, data.labels) == (("one", "two", "three"), ("x", "y", "x"))
    assert data.sources == ("a.csv", "a.csv", "b.csv")
    assert data.name == "a.csv + b.csv"
    assert data.label_names == ("x", "y")
    assert [(file.name, file.rows) for file in data.files] == [("a.csv", 2), ("b.csv", 1)]


def test_the_sum_of_one_file_is_its_own_and_of_several_that_of_their_sums(write):
    first, second = write("a.csv", [("one", "x"), ("two", "y")]), write("b.csv", [("three", "x")])
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, second)]
    assert load([first]).sha256 == sums[0]
    assert load([first, second]).sha256 == hashlib.sha256("".join(sums).encode()).hexdigest()


def test_rows_without_text_or_label_and_repeats_are_left_out_and_counted(write):
    rows = [("one", "x"), ("  ", "x"), ("", "y"), ("two", ""), ("one", "x"), ("one", "y"), ("three", "y")]
    data = load([write("a.csv", rows)])
    assert data.texts == ("one", "one", "three")
    assert data.dropped == Dropped(without_text=2, without_label=1, repeated=1)
    assert data.conflicting == 1  # "one" is labelled x and y


def test_rows_left_out_are_named_with_file_and_line_the_first_few_of_each_kind(write):
    rows = [("one", "x"), ("", "y"), ("one", "x"), ("two", "y")]
    data = load([write("a.csv", rows), write("b.csv", [("", "x")] * 9 + [("two", "")])])
    assert data.dropped.without_text == 10
    assert data.dropped.places == {
        "without_text": ["a.csv:3", "b.csv:2", "b.csv:3", "b.csv:4", "b.csv:5"],
        "without_label": ["b.csv:11"],
        "repeated": ["a.csv:4"],
    }


def test_rows_know_their_line_and_files_of_one_name_their_folder(write, tmp_path):
    (tmp_path / "old").mkdir()
    first, second = write("a.csv", [("one", "x"), ("two", "y")]), write("old/a.csv", [("", "x"), ("three", "x")])
    data = load([first, second])
    assert [data.place(row) for row in range(3)] == [f"{first}:2", f"{first}:3", f"{second}:3"]


def test_reading_tells_how_many_bytes_it_has_read(write):
    path, sizes = write("a.csv", [(f"text {number}", "xy"[number % 2]) for number in range(5000)]), []
    load([path], advance=sizes.append)
    assert len(sizes) == 3
    assert sum(sizes) == path.stat().st_size


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([("one", "x"), ("two", "x")], r"All 2 rows of a\.csv have the label 'x'; a classifier needs two"),
        ([], r"a\.csv holds no row with text and label\."),
        ([("", "x"), ("two", "")], r"no row with text and label \(1 without text, 1 without label\)"),
        ([(f"t{n}", f"l{n}") for n in range(101)], r"a\.csv has 101 different labels.*--label-column"),
    ],
)
def test_data_that_cannot_teach_anything_is_refused(write, rows, problem):
    with pytest.raises(DataError, match=problem):
        load([write("a.csv", rows)])


def test_one_label_is_enough_where_nothing_is_learned(write):
    assert len(load([write("a.csv", [("one", "x")])], least_labels=1)) == 1


def test_every_label_is_in_both_parts_in_its_share(uneven):
    train, valid = stratified_split(uneven, 0.1, seed=1)
    assert Counter(valid.labels) == {"neutral": 7, "positive": 3, "negative": 1}
    assert Counter(train.labels) == {"neutral": 63, "positive": 25, "negative": 1}
    assert sorted(train.texts + valid.texts) == sorted(uneven.texts)
    assert valid.name == "a.csv, 10% held out"


def test_a_split_is_the_same_for_the_same_seed_and_another_for_another(uneven):
    assert stratified_split(uneven, 0.3, seed=1) == stratified_split(uneven, 0.3, seed=1)
    assert stratified_split(uneven, 0.3, seed=1) != stratified_split(uneven, 0.3, seed=2)


def test_even_an_extreme_share_leaves_every_label_in_both_parts(uneven):
    for fraction in (0.001, 0.999):
        parts = stratified_split(uneven, fraction, seed=1)
        assert all(part.label_names == uneven.label_names for part in parts)


def test_a_label_with_a_single_row_is_named(write):
    data = load([write("a.csv", [("one", "x"), ("two", "x"), ("three", "rare")])])
    with pytest.raises(DataError, match=r"Label 'rare' has one row only in a\.csv"):
        stratified_split(data, 0.1, seed=1)


def test_texts_of_the_validation_part_are_taken_out_of_the_training_part(write):
    train = load([write("a.csv", [("one", "x"), ("two", "y"), ("three", "y")])])
    valid = load([write("b.csv", [("two", "x"), ("four", "y")])])
    kept, removed = without_overlap(train, valid)
    assert (kept.texts, removed) == (("one", "three"), 1)
    with pytest.raises(DataError, match=r"Every text of b\.csv is in a\.csv too"):
        without_overlap(valid.select([0]), train)


def test_no_file_at_all_is_refused():
    with pytest.raises(DataError, match="No data file"):
        load([])
