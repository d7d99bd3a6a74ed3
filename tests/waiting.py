"""Waiting for what must happen, never for a time that usually suffices."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Stuck(Exception):
    """What a fault should have led to did not come. The message says what."""


def until(condition: Callable[[], T], what: str, seconds: float, *, every: float = 0.05) -> T:
    """The condition's first true value. Raises Stuck naming `what` when it does not come in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(every)
    raise Stuck(f"{what}: not within {seconds:g} s")
