"""What a training is asked to do, what it reports on the way, and what comes out of it. No TensorFlow in here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classifier.corrections import Feedback
from classifier.version import Version


@dataclass(frozen=True)
class TrainConfig:
    """Options of one training. `base` None means the default base, `name` None a free name from today's date.

    `hidden` are the sizes of dense layers between pooling and output; `dropout` is the head's; `lora` 0 trains
    everything, a rank trains adapters on the encoder's dense layers and leaves the embeddings as they are. `precision`
    is that of the products in the encoder: float32, bfloat16, or auto, which is what is quicker on this machine.
    With `feedback` what people corrected is learned too: beside `data`, or without any on top of the active version,
    which `anchor` texts hold to what it said before. `languages` are ISO 639 codes of what the texts are in; none: they
    are told from the texts.
    """

    data: Sequence[Path]
    valid: Sequence[Path] = ()
    base: str | None = None
    name: str | None = None
    pooling: str = "mean"
    hidden: tuple[int, ...] = ()
    dropout: float = 0.1
    label_smoothing: float = 0.0
    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    max_length: int = 128
    class_weight: str = "none"
    patience: int = 2
    lora: int = 0
    precision: str = "auto"
    emoji: Mapping[str, str] = field(default_factory=dict[str, str])
    languages: tuple[str, ...] = ()
    feedback: bool = False
    anchor: Sequence[Path] = ()
    seed: int = 1
    text_column: str = "text"
    label_column: str = "label"


@dataclass(frozen=True)
class Begun:
    """The version's name is known, and how many epochs an interrupted run before this one left done."""

    version: str
    epochs_done: int
    epochs: int


@dataclass(frozen=True)
class Stage:
    """What goes on before and after the steps: `what` is "reading", say, and `done` of `total` a count of its own."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Examined:
    """The data report, before the first step; see data_report.py."""

    data_report: Mapping[str, Any]


@dataclass(frozen=True)
class Progress:
    """After each step. `step` of `steps` and `seconds_left` count over all epochs; `loss` is this epoch's mean."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    examples_per_second: float
    seconds_left: float


@dataclass(frozen=True)
class EpochEnd:
    """After each epoch: macro-F1 on the validation part, and whether it is the best so far."""

    epoch: int
    epochs: int
    loss: float
    macro_f1: float
    best: bool


News = Begun | Stage | Examined | Progress | EpochEnd
Report = Callable[[News], None]
# What is heard of the steps alone.
StepReport = Callable[[Progress | EpochEnd], None]


@dataclass(frozen=True)
class TrainOutcome:
    """The stored version and how it came to be. `metrics` is evaluate's object on the validation part.

    Times and rates are those of the whole training, with what interrupted runs did of it.
    """

    version: Version
    metrics: Mapping[str, Any]
    data_report: Mapping[str, Any]
    seconds: float
    epochs_run: int
    best_epoch: int
    examples: int
    examples_per_second: float
    feedback: Feedback | None = None

    def to_dict(self) -> dict[str, Any]:
        """The document that `clfadmin train --json` prints."""
        return {
            **self.metrics,
            "seconds": self.seconds,
            "epochs_run": self.epochs_run,
            "best_epoch": self.best_epoch,
            "examples": self.examples,
            "examples_per_second": self.examples_per_second,
            "data_report": self.data_report,
            **({"feedback": self.feedback.to_dict()} if self.feedback else {}),
        }
