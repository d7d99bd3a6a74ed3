"""`clfadmin bench`: how fast this machine serves a version, beside what else is installed to compute it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from classifier.cpu import cores
from clfadmin import console
from clfadmin.options import Home, Json, TextColumn

if TYPE_CHECKING:
    from classifier.version import Version

EXAMPLE = "Examples: clfadmin bench - clfadmin bench --data chat.csv --threads 4 --json"
# Enough for steady medians within a minute or two.
TEXTS = 1000


def bench(
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", show_default=False, help="Texts to time, CSV, TSV, JSONL or .txt."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, max=1024, show_default=False, help="Cores to use. [CLF_THREADS]")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="VERSION", show_default=False, help="The active one unless named."),
    ] = None,
    text_column: TextColumn = "text",
    home: Home = None,
    json: Json = False,
) -> None:
    """Time a version on this machine, our runtimes and the alternatives installed side by side.

    All take turns on the same texts, each at its own best batch size. PyTorch and OpenVINO are measured
    where they are installed beside us; nothing needs them otherwise.
    """
    from clfadmin import settings
    from clfadmin.home import choose_version, open_registry
    from clfadmin.speed import machine

    chosen = settings.load(home=home)
    texts = _texts(data, text_column)
    version = choose_version(open_registry(chosen), model)
    if warning := machine.busy():
        console.note(warning)
    document = _measured(version, texts, threads or chosen.threads or cores())
    if json:
        console.document(document)
    else:
        _show(document)


def _texts(data: Path | None, text_column: str) -> list[str]:
    """TEXTS of them, as the model reads them; over and over where the file has fewer. Raises DataError."""
    from itertools import islice

    from classifier.behaviour import load_cases
    from classifier.errors import DataError
    from classifier.rows import Columns, RowFile
    from classifier.text import normalise

    if data is None:
        found = [case.text for case in load_cases()]
    else:
        found = [row.text for row in islice(RowFile(data, Columns(text_column, label=None)), TEXTS)]
    kept = [text for text in map(normalise, found) if text]
    if not kept:
        raise DataError(f"{data} holds no text to time. Name another column with --text-column, or another file.")
    return [kept[number % len(kept)] for number in range(TEXTS)]


def _measured(version: "Version", texts: list[str], threads: int) -> dict[str, Any]:
    """The document of `bench --json`."""
    from clfadmin.speed import machine
    from clfadmin.speed.contender import KINDS, Unavailable, running
    from clfadmin.speed.rounds import Plan, compare

    with console.progress("timing") as tick:
        tick(0, 1, "loading all contenders")
        with running(KINDS, version.path, threads=threads) as (contenders, missing):
            if not contenders:
                raise Unavailable(f"Nothing could be timed: {'; '.join(missing.values())}.")
            found = compare(contenders, texts, Plan(seconds=60), tick)
    return {
        "version": version.name,
        "threads": threads,
        "texts": len(texts),
        "machine": machine.describe(),
        "contenders": found,
        "missing": missing,
    }


def _show(document: dict[str, Any]) -> None:
    about = document["machine"]
    console.say(
        f"{document['version']} on {about['cpu']}, {document['threads']} threads, {document['texts']:,} texts; "
        "medians, quartiles in brackets"
    )
    columns = (
        *("contender", "messages/s", "the first is", "network alone", "one message, ms", "the first is"),
        *("batch", "labels as Keras"),
    )
    console.table(columns, [_row(one) for one in document["contenders"]], right=columns[1:])
    for title, why in document["missing"].items():
        console.note(f"not measured: {title} ({why})")


def _row(one: dict[str, Any]) -> list[str]:
    text, network, single = one["per_second"]["text"], one["per_second"].get("network"), one["single_ms"]
    return [
        f"{one['title']} ({one['about']})",
        f"{text['median']:,.0f} ({text['low']:,.0f}–{text['high']:,.0f})",
        _times(one["ratio"]["text"]),
        f"{network['median']:,.0f}" if network else "",
        f"{single['median']:.1f}",
        _times(one["single_ratio"]),
        f"{one['batch']['size']:,} {one['batch']['unit']}",
        f"{one['same_labels']:.1%}",
    ]


def _times(ratio: float) -> str:
    return "" if ratio == 1 else f"{ratio:.2f} times as fast"
