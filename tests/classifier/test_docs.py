"""docs/classifier.md: the text it walks through the three steps prints what the page says."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "classifier.md"
NUMBER = re.compile(r"\d+\.\d+|\d+")


def test_the_walk_through_the_three_steps_prints_what_the_page_says(tmp_path, capsys):
    code, expected = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL).groups()
    exec(compile(code, str(PAGE), "exec"), {"home": tmp_path})  # noqa: S102 - our own page
    printed = capsys.readouterr().out
    assert NUMBER.sub("N", printed) == NUMBER.sub("N", expected)
    found, stated = ([float(number) for number in NUMBER.findall(text)] for text in (printed, expected))
    # Probabilities may round to the neighbouring hundredth on another CPU.
    assert found == pytest.approx(stated, abs=0.011)
