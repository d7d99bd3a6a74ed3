"""`clfadmin evaluate`: how good and how honest a version is on labelled texts, alone or beside another."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clfadmin import console
from clfadmin.options import Home, Json, LabelColumn, RedisUrl, TextColumn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from classifier.offline import Evaluation
    from classifier.rows import Columns
    from clfadmin.settings import Settings

EXAMPLE = "Example: clfadmin evaluate team-2 --data ours.csv --against team-1 --report build/team-2"


def evaluate(
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", show_default=False, help="The active one unless named.")
    ] = None,
    *,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            "--data", metavar="FILE", show_default=False, help="CSV, TSV or JSONL with text and label. Repeatable."
        ),
    ] = None,
    feedback: Annotated[bool, typer.Option("--feedback", help="On held-out corrections instead of --data.")] = False,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="VERSION", show_default=False, help="Another one, on the same texts."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FOLDER", show_default=False, help="Write report.html and metrics.json here."),
    ] = None,
    changed: Annotated[
        Path | None,
        typer.Option(
            "--changed",
            metavar="FILE",
            show_default=False,
            help="A .csv, .tsv or .jsonl for all texts --against changed.",
        ),
    ] = None,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Measure a version on labelled texts it has not seen, and tell whether it is better than another."""
    from classifier.rows import Columns
    from clfadmin import settings
    from clfadmin.changed_file import write_changed
    from clfadmin.metrics_view import show_metrics

    _check_usage(against, report, changed)
    if bool(data) == feedback or (feedback and changed is not None):
        raise typer.BadParameter("Name --data or --feedback, one of them; --changed goes with --data.")
    chosen = settings.load(home=home, redis_url=redis_url)
    columns = Columns(text_column, label_column)
    found = _run(chosen, version, against, data, columns) if data else _on_corrections(chosen, version, against)
    if report is not None:
        _write_report(report, found.metrics)
    if changed is not None and found.changed is not None:
        write_changed(changed, found.changed())
    if json:
        console.document(found.metrics)
        return
    show_metrics(found.metrics)
    if report is not None:
        console.say(f"Report: {report / 'report.html'}")


def _check_usage(against: str | None, report: Path | None, changed: Path | None) -> None:
    from clfadmin.labelled_file import check_output

    if report is not None and report.exists() and not report.is_dir():
        raise typer.BadParameter(f"--report {report} is a file. Name a folder.")
    if changed is not None and against is None:
        raise typer.BadParameter("--changed needs --against VERSION.")
    if changed is not None:
        check_output(changed, option="--changed")


def _run(
    settings: "Settings", version: str | None, against: str | None, data: "Sequence[Path]", columns: "Columns"
) -> "Evaluation":
    from classifier.offline import evaluate_files
    from classifier.predictor import load_predictor
    from clfadmin.home import choose_version, open_registry
    from clfadmin.ticking import over_files

    registry = open_registry(settings)
    load = partial(load_predictor, runtime=settings.runtime, threads=settings.threads)
    chosen = choose_version(registry, version)
    other = registry.get(against) if against is not None else None
    with over_files("evaluating", data) as advance:
        found = evaluate_files(
            load(chosen), data, columns, advance=advance, against=load(other) if other is not None else None
        )
    left_out = found.dropped.without_text + found.dropped.without_label
    if left_out:
        console.note(f"Left out {left_out:,} rows without text or label.")
    return found


def _on_corrections(settings: "Settings", version: str | None, against: str | None) -> "Evaluation":
    """On the fifth of the corrections that no version has learned."""
    from classifier.dataset import Dropped
    from classifier.errors import DataError
    from classifier.offline import Evaluation
    from classifier.predictor import load_predictor
    from classifier.weighing import evaluate_rows
    from clfadmin.home import choose_version, open_registry
    from clfadmin.learning import kept

    registry = open_registry(settings)
    load = partial(load_predictor, runtime=settings.runtime, threads=settings.threads)
    chosen = choose_version(registry, version)
    rows = kept(settings).corrections.held_out.with_labels(chosen.config.labels)
    if not len(rows):
        raise DataError("No correction is held out that could be measured on: see `clfadmin feedback stats`.")
    other = load(registry.get(against)) if against is not None else None
    return Evaluation(evaluate_rows(load(chosen), rows.dataset(), against=other), Dropped(), None)


def _write_report(folder: Path, metrics: "Mapping[str, Any]") -> None:
    from json import dumps

    from classifier import durable
    from classifier.report.page import html_report

    with durable.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    durable.write(folder / "metrics.json", (dumps(metrics, indent=2, ensure_ascii=False) + "\n").encode())
    durable.write(folder / "report.html", html_report(metrics, made=datetime.now(UTC)).encode())
