"""Names of all keys the bot remembers by, for one workspace, and the scripts that change them. For bot/store*.py only.

Hashes and sorted sets alone, all under one hash tag. Every write is a script or a plain overwrite, safe to send twice.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

from worker.connection import meaning
from worker.jobs import Keys

_SCRIPTS = ("note", "put", "record", "erase_tag", "vote", "unvote", "erase_vote", "rekeep")
PAGE = 500


class Place:
    """A client, the scripts, and one workspace's keys. Safe for threads."""

    def __init__(self, client: Any, keys: Keys, team: str, scripts: dict[str, Any]) -> None:
        self.client, self.team, self._keys, self._scripts = client, team, keys, scripts
        self._start = f"{keys.bot}:{team}:"

    def key(self, *parts: str) -> str:
        return self._start + ":".join(parts)

    def job(self, message: str) -> str:
        """The queue's own key of a message: it says whether the message was deleted."""
        return self._keys.job(message)

    def run(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        with meaning():
            return self._scripts[script](keys=keys, args=args)

    def fields(self, *parts: str) -> dict[str, str]:
        """A whole hash; empty where there is none."""
        with meaning():
            found: dict[bytes, bytes] = self.client.hgetall(self.key(*parts))
        return {name.decode(): value.decode() for name, value in found.items()}

    def field(self, name: str, *parts: str) -> str:
        with meaning():
            return (self.client.hget(self.key(*parts), name) or b"").decode()

    def members(self, *parts: str, low: float | str = "-inf", high: float | str = "+inf") -> list[str]:
        """A sorted set between two scores, lowest first."""
        with meaning():
            found: list[bytes] = self.client.zrange(self.key(*parts), low, high, byscore=True)
        return [member.decode() for member in found]

    def scored(self, *parts: str) -> list[tuple[str, float]]:
        """A sorted set with its scores, lowest first."""
        with meaning():
            found: list[tuple[bytes, float]] = self.client.zrange(self.key(*parts), 0, -1, withscores=True)
        return [(member.decode(), float(score)) for member, score in found]

    def newest(self, *parts: str) -> Iterator[str]:
        """A sorted set from its highest score down, read a page at a time."""
        at = 0
        while True:
            with meaning():
                # As it stands: redis-py would send ZREVRANGE, an older word and one more right to give.
                page: list[bytes] = self.client.execute_command("ZRANGE", self.key(*parts), at, at + PAGE - 1, "REV")
            yield from (member.decode() for member in page)
            if len(page) < PAGE:
                return
            at += PAGE

    def count(self, *parts: str) -> int:
        with meaning():
            return int(self.client.zcount(self.key(*parts), "-inf", "+inf"))

    def delete(self, *parts: str) -> bool:
        """Whether the key was there."""
        with meaning():
            return bool(self.client.delete(self.key(*parts)))

    def drop(self, member: str, *parts: str) -> bool:
        """Take a member out of a sorted set."""
        with meaning():
            return bool(self.client.zrem(self.key(*parts), member))


def register(client: Any) -> dict[str, Any]:
    folder = resources.files("bot") / "scripts"
    return {name: client.register_script((folder / f"{name}.lua").read_text()) for name in _SCRIPTS}


def ms(moment: datetime | timedelta) -> int:
    if isinstance(moment, timedelta):
        return int(moment.total_seconds() * 1000)
    return int(moment.timestamp() * 1000)


def moment(milliseconds: str | float) -> datetime:
    return datetime.fromtimestamp(float(milliseconds or 0) / 1000, UTC)


def day_of(ts: str) -> str:
    """The day (UTC) of a Slack ts, such as 2026-11-30: days are the same for everybody who reads figures."""
    return datetime.fromtimestamp(float(ts), UTC).date().isoformat()
