"""`clfadmin classify`: label a few texts, or a file of a million, without the queue and without Slack."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clfadmin import console
from clfadmin.options import Home, Json, Runtime, TextColumn

if TYPE_CHECKING:
    from classifier.predictor import Prediction, Predictor
    from classifier.version import Version
    from classifier.whole_file import Advance, Classified, Reached
    from clfadmin.settings import Settings

EXAMPLE = "Examples: clfadmin classify 'great work' - clfadmin classify --file in.csv --out labelled.csv"


def classify(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", show_default=False, help="Texts to label.")
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="IN", show_default=False, help="CSV, TSV, JSONL, or .txt with one text a line."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="OUT",
            show_default=False,
            help="A .csv, .tsv or .jsonl to write. Interrupted, the same command goes on where it stopped.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it is there.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over instead of going on with OUT.partial.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="VERSION", show_default=False, help="The active one unless named."),
    ] = None,
    runtime: Annotated[
        Runtime | None, typer.Option("--runtime", show_default=False, help="What computes the network. [CLF_RUNTIME]")
    ] = None,
    text_column: TextColumn = "text",
    home: Home = None,
    json: Json = False,
) -> None:
    """Label texts with a version of this home."""
    from clfadmin import settings

    _check_usage(texts, file, out)
    if out is not None:
        _check_out(out, file, force=force)
    elif force or restart:
        raise typer.BadParameter("--force and --restart need --out OUT.")
    chosen = settings.load(home=home, runtime=runtime)
    if file is None:
        _show(_few(_predictor(chosen, _version(chosen, model)), texts or []), json=json)
    elif out is None:
        _print_file(chosen, model, file, text_column, json=json)
    else:
        _write_file(chosen, model, file, text_column, out, restart=restart, json=json)


def _check_usage(texts: list[str] | None, file: Path | None, out: Path | None) -> None:
    if bool(texts) == (file is not None):
        raise typer.BadParameter("Give either texts or --file IN.")
    if out is not None and file is None:
        raise typer.BadParameter("--out needs --file IN.")


def _check_out(out: Path, file: Path | None, *, force: bool) -> None:
    from clfadmin.labelled_file import check_output

    check_output(out)
    if not out.exists():
        return
    if file is not None and file.exists() and out.samefile(file):
        raise typer.BadParameter("--out would overwrite --file. Name another file.")
    if not force:
        raise typer.BadParameter(f"--out {out} is there already. Name another file, or replace it with --force.")


def _version(settings: "Settings", model: str | None) -> "Version":
    from clfadmin.home import choose_version, open_registry

    return choose_version(open_registry(settings), model)


def _predictor(settings: "Settings", version: "Version") -> "Predictor":
    from classifier.predictor import load_predictor

    return load_predictor(version, runtime=settings.runtime, threads=settings.threads)


def _few(predictor: "Predictor", texts: list[str]) -> Iterator[dict[str, Any]]:
    from classifier.rows import whole

    for text, prediction in zip(map(whole, texts), predictor.classify([whole(text) for text in texts]), strict=True):
        yield as_document(text, prediction, predictor.version)


def _print_file(settings: "Settings", model: str | None, file: Path, text_column: str, *, json: bool) -> None:
    from classifier.rows import Columns, RowFile
    from classifier.whole_file import classify_file
    from clfadmin.ticking import over_files

    with over_files("classifying", [file]) as advance:
        predictor = _predictor(settings, _version(settings, model))
        reader = RowFile(file, Columns(text_column, label=None))
        chunks = classify_file(predictor, reader, advance=advance)
        _show((document for chunk in chunks for document in _documents(chunk, predictor.version)), json=json)


def _write_file(
    settings: "Settings", model: str | None, file: Path, text_column: str, out: Path, *, restart: bool, json: bool
) -> None:
    from clfadmin.ticking import over_files

    with over_files("classifying", [file]) as advance:
        version = _version(settings, model)
        predictor = _predictor(settings, version)
        reached = label_file(predictor, version, file, text_column, out, restart=restart, advance=advance)
    if json:
        counts = {"rows": reached.rows, "without_text": reached.without_text}
        console.document({**counts, "out": str(out), "version": version.name})
    else:
        empty = f" ({reached.without_text:,} without text)" if reached.without_text else ""
        console.say(f"Labelled {reached.rows:,} texts{empty} with {version.name}: {out}")


def label_file(
    predictor: "Predictor",
    version: "Version",
    file: Path,
    text_column: str,
    out: Path,
    *,
    advance: "Advance",
    restart: bool = False,
) -> "Reached":
    """Write `out`, going on from what is there of it. Raises DataError, StorageError, Interrupted."""
    from classifier.manifest import WEIGHTS
    from classifier.rows import Columns, RowFile
    from classifier.whole_file import classify_file
    from clfadmin.labelled_file import LabelledLines
    from clfadmin.resumable import growing

    reader = RowFile(file, Columns(text_column, label=None))
    lines = LabelledLines(out, predictor.labels)
    task = {
        "version": f"{version.name} {version.manifest.files[WEIGHTS].sha256[:12]}",
        "runtime": predictor.runtime,
        "--text-column": text_column,
    }
    with growing(out, task, header=lines.header, restart=restart) as written:
        if written.reached.rows:
            console.note(f"Going on after {written.reached.rows:,} rows that are labelled already.")
        for chunk in classify_file(predictor, reader, advance=advance, after=written.reached):
            written.append(lines.lines(_documents(chunk, version.name)), chunk.reached)
        return written.reached


def _documents(chunk: "Classified", version: str) -> Iterator[dict[str, Any]]:
    for row, prediction in zip(chunk.rows, chunk.predictions, strict=True):
        yield as_document(row.text, prediction, version)


def as_document(text: str, prediction: "Prediction", version: str) -> dict[str, Any]:
    """One item of `classify --json`."""
    return {
        "text": text,
        "label": prediction.label,
        "confidence": prediction.confidence,
        "scores": prediction.scores,
        "sure": prediction.sure,
        "version": version,
        "truncated": prediction.truncated,
    }


def _show(labelled: Iterable[dict[str, Any]], *, json: bool) -> None:
    if json:
        console.documents(labelled)
        return
    for document in labelled:
        unsure = "" if document["sure"] else "unsure, closest: "
        # A model that says 100 % is wrong too now and then.
        percent = min(round(100 * document["confidence"]), 99)
        console.say(f"{unsure}{document['label']} {percent} %  {' '.join(document['text'].split())}")
