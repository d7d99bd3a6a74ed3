"""`clfadmin evaluate`: how good and how honest a version is on labelled texts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clfadmin import console
from clfadmin.options import Home, Json, LabelColumn, TextColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from classifier.offline import Evaluation
    from classifier.rows import Columns
    from clfadmin.settings import Settings

EXAMPLE = "Example: clfadmin evaluate team-2 --data ours.csv --report build/team-2"


def evaluate(
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", show_default=False, help="The active one unless named.")
    ] = None,
    *,
    data: Annotated[
        list[Path], typer.Option("--data", metavar="FILE", help="CSV, TSV or JSONL with text and label. Repeatable.")
    ],
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FOLDER", show_default=False, help="Also write the figures here.")
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    home: Home = None,
    json: Json = False,
) -> None:
    """Measure a version on labelled texts it has not seen."""
    from classifier.rows import Columns
    from clfadmin import settings
    from clfadmin.metrics_view import show_metrics

    found = _run(settings.load(home=home), version, data, Columns(text_column, label_column))
    if report is not None:
        _write_report(report, found)
    if json:
        console.document(found.metrics)
        return
    show_metrics(found.metrics)
    if report is not None:
        console.say(f"Written to {report}: metrics.json, reliability.json.")


def _run(settings: "Settings", version: str | None, data: "Sequence[Path]", columns: "Columns") -> "Evaluation":
    from classifier.offline import evaluate_files
    from classifier.predictor import load_predictor
    from clfadmin.home import choose_version, open_registry
    from clfadmin.ticking import over_files

    registry = open_registry(settings)
    chosen = choose_version(registry, version)
    with over_files("evaluating", data) as advance:
        predictor = load_predictor(chosen, runtime=settings.runtime, threads=settings.threads)
        found = evaluate_files(predictor, data, columns, advance=advance)
    left_out = found.dropped.without_text + found.dropped.without_label
    if left_out:
        console.note(f"Left out {left_out:,} rows without text or label.")
    return found


def _write_report(folder: Path, found: "Evaluation") -> None:
    from dataclasses import asdict
    from json import dumps

    from classifier import durable

    reliability = {
        "before": [asdict(bar) for bar in found.before],
        "after": [asdict(bar) for bar in found.after],
    }
    with durable.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, value in (("metrics.json", found.metrics), ("reliability.json", reliability)):
        durable.write(folder / name, (dumps(value, indent=2, ensure_ascii=False) + "\n").encode())
