"""The table of a run, its JSON, and the figures in docs/reliability.md. Pure, but for the two paths at the end."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "reliability.md"
# Those of full runs belong to the page and are kept with it; small ones are nobody's but the one who ran them.
FULL, SMALL = Path(__file__).parent / "figures", REPOSITORY / "build" / "chaos"
BEGIN, END = "<!-- figures: written by python -m tests.chaos --page -->", "<!-- end of the figures -->"
COLUMNS = ("fault", "trials", "messages", "lost", "duplicates", "D1 to D4", "slowest recovery, s", "target, s")
RUNS = ("kills", "broker", "slack", "swap", "input", "soak")


def cells(row: Mapping[str, Any]) -> list[str]:
    """One fault's line."""
    name = f"{row['fault']} {row['title']}"
    if row["skipped"]:
        return [f"{name}: not run, {row['skipped']}", *[""] * (len(COLUMNS) - 1)]
    counts = [f"{row[key]:,}" for key in ("trials", "messages", "lost", "duplicates", "corner")]
    return [name, *counts, *(_seconds(row[key]) for key in ("seconds", "target"))]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def remarks(row: Mapping[str, Any], *, busy: float) -> list[str]:
    """What belongs under the table: how it was measured, and what was missed."""
    found = [f"{row['fault']}: {row['note']}."] if row["note"] else []
    if again := row.get("again"):
        found.append(f"{row['fault']}: played again by itself, {again}.")
    found += [f"{row['fault']}: MISSED: {one}." for one in row["missed"]]
    return found + [f"{row['fault']}: MISSED: {one}. {_disturbed(row, busy)}" for one in row["late"]]


def _disturbed(row: Mapping[str, Any], busy: float) -> str:
    about = "The machine was busy with other work" if row["busy"] > busy else "Other work hardly disturbed it"
    return f"{about} ({row['busy']:.0%})."


def table(rows: Sequence[Mapping[str, Any]], *, busy: float) -> str:
    """For a terminal."""
    lines = [list(COLUMNS), *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    shown = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]
    return "\n".join([*shown, *(remark for row in rows for remark in remarks(row, busy=busy))])


def _file(name: str, *, quick: bool) -> Path:
    """A small pass must not replace a full one."""
    return (SMALL if quick else FULL) / f"{name}.json"


def write(name: str, document: Mapping[str, Any]) -> Path:
    """A run's document, where it was written."""
    target = _file(name, quick=document["quick"])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return target


def amend(name: str, row: Mapping[str, Any], *, quick: bool, date: str) -> Path | None:
    """A fault that was played again by itself takes its place in the run's document; None where there is none."""
    target = _file(name, quick=quick)
    if not target.exists():
        return None
    document = json.loads(target.read_text())
    same = [old for old in document["rows"] if (old["fault"], old["title"]) == (row["fault"], row["title"])]
    for old in same:
        document["rows"][document["rows"].index(old)] = dict(row) | {"again": date}
    return write(name, document) if same else None


def read() -> dict[str, dict[str, Any]]:
    """The latest document of each run: a full one where there is one."""
    found: dict[str, dict[str, Any]] = {}
    for name in RUNS:
        for file in (_file(name, quick=False), _file(name, quick=True)):
            if file.exists() and name not in found:
                found[name] = json.loads(file.read_text())
    return found


def page(text: str, documents: Mapping[str, Mapping[str, Any]], *, busy: float) -> str:
    """`text` with the part between the marks written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    missing = [name for name in RUNS if name not in documents]
    blocks = [_run(name, documents[name], busy=busy) for name in RUNS if name in documents]
    if missing:
        blocks.append(f"Not run at all so far: {', '.join(missing)}.")
    return f"{before}{BEGIN}\n\n" + "\n\n".join(blocks) + f"\n\n{END}{after}"


def _run(name: str, document: Mapping[str, Any], *, busy: float) -> str:
    size = "**in small**, not yet in full" if document["quick"] else "in full"
    about = document["machine"]
    measured = (
        f"{document['date']}, {size}, seed {document['seed']}, {document['minutes']:.1f} minutes on "
        f"{about['cores']} cores with {about['memory_gb']} GB, Python {about['python']}, Valkey {about['valkey']}."
    )
    lines = [COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 1)], *map(cells, document["rows"])]
    under = [remark for row in document["rows"] for remark in remarks(row, busy=busy)]
    shown = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join(
        [f"### `make chaos RUN={name}`", measured, shown, *(["\n".join(f"- {one}" for one in under)] if under else [])]
    )
