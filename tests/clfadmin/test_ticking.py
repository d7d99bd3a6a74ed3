"""Progress over files: how many rows are done, and how many this run does in a second."""

from types import SimpleNamespace

import pytest

from classifier.errors import DataError
from clfadmin import console, ticking


def test_the_speed_is_that_of_this_run_and_of_its_rows_alone(monkeypatch, capsys, tmp_path):
    (tmp_path / "in.txt").write_text("x" * 1000)
    clock = iter([100.0, 100.5, 104.0])
    monkeypatch.setattr(console, "QUIET_EVERY", 0.0)
    monkeypatch.setattr(ticking, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(console, "_left", lambda seconds, done, rest: "")
    with ticking.over_files("classifying", [tmp_path / "in.txt"]) as advance:
        advance(200, 20_000)  # what an earlier run has done
        advance(100, 10)
        advance(450.5, 3_990.2)
    assert capsys.readouterr().err.splitlines() == [
        "classifying: 20% 20,000 rows",
        "classifying: 30% 20,010 rows",
        "classifying: 75% 24,000 rows, 1,000 rows/s",
    ]


def test_a_file_that_is_missing_is_told_before_anything_is_loaded(tmp_path):
    missing = tmp_path / "nowhere.csv"
    with pytest.raises(DataError, match=r"nowhere\.csv does not exist"), ticking.over_files("classifying", [missing]):
        pytest.fail("the block was entered")
