"""Everything the bot remembers, workspace by workspace. With bot/store_*.py the only code that knows these keys.

No Slack in here, so that `clfadmin` can use it too. Every method raises worker.connection.QueueError.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.choices import Choice
from bot.store_backup import Amount, Kept, put_back, take
from bot.store_channels import Channels, Facts, Snapshot
from bot.store_errands import Ask, Errands
from bot.store_forget import Forgetting, Parts, of_channel, of_message, of_user, of_workspace
from bot.store_installs import Installed, Installs
from bot.store_keys import Place, ms, register
from bot.store_tags import Day, Strong, Tag, Tags
from bot.store_votes import Asked, Vote, Votes
from worker.connection import READER, Patience, connect, meaning
from worker.jobs import Keys

__all__ = [
    "Amount",
    "Ask",
    "Asked",
    "Channels",
    "Day",
    "Facts",
    "Forgetting",
    "Installed",
    "Memory",
    "Snapshot",
    "Store",
    "Strong",
    "Tag",
    "Tags",
    "Vote",
    "Votes",
]


@dataclass(frozen=True)
class Memory:
    """What is remembered of one workspace: choices and facts of channels, labels and counts, votes, errands, and how
    the app was installed.
    """

    team: str
    channels: Channels
    tags: Tags
    votes: Votes
    errands: Errands
    installs: Installs

    def choose(self, channel: str, changes: dict[str, object], default: Choice, *, now: datetime) -> Choice:
        """Set these fields of a channel's choice, and bring what is kept in line with it. Raises BadChoice."""
        if "listen" in changes and self.channels.choice(channel, default).listen != changes["listen"]:
            # First: catch-up must not read, as if it had been chosen then, what was said before.
            self.channels.note(channel, listen_ms=ms(now))
        chosen = self.channels.choose(channel, changes, default)
        if changes.keys() & {"learn", "keep_days"}:
            self.votes.rekeep(channel, keep=timedelta(days=chosen.keep_days), texts=chosen.learn, now=now)
        return chosen

    def erase_message(self, message: str, channel: str, ts: str, user: str = "") -> bool:
        """Everything that was noted about a message, its votes included; whether there was anything."""
        erased = self.tags.erase(message, channel, ts, user)
        return self.votes.erase(message) or erased

    def traces(self, now: datetime, *, user: str = "", channel: str = "", message: str = "") -> list[Forgetting]:
        """Every place that may hold something about one of these, or about the workspace, and how it goes."""
        parts = Parts(self.channels, self.tags, self.votes, self.errands)
        if not (user or channel or message):
            return of_workspace(parts, now)
        if user:
            return of_user(parts, user, now)
        return of_channel(parts, channel, now) if channel else of_message(parts, message)

    def sweep(self, now: datetime) -> None:
        """What no key's own end takes away. To be called now and then, by anybody."""
        for channel in self.channels.forget_left(now):
            self.tags.forget_channel(channel, now)
            self.votes.forget_channel(channel)
        self.tags.sweep(now)
        self.votes.sweep(now)
        self.errands.sweep(now)

    def erase(self, now: datetime) -> None:
        """The whole workspace, but for how it was installed."""
        self.votes.erase_all()
        self.tags.erase_all(now)
        self.errands.erase_all()
        self.channels.erase()


class Store:
    """One connection pool, safe for threads; `of` makes the memory of a workspace, cheap and to be kept."""

    def __init__(self, url: str, *, keys: Keys, patience: Patience = READER) -> None:
        """Connects at the first command. Raises Misconfigured when the URL cannot be used."""
        self.client: Any = connect(url, patience, name="clf-memory")
        self._keys = keys
        self._teams = f"{keys.bot}:teams"
        self._scripts = register(self.client)

    def of(self, team: str) -> Memory:
        place = self._place(team)
        return Memory(team, Channels(place), Tags(place), Votes(place), Errands(place), Installs(place))

    def teams(self) -> list[str]:
        """The workspaces there is anything about."""
        with meaning():
            return [team.decode() for team in self.client.zrange(self._teams, 0, -1)]

    def add_team(self, team: str, now: datetime) -> None:
        """To be called before anything else is remembered of a workspace."""
        with meaning():
            self.client.zadd(self._teams, {team: ms(now)})

    def keep(self, now: datetime) -> list[Kept]:
        """What is worth a backup, of every workspace."""
        return [take(self._place(team), now) for team in self.teams()]

    def put_back(self, kept: Kept, now: datetime) -> Amount:
        """Add what a backup has of a workspace and is not there; interrupted, it may be done again."""
        self.add_team(kept.team, now)
        return put_back(kept, self._place(kept.team), now)

    def _place(self, team: str) -> Place:
        return Place(self.client, self._keys, team, self._scripts)

    def traces(self, team: str, now: datetime) -> list[Forgetting]:
        """Every place that may hold something about a workspace, and how it goes; bots that serve it stop."""
        memory = self.of(team)

        def leave() -> None:
            if installed := memory.installs.read():
                memory.installs.remove(installed.sealed, now)
            self.erase_team(team, now)

        there = Forgetting("the workspace and its installation", lambda: int(team in self.teams()), leave)
        return [*memory.traces(now), there]

    def erase_team(self, team: str, now: datetime) -> None:
        """Everything of a workspace that removed the app. Where it has installed again meanwhile, that stays."""
        memory = self.of(team)
        memory.erase(now)
        if memory.installs.erased():
            with meaning():
                self.client.zrem(self._teams, team)

    def close(self) -> None:
        self.client.close()
