"""Options that several commands share, so that they read the same everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Runtime(StrEnum):
    """What computes the network; auto takes the quickest that the version has."""

    AUTO = "auto"
    ONNX = "onnx"
    KERAS = "keras"


Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="FOLDER",
        show_default=False,
        help="Where versions live. [CLF_HOME; default: ~/.local/share/clf]",
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", metavar="URL", show_default=False, help="The queue's Redis or Valkey. [CLF_REDIS_URL]"),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, nothing else there.")]
TextColumn = Annotated[str, typer.Option("--text-column", metavar="NAME", help="Column or field that holds the text.")]
LabelColumn = Annotated[
    str, typer.Option("--label-column", metavar="NAME", help="Column or field that holds the label.")
]
