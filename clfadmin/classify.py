"""`clfadmin classify`: label a few texts, or a file of a million, without the queue and without Slack."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clfadmin import console
from clfadmin.options import Home, Json, Runtime, TextColumn

if TYPE_CHECKING:
    from classifier.predictor import Prediction, Predictor
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
        Path | None, typer.Option("--out", metavar="OUT", show_default=False, help="A .csv or .jsonl to write.")
    ] = None,
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
    from clfadmin.labelled_file import check_output

    _check_usage(texts, file, out)
    if out is not None:
        check_output(out)
    chosen = settings.load(home=home, runtime=runtime)
    if file is None:
        _show(_few(_predictor(chosen, model), texts or []), json=json)
    else:
        _whole_file(chosen, model, file, text_column, out, json=json)


def _check_usage(texts: list[str] | None, file: Path | None, out: Path | None) -> None:
    if bool(texts) == (file is not None):
        raise typer.BadParameter("Give either texts or --file IN.")
    if out is not None and file is None:
        raise typer.BadParameter("--out needs --file IN.")
    if out is not None and file is not None and out.absolute() == file.absolute():
        raise typer.BadParameter("--out would overwrite --file. Name another file.")


def _predictor(settings: "Settings", model: str | None) -> "Predictor":
    from classifier.predictor import load_predictor
    from clfadmin.home import choose_version, open_registry

    version = choose_version(open_registry(settings), model)
    return load_predictor(version, runtime=settings.runtime, threads=settings.threads)


def _few(predictor: "Predictor", texts: list[str]) -> Iterator[dict[str, Any]]:
    from classifier.rows import whole

    for text, prediction in zip(map(whole, texts), predictor.classify([whole(text) for text in texts]), strict=True):
        yield as_document(text, prediction, predictor.version)


def _whole_file(
    settings: "Settings", model: str | None, file: Path, text_column: str, out: Path | None, *, json: bool
) -> None:
    from classifier.offline import classify_file
    from classifier.rows import Columns, RowFile
    from clfadmin.labelled_file import writing
    from clfadmin.ticking import over_files

    with over_files("classifying", [file]) as advance:
        predictor = _predictor(settings, model)
        labelled = (
            as_document(row.text, prediction, predictor.version)
            for row, prediction in classify_file(
                predictor, RowFile(file, Columns(text_column, label=None)), advance=advance
            )
        )
        if out is None:
            _show(labelled, json=json)
            return
        with writing(out, predictor.labels) as write:
            rows = sum(1 for document in labelled if write(document) is None)
    if json:
        console.document({"rows": rows, "out": str(out), "version": predictor.version})
    else:
        console.say(f"Labelled {rows:,} texts with {predictor.version}: {out}")


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
