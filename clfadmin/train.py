"""`clfadmin train`: fine-tune BERT on labelled texts and store the result as a new version."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clfadmin import console
from clfadmin.options import Home, Json, LabelColumn, RedisUrl, TextColumn

if TYPE_CHECKING:
    from classifier.recipe import TrainConfig, TrainOutcome
    from classifier.registry import Registry
    from clfadmin.settings import Settings

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


class Precision(StrEnum):
    """What the encoder multiplies with while it is trained."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def train(
    context: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="DATA...", show_default=False, help="CSV, TSV or JSONL with text and label."),
    ] = None,
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
    precision: Annotated[
        Precision, typer.Option(help="Of products while training; auto: bfloat16 where the cores have it.")
    ] = Precision.AUTO,
    emoji: Annotated[
        list[str] | None,
        typer.Option("--emoji", metavar="LABEL=:name:", show_default="by name", help="Emoji in replies. Repeatable."),
    ] = None,
    languages: Annotated[
        list[str] | None,
        typer.Option(
            "--language", metavar="CODE", show_default="told from DATA", help="What DATA is in, e.g. en. Repeatable."
        ),
    ] = None,
    feedback: Annotated[
        bool,
        typer.Option("--feedback", help="Learn corrections too; without DATA they change the active version."),
    ] = False,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(
            "--anchor",
            metavar="FILE",
            show_default="examples/chat.csv, 100 sentences",
            help="More texts on which --feedback alone must change little. Repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Same seed, same split and start.")] = 1,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume", metavar="V", show_default=False, help="Go on with an interrupted training, as it was."
        ),
    ] = None,
    discard: Annotated[
        str | None, typer.Option("--discard", metavar="V", show_default=False, help="Drop an interrupted training.")
    ] = None,
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Fine-tune BERT on DATA, calibrate it, and store it as a new version. Interrupted, it goes on with --resume."""
    from classifier.recipe import TrainConfig
    from classifier.registry import Registry
    from clfadmin import settings

    chosen = settings.load(home=home, redis_url=redis_url)
    registry = Registry(chosen.home)
    given = _given(context)
    if discard is not None:
        _discard(registry, discard, given)
        return
    config = TrainConfig(
        data=data or (),
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
        precision=precision.value,
        emoji=_chosen_emoji(emoji or []),
        languages=_chosen_languages(languages or []),
        feedback=feedback,
        anchor=anchor or (),
        seed=seed,
        text_column=text_column,
        label_column=label_column,
    )
    if feedback and resume is None:
        from clfadmin.learning import learn

        outcome = learn(chosen, config, given, quietly=json)
    elif resume is None:
        outcome = _run(registry, config, quietly=json)
    else:
        outcome = _resume(chosen, registry, resume, config, given, quietly=json)
    if json:
        console.document(outcome.to_dict())
    else:
        _show(outcome)


def _given(context: typer.Context) -> list[str]:
    """Names of the training's own options that stand on the command line."""
    names = [name for name in context.params if name not in ("resume", "discard", "home", "redis_url", "json")]
    sources = [(name, context.get_parameter_source(name)) for name in names]
    return [name for name, source in sources if source is not None and source.name == "COMMANDLINE"]


def _chosen_emoji(options: list[str]) -> dict[str, str]:
    from classifier.errors import LabelError
    from classifier.labels import parse_emoji

    try:
        return dict(map(parse_emoji, options))
    except LabelError as error:
        raise typer.BadParameter(str(error), param_hint="--emoji") from error


def _chosen_languages(codes: list[str]) -> tuple[str, ...]:
    from classifier.errors import DataError
    from classifier.languages import check_codes

    try:
        return check_codes(codes)
    except DataError as error:
        raise typer.BadParameter(str(error), param_hint="--language") from error


def _run(registry: "Registry", config: "TrainConfig", *, quietly: bool) -> "TrainOutcome":
    from classifier.resume import check_new
    from classifier.rows import check_readable
    from clfadmin.training_news import told

    if not config.data:
        raise typer.BadParameter("Name at least one file.", param_hint="DATA")
    # Before TensorFlow is loaded, which takes seconds: a mistyped name is told at once.
    for path in (*config.data, *config.valid):
        check_readable(path)
    if config.name is not None:
        check_new(registry, config.name)

    from classifier.training import train_version

    with told(quietly=quietly) as report:
        return train_version(config, registry, report=report)


def _resume(
    settings: "Settings",
    registry: "Registry",
    name: str,
    config: "TrainConfig",
    given: Sequence[str],
    *,
    quietly: bool,
) -> "TrainOutcome":
    """Everything is taken from the interrupted training; what is `given` all the same must not differ."""
    from classifier.corrections import Corrections
    from classifier.resume import check_same, read_order
    from clfadmin.learning import kept
    from clfadmin.training_news import told

    order = read_order(registry, name)
    check_same(order, config, given)
    again = kept(settings).corrections if order.config.feedback else Corrections()

    from classifier.training import resume_version

    with told(quietly=quietly) as report:
        return resume_version(name, registry, report=report, corrections=again)


def _discard(registry: "Registry", name: str, given: Sequence[str]) -> None:
    from classifier.resume import discard

    if given:
        raise typer.BadParameter("It trains nothing: leave out DATA and the other options.", param_hint="--discard")
    discard(registry, name)
    console.say(f"Dropped what was left of the training of {name}.")


def _show(outcome: "TrainOutcome") -> None:
    from clfadmin.metrics_view import show_metrics

    show_metrics(outcome.metrics)
    if outcome.feedback:
        from clfadmin.learning import lines

        console.say("")
        for line in lines(outcome.feedback):
            console.say(line)
    name = outcome.version.name
    console.say("")
    console.say(
        f"Stored {name}: best of {outcome.epochs_run} epochs was {outcome.best_epoch}, {outcome.seconds:.0f} s, "
        f"{outcome.examples_per_second:.0f} texts a second."
    )
    console.say(f"Look at it: clfadmin models show {name}    Serve it: clfadmin swap-model {name}")
