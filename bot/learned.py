"""Word from the operator's command that a version which learned from corrections serves now: who is to be told.

`learned:VERSION:MESSAGE` among a workspace's errands, one for each message; taken away once people were told, so a bot
that dies in between tells again. That nobody is told twice is for who tells to see to.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

START = "learned:"


class Errands(Protocol):
    """The store's."""

    def done(self, start: str = "") -> list[str]:
        """What is noted, as far as its name begins so."""
        ...

    def undone(self, what: str) -> None:
        """Take it away."""
        ...


def by_version(noted: Iterable[str]) -> Mapping[str, list[str]]:
    """The messages of each version. What is written otherwise is left alone."""
    found: dict[str, list[str]] = defaultdict(list)
    for what in noted:
        version, _, message = what.removeprefix(START).rpartition(":")
        if what.startswith(START) and version and message:
            found[version].append(message)
    return found


def tell_learned(errands: Errands, tell: Callable[[str, Collection[str]], object]) -> int:
    """Tell the people of each version, then take the word away; how many messages that were. Raises as `tell` does."""
    told = 0
    for version, messages in by_version(errands.done(START)).items():
        tell(version, messages)
        for message in messages:
            errands.undone(f"{START}{version}:{message}")
        told += len(messages)
    return told
