"""Identifiers in the form Slack gives them."""

import re
import secrets
import string
from collections.abc import Container
from time import time

ALPHABET = string.ascii_uppercase + string.digits


class Ids:
    """Hands out ids that never repeat in this process, nor after a restart where that would confuse a bot."""

    def __init__(self) -> None:
        self._last_microsecond = 0
        self._count = 0

    def ts(self) -> str:
        """Seconds with six decimals, as text; later calls sort after earlier ones, also within a microsecond."""
        self._last_microsecond = max(int(time() * 1_000_000), self._last_microsecond + 1)
        return f"{self._last_microsecond // 1_000_000:010d}.{self._last_microsecond % 1_000_000:06d}"

    def event(self) -> str:
        """Random, since a bot's memory of event ids outlives the sandbox."""
        return "Ev" + "".join(secrets.choice(ALPHABET) for _ in range(10))

    def count(self) -> int:
        self._count += 1
        return self._count

    def named(self, prefix: str, name: str, taken: Container[str], *, width: int = 8) -> str:
        """`prefix` + NAME padded with zeros to `width`, such as C0GENERAL; numbered where `taken` has it already."""
        stem = re.sub(r"[^A-Z0-9]", "", name.upper())[:20]
        candidate = prefix + stem.rjust(width, "0")
        while not stem or candidate in taken:
            stem = f"{stem[:12]}{self.count()}"
            candidate = prefix + stem.rjust(width, "0")
        return candidate


def is_ts(text: str) -> bool:
    """Whether `text` has the form of a message's ts."""
    return re.fullmatch(r"\d{10}\.\d{6}", text) is not None
