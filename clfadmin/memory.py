"""What the bot remembers, for the operator's commands: the one door into the bot. Needs the rights of `clf-admin`."""

from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.honesty import Case, Honesty, honesty, sentence
from bot.store import Amount, Kept, Memory, Store
from worker.jobs import Keys


class NoWorkspace(Exception):
    """The workspace named is not known, or several are and none was named. One line."""


@contextmanager
def open_store(redis_url: str, keys: Keys) -> Generator[Store]:
    """Raises QueueError at the first use when Redis does not answer."""
    store = Store(redis_url, keys=keys)
    try:
        yield store
    finally:
        store.close()


def memory_of(store: Store, team: str = "") -> Memory:
    """The workspace's memory; without a name, of the only one there is. Raises NoWorkspace, QueueError."""
    teams = store.teams()
    if team and team not in teams:
        raise NoWorkspace(f"Nothing is remembered of workspace {team}. Known: {', '.join(teams) or 'none yet'}.")
    if not team and len(teams) != 1:
        known = f"There are {len(teams)}: {', '.join(teams)}. Name one with --team." if teams else "There is none yet."
        raise NoWorkspace(f"Which workspace? {known}")
    return store.of(team or teams[0])


@dataclass(frozen=True)
class Judged:
    """What people said of one message. `label` is the one agreed on, empty on a tie; `text` where one is kept."""

    team: str
    message: str
    channel: str
    ts: str
    said: str
    confidence: float
    version: str
    votes: dict[str, int]
    label: str
    at: datetime
    text: str = field(default="", repr=False)


class Votes:
    """Every vote of every workspace, without the names of those who voted."""

    def __init__(self, redis_url: str, keys: Keys) -> None:
        self._store = Store(redis_url, keys=keys)

    def all(self, team: str = "") -> Iterator[Judged]:
        """Those of one workspace, or of all. Raises QueueError."""
        for name in [team] if team else self._store.teams():
            for vote in self._store.of(name).votes.all():
                asked = vote.asked
                yield Judged(
                    team=name,
                    message=asked.message,
                    channel=asked.channel,
                    ts=asked.ts,
                    said=asked.label,
                    confidence=asked.confidence,
                    version=asked.version,
                    votes=dict(Counter(vote.by.values())),
                    label=vote.label,
                    at=vote.at,
                    text=vote.text,
                )

    def note_learned(self, version: str, messages: Collection[str]) -> int:
        """Leave word for the bots, each message in its own workspace: `learned:VERSION:MESSAGE` among what is done."""
        wanted, noted = set(messages), 0
        for team in self._store.teams():
            memory = self._store.of(team)
            for vote in memory.votes.all():
                if vote.asked.message in wanted:
                    noted += memory.errands.first(f"learned:{version}:{vote.asked.message}", datetime.now(UTC))
        return noted

    def close(self) -> None:
        self._store.close()


def to_keep(redis_url: str, keys: Keys) -> list[Kept]:
    """What of the bot's memory is worth a backup, by workspace. Raises QueueError."""
    with open_store(redis_url, keys) as store:
        return store.keep(datetime.now(UTC))


def kept_from(documents: Any) -> list[Kept]:
    """Those of a backup, each as `Kept.to_dict` gave it. Raises ValueError."""
    return [Kept.from_dict(one) for one in documents]


def put_back(kept: Iterable[Kept], redis_url: str, keys: Keys) -> Amount:
    """Add what is not there; how much that was. Interrupted, it may be done again. Raises QueueError."""
    with open_store(redis_url, keys) as store:
        return sum((store.put_back(one, datetime.now(UTC)) for one in kept), Amount())


def live_honesty(judged: Iterable[Judged]) -> tuple[Honesty, str]:
    """How often agreed labels at 90 % and more were right, and the same in words with its bias."""
    found = honesty(Case(one.said, one.confidence, one.label) for one in judged if one.label)
    return found, sentence(found)
