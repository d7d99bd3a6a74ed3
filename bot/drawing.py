"""Draws what bot/chart.py asks for: `python -m bot.drawing`, figures as JSON in, PNG out. Imports nothing of ours."""

# matplotlib's types leave open what its keywords take.
# pyright: reportUnknownMemberType=false

import json
import sys
from datetime import date
from typing import Any

from matplotlib import font_manager, ft2font
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

# An opaque page of its own: Slack puts it on white and on black alike.
_PAGE, _INK, _SOFT = "#FFFFFF", "#1D1C1D", "#616061"
# On a phone the picture is a quarter as wide, and the letters are still nine pixels high.
_INCHES, _DOTS, _LETTERS = (7.2, 4.6), 200, 10.5
_MARGIN = 0.11  # inches


def draw(told: dict[str, Any]) -> Any:
    """A matplotlib Figure. It is drawn without pyplot: nothing of it outlives it."""
    layout = ConstrainedLayoutEngine(w_pad=_MARGIN, h_pad=_MARGIN)
    figure = Figure(figsize=_INCHES, dpi=_DOTS, facecolor=_PAGE, layout=layout)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    days = [date.fromisoformat(day["day"]) for day in told["days"]]
    places = list(range(len(days)))
    _draw_shares(above, told, places)
    totals = [sum(day["counts"]) for day in told["days"]]
    below.bar(places, totals, width=0.82, color=_SOFT)
    if len(days) <= 14:
        for place, number in zip(places, totals, strict=True):
            if number:
                below.annotate(
                    f"{number:,}", (place, number), ha="center", va="bottom", fontsize=_LETTERS - 2, color=_INK
                )
    below.set_ylim(0, max(totals) * 1.3 or 1)
    _hide_few(above, below, totals)
    below.set_ylabel("messages")
    above.set_ylabel("share of labels")
    step = max(1, round(len(days) / 8))
    # The last day always has its name: it is the one people look for.
    named = sorted({len(days) - 1 - step * back for back in range(len(days) // step + 1)} & set(places))
    below.set_xticks([places[one] for one in named], [f"{days[one].day} {days[one]:%b}" for one in named])
    below.set_xlim(-0.6, len(days) - 0.4)
    figure.suptitle(told["title"], x=0.015, ha="left", fontsize=_LETTERS + 2, fontweight="bold", color=_INK)
    for axes in (above, below):
        axes.set_facecolor(_PAGE)
        axes.tick_params(colors=_INK, labelsize=_LETTERS, length=0)
        axes.yaxis.label.set(color=_INK, fontsize=_LETTERS)
        axes.spines[:].set_visible(False)
        axes.set_axisbelow(True)
        axes.grid(axis="y", color="#E3E3E3", linewidth=0.8)
        axes.locator_params(axis="y", nbins=4)
    return figure


def _draw_shares(axes: Any, told: dict[str, Any], places: list[int]) -> None:
    bottoms = [0.0] * len(places)
    for number, (label, colour) in enumerate(zip(told["labels"], told["colours"], strict=True)):
        heights = [day["counts"][number] / (sum(day["counts"]) or 1) for day in told["days"]]
        # White lines keep neighbours apart where colours alone would not, in print or for the colour-blind.
        axes.bar(places, heights, 0.82, bottoms, color=colour, edgecolor=_PAGE, linewidth=0.8, label=_readable(label))
        if len(places) <= 10:
            _write_in(axes, colour, places, heights, bottoms)
        bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    columns = 4 if len(told["labels"]) != 3 else 3
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=columns,
        frameon=False,
        fontsize=_LETTERS,
        labelcolor=_INK,
        handlelength=1.0,
        handleheight=1.0,
        columnspacing=1.4,
        borderaxespad=0.2,
    )


def _write_in(axes: Any, colour: str, places: list[int], heights: list[float], bottoms: list[float]) -> None:
    """The share in its bar, where there is room: nobody has to tell colours apart to read it."""
    ink = _PAGE if _is_dark(colour) else _INK
    for place, height, bottom in zip(places, heights, bottoms, strict=True):
        if height >= 0.09:
            middle = (place, bottom + height / 2)
            axes.annotate(f"{height * 100:.0f}", middle, ha="center", va="center", color=ink, fontsize=_LETTERS - 1)


def _hide_few(above: Any, below: Any, totals: list[int]) -> None:
    """Days that are not shown look otherwise than days without a label."""
    empty = [place for place, number in enumerate(totals) if not number]
    for place in empty:
        above.bar([place], [1.0], 0.82, color="none", edgecolor="#DCDCDC", hatch="////", linewidth=0)
    if empty:
        corner = {"xy": (1, 1.02), "xycoords": "axes fraction", "ha": "right", "va": "bottom"}
        below.annotate("hatched: too few to show", **corner, fontsize=_LETTERS - 2, color=_SOFT)


def _is_dark(colour: str) -> bool:
    """By WCAG's relative luminance: whether white on it can be read better than black."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 1.05 / (light + 0.05) > (light + 0.05) / (0.0087 + 0.05)


def _readable(label: str) -> str:
    """A label as the one font has it: what it lacks is a question mark, a dollar is no formula."""
    font = ft2font.FT2Font(font_manager.findfont("DejaVu Sans"))
    kept = "".join(one if font.get_char_index(ord(one)) else "?" for one in label)
    short = kept if len(kept) <= 22 else f"{kept[:21]}…"
    # A leading underscore would leave it out of the legend.
    return short.replace("$", r"\$").replace("_", "\u200a_", 1) if short.startswith("_") else short.replace("$", r"\$")


def main() -> None:
    """Standard input to standard output."""
    figure = draw(json.load(sys.stdin))
    figure.savefig(sys.stdout.buffer, format="png")


if __name__ == "__main__":
    main()
