"""What people see: nothing that others wrote may steer their terminal, and a pipe gets plain lines."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from clfadmin import console


def seen(code: str, **environment: str) -> str:
    """What a process that runs this code shows on a terminal of 60 columns."""
    ours, theirs = os.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": "60", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", f"from clfadmin import console\n{code}"], env=environment, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # the terminal's other end was closed
            break
    os.close(ours)
    assert process.wait() == 0, shown.decode()
    return shown.decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("a\x9b31mb\x07", "a\ufffd31mb\ufffd"),
        ("evil\u202etxt", "evil\ufffdtxt"),
        ("a\rb\tc\u00a0d", "a b c d"),
        ("fine 👩‍🚒 ❤️ ü 好", "fine 👩‍🚒 ❤️ ü 好"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_nothing_that_others_wrote_steers_the_terminal(text, shown):
    assert console.plain(text) == shown


def test_an_error_is_one_line_whatever_it_quotes(capsys):
    console.error("cannot read 'a\nb'")
    assert capsys.readouterr().err == "error: cannot read 'a b'\n"


def test_a_table_shows_names_as_they_are_and_no_markup(capsys):
    console.table(["label", "texts"], [["[red]x[/red]", "3"], ["\x1b[31m:tada:", "12"]], right=["texts"])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["label", "texts"],
        ["[red]x[/red]", "3"],
        ["\ufffd[31m:tada:", "12"],
    ]


def test_a_pipe_gets_whole_lines_and_a_terminal_gets_folded_ones():
    code = "console.table(['a', 'b'], [['x ' * 40, 'y']])"
    piped = subprocess.run(
        [sys.executable, "-c", f"from clfadmin import console\n{code}"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "x " * 39 + "x" in piped.stdout
    folded = re.sub(r"\x1b\[\d*m", "", seen(code))
    assert max(map(len, folded.splitlines())) <= 60


def test_no_color_is_honoured():
    code = "console.table(['a'], [['x']])"
    assert "\x1b[1m" in seen(code)
    assert "\x1b[3" not in seen(code, NO_COLOR="1")


def test_a_document_is_one_json_value_even_for_half_a_surrogate_pair(capsys):
    console.document({"text": "schön 🎉"})
    assert json.loads(capsys.readouterr().out) == {"text": "schön 🎉"}
    console.document(["\ud83d"])
    assert json.loads(capsys.readouterr().out) == ["\ud83d"]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_documents_are_one_json_list(capsys, count):
    console.documents({"number": number} for number in range(count))
    assert json.loads(capsys.readouterr().out) == [{"number": number} for number in range(count)]


def test_a_terminal_without_unicode_ends_no_command():
    code = "console.say('grün 🎉'); console.table(['a'], [['🎉']]); console.document({'a': '🎉'})"
    done = subprocess.run(
        [sys.executable, "-c", f"from clfadmin import console\n{code}"],
        env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert rb"gr\xfcn \U0001f389" in done.stdout
    assert b'"\\ud83c\\udf89"' in done.stdout


BAR = """
with console.progress('training') as tick:
    for done in range(1, 11):
        tick(done, 10, f'epoch {done}')
        import time; time.sleep(0.05)
"""


def test_progress_is_a_bar_with_the_time_left_on_a_terminal_and_nothing_in_a_short_pipe():
    shown = seen(BAR, COLUMNS="100")
    assert "training epoch 10" in shown
    assert "100%" in shown
    assert "0:00:00" in shown
    piped = subprocess.run(
        [sys.executable, "-c", f"from clfadmin import console\n{BAR}"], capture_output=True, text=True, check=True
    )
    assert (piped.stdout, piped.stderr) == ("", "")


def test_without_a_terminal_progress_is_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(console, "QUIET_EVERY", 0.0)
    with console.progress("evaluating") as tick:
        tick(1, 4, "500 rows")
    assert capsys.readouterr().err == "evaluating: 25% 500 rows\n"


def ticks(monkeypatch, capsys, *times: float) -> list[str]:
    """The lines of a run that begins at 400 of 1,000 and does 10 more at each of these times."""
    clock = iter(times)
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with console.progress("classifying") as tick:
        for number in range(len(times)):
            tick(400 + 10 * number, 1000, f"{number} rows")
    return capsys.readouterr().err.splitlines()


def test_the_time_left_is_told_by_what_this_run_has_done(monkeypatch, capsys):
    assert ticks(monkeypatch, capsys, 100.0, 103.0) == ["classifying: 41% 1 rows, 0:02:57 left"]


def test_the_first_line_comes_after_two_seconds_and_the_others_every_ten(monkeypatch, capsys):
    lines = ticks(monkeypatch, capsys, *(0.5 * number for number in range(50)))
    assert [line.split()[2] for line in lines] == ["4", "24", "44"]
