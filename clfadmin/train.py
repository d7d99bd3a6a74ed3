"""`clfadmin train`: fine-tune BERT on labelled texts and store the result as a new version."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clfadmin import console
from clfadmin.options import Home, Json, LabelColumn, TextColumn

if TYPE_CHECKING:
    from classifier.recipe import EpochEnd, Progress, Report, TrainConfig, TrainOutcome

EXAMPLE = "Example: clfadmin train examples/chat.csv --name team-1 --epochs 5 --emoji positive=:tada:"


class Pooling(StrEnum):
    """What one vector a text becomes."""

    CLS = "cls"
    MEAN = "mean"
    MAX = "max"


class ClassWeight(StrEnum):
    """Whether rare labels count more."""

    AUTO = "auto"
    NONE = "none"


def train(
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="CSV, TSV or JSONL with text and label.")],
    *,
    valid: Annotated[
        list[Path] | None,
        typer.Option("--valid", metavar="DATA", show_default="a tenth of DATA", help="Validation data. Repeatable."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="B", show_default="all-MiniLM-L6-v2", help="A BERT: hub name or folder."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="V", show_default="date and number", help="The new version's name.")
    ] = None,
    pooling: Annotated[Pooling, typer.Option(help="How a text becomes one vector.")] = Pooling.MEAN,
    hidden: Annotated[
        list[int] | None,
        typer.Option("--hidden", min=1, max=8192, metavar="N", show_default="none", help="A dense layer. Repeatable."),
    ] = None,
    dropout: Annotated[float, typer.Option(min=0, max=0.95, metavar="P", help="Dropout in the head.")] = 0.1,
    label_smoothing: Annotated[float, typer.Option(min=0, max=0.9, metavar="P", help="Softer targets.")] = 0.0,
    epochs: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Passes over DATA.")] = 3,
    batch_size: Annotated[int, typer.Option(min=1, max=4096, metavar="N", help="Texts in one step.")] = 32,
    learning_rate: Annotated[float, typer.Option(min=1e-8, max=1, metavar="R", help="At its peak.")] = 5e-5,
    max_length: Annotated[int, typer.Option(min=3, max=512, metavar="N", help="Tokens read of a text.")] = 128,
    class_weight: Annotated[ClassWeight, typer.Option(help="auto: rare labels count more.")] = ClassWeight.NONE,
    patience: Annotated[int, typer.Option(min=1, metavar="N", help="Stop after N epochs without gain.")] = 2,
    lora: Annotated[int, typer.Option(min=0, max=1024, metavar="R", help="Train adapters of this rank only.")] = 0,
    emoji: Annotated[
        list[str] | None,
        typer.Option("--emoji", metavar="LABEL=:name:", show_default="by name", help="Emoji in replies. Repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Same seed, same split and start.")] = 1,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    home: Home = None,
    json: Json = False,
) -> None:
    """Fine-tune BERT on DATA, calibrate it, and store it as a new version. Ctrl-C leaves nothing behind."""
    from classifier.recipe import TrainConfig
    from clfadmin import settings

    config = TrainConfig(
        data=data,
        valid=valid or (),
        base=base,
        name=name,
        pooling=pooling.value,
        hidden=tuple(hidden or ()),
        dropout=dropout,
        label_smoothing=label_smoothing,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        max_length=max_length,
        class_weight=class_weight.value,
        patience=patience,
        lora=lora,
        emoji=_chosen_emoji(emoji or []),
        seed=seed,
        text_column=text_column,
        label_column=label_column,
    )
    outcome = _run(config, settings.load(home=home).home)
    if json:
        console.document(outcome.to_dict())
    else:
        _show(outcome)


def _chosen_emoji(options: list[str]) -> dict[str, str]:
    from classifier.errors import LabelError
    from classifier.labels import parse_emoji

    try:
        return dict(map(parse_emoji, options))
    except LabelError as error:
        raise typer.BadParameter(str(error), param_hint="--emoji") from error


def _run(config: "TrainConfig", home: Path) -> "TrainOutcome":
    from classifier.registry import Registry
    from classifier.rows import check_readable

    registry = Registry(home)
    # Before TensorFlow is loaded, which takes seconds: a mistyped name is told at once.
    for path in (*config.data, *config.valid):
        check_readable(path)
    if config.name is not None:
        registry.check_free(config.name)

    from classifier.training import train_version

    with console.progress("training", lines=False) as tick:
        return train_version(config, registry, report=_reporter(tick))


def _reporter(tick: console.Tick) -> "Report":
    from classifier.recipe import EpochEnd

    def report(news: "Progress | EpochEnd") -> None:
        if isinstance(news, EpochEnd):
            scores = f"loss {news.loss:.3f}, validation macro-F1 {news.macro_f1:.3f}"
            console.note(f"epoch {news.epoch} of {news.epochs}: {scores}{', best so far' if news.best else ''}")
        else:
            tick(news.step, news.steps, f"epoch {news.epoch} of {news.epochs}, loss {news.loss:.3f}")

    return report


def _show(outcome: "TrainOutcome") -> None:
    from clfadmin.metrics_view import show_metrics

    show_metrics(outcome.metrics)
    name = outcome.version.name
    console.say("")
    console.say(
        f"Stored {name}: best of {outcome.epochs_run} epochs was {outcome.best_epoch}, {outcome.seconds:.0f} s, "
        f"{outcome.examples_per_second:.0f} texts a second."
    )
    console.say(f"Look at it: clfadmin models show {name}    Serve it: clfadmin swap-model {name}")
