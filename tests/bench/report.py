"""docs/benchmarks.md from the parts that were measured. Pure: what to write, not where."""

from collections.abc import Mapping, Sequence
from typing import Any

HEAD = """# Benchmarks

Written by `make bench`; not edited by hand. `make bench QUICK=1` is a minute's pass, `DATA=FILE` takes texts of yours,
`THREADS=N` other than two. `clfadmin bench` times your own version on your own machine.

What a processor can do decides, above all int8 products in hardware (VNNI); `PAGE=FILE` writes a page of its own for
another kind of machine.
"""


def page(machine: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], *, quick: bool) -> str:
    """The whole page. `parts` are documents of part.Part, in order."""
    blocks = [HEAD, _machine(machine)]
    if quick:
        blocks.append("**A quick pass: few texts and few rounds, to see that everything runs.**\n")
    blocks += [_part(part) for part in parts]
    return "\n".join(blocks)


def _machine(machine: Mapping[str, Any]) -> str:
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    flags = ", ".join(machine["flags"]) or "none of those that matter here"
    rows = [
        ["processor", f"{machine['cpu']}, {machine['cores']} cores"],
        ["instructions", flags],
        ["memory", f"{machine['memory_gb']:.1f} GB"],
        ["system", machine["system"]],
        ["Python", f"{machine['python']}: {libraries}"],
        ["load average at the start", f"{machine['load']:.2f}"],
    ]
    table = "\n".join(["| machine | |", "| --- | --- |", *(_line(row) for row in rows)])
    return f"{table}\n"


def _part(part: Mapping[str, Any]) -> str:
    tables = [_table(table["columns"], table["rows"]) for table in part["tables"]]
    measured = f"Measured by `{part['command']}`, {part['date']}; other work took {part['others']:.0%} of the machine."
    return "\n\n".join([f"## {part['title']}", *part["text"], *tables, measured]) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    under = ["---", *("---:" for _ in columns[1:])]
    return "\n".join([_line(columns), _line(under), *(_line(row) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
