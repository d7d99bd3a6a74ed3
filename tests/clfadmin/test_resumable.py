"""A growing output: whatever ends a run, the next one goes on from the last lines that are known to be whole."""

import json
import os

import pytest

from classifier.errors import DataError, Interrupted, StorageError
from classifier.whole_file import START, Reached
from clfadmin.resumable import growing

TASK = {"version": "tiny 0123", "runtime": "onnx"}
FIRST, SECOND = Reached(2, 0, 20, "aa"), Reached(3, 1, 30, "bb")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.csv"


def begin(out, task=TASK, *, restart=False):
    return growing(out, task, header=b"head\n", restart=restart)


def leave(out, error: BaseException | None = None) -> None:
    """A run that ends after its first lines."""
    with begin(out) as written:
        written.append(b"one\ntwo\n", FIRST)
        raise error or KeyboardInterrupt


def finish(out, **options) -> Reached:
    """A run to the end, from wherever it begins. Returns where that was."""
    with begin(out, **options) as written:
        begun = written.reached
        if begun == START:
            written.append(b"one\ntwo\n", FIRST)
        written.append(b"three\n", SECOND)
    assert out.read_bytes() == b"head\none\ntwo\nthree\n"
    assert [path.name for path in out.parent.iterdir()] == ["out.csv"]
    return begun


def test_nobody_sees_the_output_before_it_is_whole(out):
    with begin(out) as written:
        written.append(b"one\ntwo\n", FIRST)
        assert not out.exists()
    assert out.read_bytes() == b"head\none\ntwo\n"


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on_after_it(out):
    with pytest.raises(Interrupted, match="the first 2 rows are kept and the same command goes on after them"):
        leave(out)
    assert finish(out) == FIRST


@pytest.mark.parametrize("garbage", [b"thr", b"three\nfou", b"x" * 100_000])
def test_what_was_written_behind_the_last_state_is_cut_off(out, garbage):
    """Killed between the lines and the state that names them, or in the middle of a line."""
    with pytest.raises(Interrupted):
        leave(out)
    with out.with_name("out.csv.partial").open("ab") as file:
        file.write(garbage)
    assert finish(out) == FIRST


def test_a_run_that_has_done_nothing_leaves_nothing(out):
    with pytest.raises(KeyboardInterrupt), begin(out):
        raise KeyboardInterrupt
    assert list(out.parent.iterdir()) == []


def test_killed_between_renaming_and_removing_the_state_the_next_run_starts_anew(out):
    with pytest.raises(Interrupted):
        leave(out)
    out.with_name("out.csv.partial").unlink()
    assert finish(out) == START


def test_killed_after_the_last_row_the_next_run_has_nothing_to_add(out):
    with pytest.raises(Interrupted):
        leave(out)
    with begin(out) as written:
        assert written.reached == FIRST
    assert out.read_bytes() == b"head\none\ntwo\n"


@pytest.mark.parametrize("name", TASK)
def test_a_run_with_other_options_is_refused_until_told_to_start_over(out, name):
    with pytest.raises(Interrupted):
        leave(out)
    task = TASK | {name: "another"}
    with pytest.raises(DataError, match=f"was begun with {name} '{TASK[name]}', now it is 'another'"):
        finish(out, task=task)
    assert finish(out, task=task, restart=True) == START


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"{}", b'{"task": {}, "reached": {"rows": 1, "more": 2}, "written": 3}']
)
def test_a_damaged_state_is_refused_until_told_to_start_over(out, damage):
    with pytest.raises(Interrupted):
        leave(out)
    out.with_name("out.csv.partial.json").write_bytes(damage)
    with pytest.raises(DataError, match=r"out.csv.partial.json can't be read. Start over with --restart."):
        finish(out)
    assert finish(out, restart=True) == START


def test_lost_lines_are_noticed(out):
    with pytest.raises(Interrupted):
        leave(out)
    os.truncate(out.with_name("out.csv.partial"), 7)
    with pytest.raises(DataError, match="has lost some of its lines"):
        finish(out)


def test_two_runs_at_once_are_refused(out):
    with begin(out) as written:
        with pytest.raises(StorageError, match="Another process is writing"):
            finish(out)
        written.append(b"one\ntwo\n", FIRST)
    assert out.read_bytes() == b"head\none\ntwo\n"


def test_bad_data_far_down_says_what_is_kept(out):
    with pytest.raises(
        DataError, match=r"^No good\. The first 2 rows are kept: the same command goes on after them\.$"
    ):
        leave(out, DataError("No good."))
    # Nothing is added to the error of a run that comes no further, such as when the data was changed.
    with pytest.raises(DataError, match=r"^No good\.$"), begin(out):
        raise DataError("No good.")
    assert finish(out) == FIRST


def test_what_the_disk_refuses_is_one_line(tmp_path):
    with pytest.raises(StorageError, match=r"^Could not write .*: File name too long. Nothing was stored\.$"):
        leave(tmp_path / f"{'x' * 250}.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_state_is_written_after_the_lines_it_names(out, monkeypatch):
    """Were it the other way round, a kill between them would leave a state that promises lines nobody wrote."""
    sizes = []

    def write(path, data):
        sizes.append((json.loads(data)["written"], out.with_name("out.csv.partial").stat().st_size))
        path.write_bytes(data)

    monkeypatch.setattr("clfadmin.resumable.durable.write", write)
    with begin(out) as written:
        written.append(b"one\ntwo\n", FIRST)
    assert sizes == [(5, 5), (13, 13)]
