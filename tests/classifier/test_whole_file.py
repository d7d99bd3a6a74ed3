"""A file classified chunk by chunk: everything in order, from any row on."""

import json
from itertools import accumulate

import pytest

from classifier import whole_file
from classifier.errors import DataError
from classifier.predictor import load_predictor
from classifier.registry import Registry
from classifier.rows import Columns, RowFile
from classifier.whole_file import START, classify_file

WORDS = ("good", "bad", "build", "thanks, all", "it is\nbroken", "", "today 👍", "great " * 40)


@pytest.fixture(scope="module")
def predictor(shared_tiny_home):
    return load_predictor(Registry(shared_tiny_home).get("tiny"), threads=1)  # more threads take larger batches


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(whole_file, "CHUNK", 16)


def write(path, count):
    path.write_text(
        "".join(json.dumps({"text": f"{WORDS[n % 8]} {n % 11}" * (n % 8 != 5)}) + "\n" for n in range(count))
    )
    return path


def nothing(_bytes, _rows):
    pass


def run(predictor, path, *, after=START, advance=nothing):
    return list(classify_file(predictor, RowFile(path, Columns("text", None)), advance=advance, after=after))


def flat(chunks):
    return [
        (row.text, prediction)
        for chunk in chunks
        for row, prediction in zip(chunk.rows, chunk.predictions, strict=True)
    ]


def test_every_row_gets_what_the_predictor_says_of_its_chunk_in_order(predictor, small_chunks, tmp_path):
    chunks = run(predictor, write(tmp_path / "in.jsonl", 50))
    assert [len(chunk.rows) for chunk in chunks] == [16, 16, 16, 2]
    for chunk in chunks:
        assert chunk.predictions == predictor.classify([row.text for row in chunk.rows])
    assert (chunks[-1].reached.rows, chunks[-1].reached.without_text) == (50, 6)


@pytest.mark.parametrize("done", range(4))
def test_a_run_from_any_chunk_on_gives_exactly_the_rest(predictor, small_chunks, tmp_path, done):
    path = write(tmp_path / "in.jsonl", 50)
    whole = run(predictor, path)
    rest = run(predictor, path, after=whole[done].reached)
    assert rest == whole[done + 1 :]


def test_a_csv_with_line_breaks_is_gone_on_with_between_two_records(predictor, small_chunks, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("id;text\n" + "".join(f'{n};"one\ntwo {n}"\n\n' for n in range(40)))
    whole = run(predictor, path)
    assert flat(run(predictor, path, after=whole[0].reached)) == flat(whole)[16:]


@pytest.mark.parametrize("change", ["good", "longer than before"])
def test_a_file_changed_where_it_was_read_is_refused(predictor, small_chunks, tmp_path, change):
    path = write(tmp_path / "in.jsonl", 50)
    reached = run(predictor, path)[1].reached
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([json.dumps({"text": change}) + "\n", *lines[1:]]))
    with pytest.raises(
        DataError, match=r"in.jsonl is not what it was when its first 32 rows were classified. .*--restart"
    ):
        run(predictor, path, after=reached)


def test_a_file_cut_short_is_refused(predictor, small_chunks, tmp_path):
    reached = run(predictor, write(tmp_path / "in.jsonl", 50))[1].reached
    with pytest.raises(DataError, match="is not what it was"):
        run(predictor, write(tmp_path / "in.jsonl", 20), after=reached)


def test_rows_changed_or_added_further_down_are_taken_as_they_are(predictor, small_chunks, tmp_path):
    """The result is that of an unbroken run over the file as it is now: a bad line can be mended on the way."""
    path = write(tmp_path / "in.jsonl", 50)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:40], "oops\n", *lines[40:]]))
    chunks = classify_file(predictor, RowFile(path, Columns("text", None)), advance=nothing)
    first, second = next(chunks), next(chunks)
    with pytest.raises(DataError, match="line 41: no JSON object"):
        next(chunks)
    write(path, 60)
    assert flat([first, second, *run(predictor, path, after=second.reached)]) == flat(run(predictor, path))


def test_progress_begins_where_the_run_begins_and_ends_with_the_file(predictor, small_chunks, tmp_path):
    path = write(tmp_path / "in.jsonl", 50)
    reached = run(predictor, path)[0].reached
    calls = []
    run(predictor, path, after=reached, advance=lambda size, rows: calls.append((size, rows)))
    assert calls[0] == (reached.bytes, 16)
    assert len(calls) > 4  # within a chunk too
    assert all(size >= 0 and rows >= 0 for size, rows in calls)
    sizes, rows = (list(accumulate(column)) for column in zip(*calls, strict=True))
    assert (round(sizes[-1]), round(rows[-1])) == (path.stat().st_size, 50)
