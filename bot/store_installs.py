"""A workspace's installation, for an app that several have installed. Part of bot/store.py.

One hash: `sealed`, what the caller encrypted, and `removed`, when the app was taken out. A removal that nobody has
finished erasing stays to be seen, so that a kill in between does not end it.
"""

from dataclasses import dataclass, field
from datetime import datetime

from bot.store_keys import Place, ms
from worker.connection import meaning

INSTALL, SEALED, REMOVED = "install", "sealed", "removed"


@dataclass(frozen=True)
class Installed:
    """`sealed` empty: the app was removed, and what is left is to be erased."""

    sealed: str = field(repr=False)


class Installs:
    def __init__(self, place: Place) -> None:
        self._place = place

    def save(self, sealed: str) -> None:
        """Also over an earlier one, or over a removal."""
        with meaning():
            self._place.client.hset(self._place.key(INSTALL), SEALED, sealed)

    def read(self) -> Installed | None:
        """None where nobody ever installed."""
        found = self._place.fields(INSTALL)
        return Installed(found.get(SEALED, "")) if found else None

    def replace(self, seen: str, sealed: str) -> bool:
        """Save instead of what the caller saw; False where something else stands there meanwhile."""
        return self._set(SEALED, seen, sealed)

    def remove(self, seen: str, now: datetime) -> None:
        """The app is out. An installation newer than the one the caller saw stays."""
        with meaning():
            self._place.client.hset(self._place.key(INSTALL), REMOVED, str(ms(now)))
        self._set(SEALED, seen, "")

    def erased(self) -> bool:
        """Forget the removal: nothing is left of the workspace. False where it has installed again meanwhile."""
        removed = self._place.field(REMOVED, INSTALL)
        self._set(REMOVED, removed, "")
        return not self._place.field(SEALED, INSTALL)

    def _set(self, name: str, seen: str, value: str) -> bool:
        return bool(self._place.run("note", [self._place.key(INSTALL)], [name, seen, value]))
