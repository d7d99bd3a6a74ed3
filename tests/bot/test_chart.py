"""The picture: a PNG that shows what the report shows, told apart without colours, drawn without a secret."""

import json
import struct
import subprocess
import sys
from datetime import date, timedelta
from itertools import pairwise

import pytest

from bot import chart
from bot.chart import OTHER, ChartFailed, colours, figures, picture
from bot.report import Report, report_of
from bot.store import Day

LAST = date(2026, 11, 29)


def report(number: int = 7, **labels: int) -> Report:
    chosen = labels or {"negative": 6, "neutral": 10, "positive": 14}
    everything = sum(chosen.values())
    days = [Day("C1", LAST - timedelta(days=back), chosen, 0, everything, 4) for back in range(number - 1, 0, -1)]
    made = report_of("C1", [*days, Day("C1", LAST, {"negative": 2}, 0, 2, 2)])
    assert made
    return made


def size(png: bytes) -> tuple[int, int]:
    """Width and height, as the head of a PNG tells them."""
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def test_it_is_a_png_that_fits_slack_and_a_phone():
    width, height = size(picture(report()))
    assert 1200 <= width <= 1600
    assert 800 <= height <= 1000


def test_odd_labels_and_very_many_are_drawn_too():
    odd = {"$a$b^": 5, "_hidden": 5, "日本語": 5, "a very long name of a label": 5, "\\frac": 5}
    assert picture(report(3, **odd)).startswith(b"\x89PNG")
    assert picture(report(90, **{f"label {number}": 1 for number in range(30)})).startswith(b"\x89PNG")


def test_labels_beyond_the_colours_are_drawn_as_one():
    told = figures(report(2, **{f"label {number}": 1 for number in range(12)}))
    assert told["labels"][-1] == OTHER
    assert len(told["labels"]) == len(told["colours"]) == len(set(told["colours"]))
    assert sum(told["days"][0]["counts"]) == 12
    assert all(len(day["counts"]) == len(told["labels"]) for day in told["days"])


def test_the_usual_labels_have_the_same_colours_whatever_else_there_is():
    assert colours(["positive"]) == colours(["negative", "neutral", "positive"])[2:]


def test_neighbours_differ_in_light_and_not_in_hue_alone():
    """What a colour-blind person, or a print, has left of them: luminance apart by a third at least."""
    shades = [luminance(colour) for colour in colours(["negative", "neutral", "positive"])]
    assert all(abs(one - other) > 0.2 for one, other in pairwise(shades))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_day_that_is_not_shown_is_not_in_what_is_drawn():
    assert figures(report())["days"][-1] == {"day": "2026-11-29", "counts": [0, 0, 0]}


def test_the_process_that_draws_gets_no_secret_and_no_channel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("CLF_REDIS_URL", "redis://:p@h")
    assert not [name for name in chart._environment() if name.startswith(("SLACK_", "CLF_"))]
    assert "C1" not in json.dumps(figures(report()))


def test_a_picture_that_cannot_be_drawn_is_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chart, "figures", lambda _: {"title": "x"})
    with pytest.raises(ChartFailed, match="could not be drawn") as failed:
        picture(report())
    assert "\n" not in str(failed.value)


def test_a_bot_that_only_listens_never_imports_matplotlib():
    code = "import sys, bot.process, bot.reporter; print('matplotlib' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
