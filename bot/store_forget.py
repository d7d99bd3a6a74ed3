"""All traces of a person, channel, message or workspace in the bot's memory: counted, erased. Part of bot/store.py."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.store_channels import Channels, Facts
from bot.store_errands import Errands
from bot.store_tags import Tags
from bot.store_votes import Votes

# Somebody's wish, not what we know of them: erased only when that is asked for, or they would be listened to again.
OPT_OUT, CHOICE = "opt-out", "choice of the channel"


@dataclass(frozen=True)
class Forgetting:
    """One place: what it is called for a person, how many traces there are, and how they go."""

    place: str
    count: Callable[[], int]
    erase: Callable[[], object]
    is_wish: bool = False


@dataclass(frozen=True)
class Parts:
    channels: Channels
    tags: Tags
    votes: Votes
    errands: Errands


def of_user(parts: Parts, user: str, now: datetime) -> list[Forgetting]:
    channels, tags, votes, errands = parts.channels, parts.tags, parts.votes, parts.errands

    def created() -> list[str]:
        return [channel for channel, facts in channels.snapshot().facts.items() if facts.creator == user]

    def asks() -> list[str]:
        return [job for job, ask in errands.waiting() if ask.user == user]

    return [
        Forgetting("votes", lambda: sum(1 for _ in votes.of_user(user)), lambda: votes.forget_user(user)),
        Forgetting("numbers of people", lambda: len(tags.people_of(user, now)), lambda: tags.forget_person(user, now)),
        # Slack is asked again who made a channel when that is next needed.
        Forgetting(
            "channels they made",
            lambda: len(created()),
            lambda: [channels.note(channel, creator="", asked_ms=0) for channel in created()],
        ),
        Forgetting("answers on their way", lambda: len(asks()), lambda: [errands.answered(job) for job in asks()]),
        Forgetting(
            "notes of what was done",
            lambda: len(errands.done_about(user)),
            lambda: [errands.undone(what) for what in errands.done_about(user)],
        ),
        Forgetting(OPT_OUT, lambda: int(channels.opted_out(user)), lambda: channels.opt_in(user), is_wish=True),
    ]


def of_channel(parts: Parts, channel: str, now: datetime) -> list[Forgetting]:
    channels, tags, votes, errands = parts.channels, parts.tags, parts.votes, parts.errands

    def asks() -> list[str]:
        return [job for job, ask in errands.waiting() if ask.channel == channel]

    def chosen() -> int:
        snapshot = channels.snapshot()
        return int(channel in snapshot.choices) + int(snapshot.facts.get(channel, Facts()) != Facts())

    return [
        Forgetting("labels", lambda: tags.counts(channel, now)["tags"], lambda: tags.forget_channel(channel, now)),
        Forgetting(
            "figures",
            lambda: tags.counts(channel, now)["days"] + int(channel in tags.channels()),
            lambda: tags.forget_channel(channel, now),
        ),
        Forgetting("votes", lambda: sum(1 for _ in votes.of_channel(channel)), lambda: votes.forget_channel(channel)),
        Forgetting("answers on their way", lambda: len(asks()), lambda: [errands.answered(job) for job in asks()]),
        Forgetting(
            "notes of what was done",
            lambda: len(errands.done_about(channel)),
            lambda: [errands.undone(what) for what in errands.done_about(channel)],
        ),
        Forgetting(CHOICE, chosen, lambda: channels.forget(channel), is_wish=True),
    ]


def of_message(parts: Parts, message: str) -> list[Forgetting]:
    tags, votes = parts.tags, parts.votes

    def erase_tag() -> None:
        tag = tags.get(message)
        if tag:
            tags.erase(message, tag.channel, tag.ts)

    return [
        Forgetting("labels", lambda: int(tags.get(message) is not None), erase_tag),
        Forgetting("votes", lambda: int(votes.get(message) is not None), lambda: votes.erase(message)),
    ]


def of_workspace(parts: Parts, now: datetime) -> list[Forgetting]:
    """All but how the app was installed."""
    channels, tags, votes, errands = parts.channels, parts.tags, parts.votes, parts.errands

    def chosen() -> int:
        snapshot = channels.snapshot()
        return len(snapshot.choices) + len(snapshot.facts) + len(snapshot.optouts)

    return [
        Forgetting("channels with labels", lambda: len(tags.channels()), lambda: tags.erase_all(now)),
        Forgetting("votes", lambda: sum(1 for _ in votes.all()), votes.erase_all),
        Forgetting("answers on their way", lambda: len(errands.waiting()), errands.erase_all),
        Forgetting("notes of what was done", lambda: len(errands.done()), errands.erase_all),
        Forgetting("what channels and people chose", chosen, channels.erase),
    ]
