"""How a worker logs: one line an event, text on a terminal and JSON elsewhere, ids and times but never a text."""

import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Literal, TextIO

import structlog

# Redis down for an hour is one fact, not ten thousand lines.
REPEAT_SECONDS = 60.0


def configure(level: str, form: Literal["text", "json"] | None, *, to: TextIO = sys.stderr) -> None:
    """`form` None: text on a terminal, else JSON. Times are UTC."""
    on_terminal = to.isatty()
    as_text = form == "text" or (form is None and on_terminal)
    renderer = structlog.dev.ConsoleRenderer(colors=on_terminal) if as_text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(to),
        cache_logger_on_first_use=False,
    )


def where(error: BaseException) -> str:
    """The error's class and the lines of code it passed through; without its words, which might quote a text."""
    lines = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    return f"{type(error).__name__}\n{lines}"


class Seldom:
    """Says whether a repeated line may be logged again: once a minute for each key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}
        self._told = False

    def __call__(self, key: str) -> bool:
        now = self._clock()
        if now - self._last.get(key, float("-inf")) < REPEAT_SECONDS:
            return False
        self._last[key] = now
        self._told = True
        return True

    def over(self) -> bool:
        """Whether anything was let through since the last `over`: then its end deserves a line too."""
        told, self._told = self._told, False
        return told
