"""`clfadmin train --feedback`: what people corrected, from the bot's memory to a new version."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from classifier.corrections import Corrections, Feedback
    from classifier.recipe import TrainConfig, TrainOutcome
    from classifier.registry import Registry
    from clfadmin.memory import Judged
    from clfadmin.settings import Settings


@dataclass(frozen=True)
class Kept:
    """All votes of all workspaces: `corrections` have a text and an agreed label, `judged` is everything."""

    corrections: "Corrections"
    judged: "tuple[Judged, ...]"


def kept(settings: "Settings", *, team: str = "") -> Kept:
    """Raises BrokerError where there is no broker, QueueError where it does not answer."""
    from classifier.corrections import Correction, Corrections
    from clfadmin.broker import require_url
    from clfadmin.memory import Votes
    from worker.jobs import Keys

    url = require_url(settings.home, settings.redis_url.get_secret_value() if settings.redis_url else None)
    with closing(Votes(url, Keys(settings.prefix))) as votes:
        judged = tuple(votes.all(team))
    rows = [Correction(one.message, one.text, one.label) for one in judged if one.text and one.label]
    return Kept(Corrections.of(rows), judged)


def learn(settings: "Settings", config: "TrainConfig", given: Sequence[str], *, quietly: bool) -> "TrainOutcome":
    """Beside data where some is named, else on top of the active version; options not `given` follow which it is."""
    from classifier.rows import check_readable

    for path in (*config.data, *config.valid, *config.anchor):
        check_readable(path)
    if config.data and config.anchor:
        raise typer.BadParameter("With DATA no version is continued: leave one of them out.", param_hint="--anchor")
    corrections = kept(settings).corrections
    return (
        _beside(settings, config, corrections, quietly)
        if config.data
        else _on_top(settings, config, corrections, given, quietly)
    )


def _beside(settings: "Settings", config: "TrainConfig", corrections: "Corrections", quietly: bool) -> "TrainOutcome":
    from classifier.registry import Registry
    from classifier.resume import check_new
    from clfadmin.training_news import told

    registry = Registry(settings.home)
    if config.name is not None:
        check_new(registry, config.name)

    from classifier.training import train_version

    with told(quietly=quietly) as report:
        return train_version(config, registry, report=report, corrections=corrections)


# What belongs to the network, which a continued version takes from the one before.
_OF_THE_NETWORK = (
    "base",
    "pooling",
    "hidden",
    "dropout",
    "max_length",
    "emoji",
    "languages",
    "class_weight",
)


def _on_top(
    settings: "Settings", config: "TrainConfig", corrections: "Corrections", given: Sequence[str], quietly: bool
) -> "TrainOutcome":
    from clfadmin.home import choose_version, open_registry
    from clfadmin.training_news import told

    if wrong := [name for name in given if name in _OF_THE_NETWORK]:
        option = "--" + wrong[0].replace("_", "-")
        raise typer.BadParameter("Without DATA the active version is continued as it is.", param_hint=option)
    registry = open_registry(settings)
    parent = choose_version(registry, None)

    from classifier.continuing import EPOCHS, LEARNING_RATE, LORA, continue_version

    usual = {"lora": LORA, "learning_rate": LEARNING_RATE, "epochs": EPOCHS}
    config = replace(config, **{name: value for name, value in usual.items() if name not in given})
    with told(quietly=quietly) as report:
        return continue_version(parent, corrections, config, registry, report=report)


def lines(feedback: "Feedback") -> list[str]:
    """What was learned from, for people."""
    how = f"continued from {feedback.parent} with LoRA" if feedback.parent else "trained from the base"
    told = [f"{source.name} ({source.rows:,} texts, weight {source.weight:.2g} each)" for source in feedback.sources]
    found = [f"Learned from {' and '.join(told)}; {how}."]
    if feedback.anchors:
        held = [f"{name} ({texts:,} texts)" for name, texts in feedback.anchors.items()]
        found.append(f"Anchored to what {feedback.parent} said about {', '.join(held)}.")
    found.append(f"{feedback.held_out:,} more corrections are held out: they are what a version is measured on.")
    if feedback.other_labels:
        found.append(f"Left out {feedback.other_labels:,} corrections to labels that this version does not have.")
    return found


def note_learned(settings: "Settings", registry: "Registry", version: str) -> int:
    """Tell the bots which corrections are in a version that is served now; how many messages that are."""
    from classifier.corrections import learned_messages
    from classifier.manifest import CORRECTIONS
    from clfadmin.broker import require_url
    from clfadmin.memory import Votes
    from worker.jobs import Keys

    file = registry.get(version).path / CORRECTIONS
    messages = learned_messages(file.read_bytes()) if file.is_file() else []
    if not messages:
        return 0
    url = require_url(settings.home, settings.redis_url.get_secret_value() if settings.redis_url else None)
    with closing(Votes(url, Keys(settings.prefix))) as votes:
        return votes.note_learned(version, messages)
