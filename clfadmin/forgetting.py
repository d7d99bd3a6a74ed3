"""What `clfadmin forget` does: every place asked, emptied, and asked again."""

import os
import secrets
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from clfadmin.broker import require_url
from clfadmin.memory import memory_of, open_store
from clfadmin.settings import Settings
from worker.jobs import Keys, StreamName, message_id
from worker.stream import Queue
from worker.traces import About, Rewrite, Trace, Traces, forgets_deleted_entries, rewrite_log

# A worker may be about to hand on what was in its hands; that is refused, and takes less than this.
SETTLE_SECONDS = 0.3
_NAMES = {StreamName.JOBS: "texts waiting", StreamName.RESULTS: "results waiting", StreamName.DEAD: "dead letters"}


class Subject(Protocol):
    """Of a message `message`, or `channel` and `ts`; else one of the first two, or `everything`."""

    @property
    def user(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def ts(self) -> str: ...
    @property
    def everything(self) -> bool: ...


@dataclass(frozen=True)
class Place:
    """How many traces there were and are. `kept`: it is a wish of theirs, left alone unless that was asked for."""

    place: str
    before: int
    after: int
    kept: bool = False


@dataclass(frozen=True)
class Forgotten:
    """`rewrite` is the append-only file's fate, "" where nothing was erased."""

    kind: str
    team: str
    dry_run: bool
    places: tuple[Place, ...]
    rewrite: str
    out_of_reach: tuple[str, ...]

    @property
    def left(self) -> int:
        return sum(place.after for place in self.places if not place.kept)


@dataclass(frozen=True)
class _Spot:
    place: str
    count: Callable[[], int]
    erase: Callable[[], object]
    kept: bool = False


@dataclass(frozen=True)
class Work:
    kind: str
    team: str
    spots: tuple[_Spot, ...]
    rewrite: Callable[[timedelta], Rewrite]
    out_of_reach: tuple[str, ...]

    def look(self) -> Forgotten:
        places = tuple(Place(spot.place, found := spot.count(), found, spot.kept) for spot in self.spots)
        return Forgotten(self.kind, self.team, True, places, "", self.out_of_reach)

    def erase(self, *, rewrite_within: timedelta) -> Forgotten:
        """Raises QueueError; repeated, it goes on where it was cut off."""
        before = self.look()
        for spot in self.spots:
            if not spot.kept:
                spot.erase()
        time.sleep(SETTLE_SECONDS)
        rewritten = self.rewrite(rewrite_within)
        places = tuple(
            replace(place, after=spot.count()) for place, spot in zip(before.places, self.spots, strict=True)
        )
        return replace(before, dry_run=False, places=places, rewrite=rewritten.value)


@contextmanager
def opened(settings: Settings, team: str, subject: Subject, *, choices: bool) -> Generator[Work]:
    """Raises BrokerError, NoWorkspace, QueueError."""
    url = require_url(settings.home, settings.redis_url.get_secret_value() if settings.redis_url else None)
    keys = Keys(settings.prefix)
    name = f"admin-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    queue = Queue(url, keys=keys, consumer=name)
    try:
        with open_store(url, keys) as store:
            memory = memory_of(store, team)
            queue.ensure_groups()
            about = _about(memory.team, subject)
            now = datetime.now(UTC)
            if about.everything:
                kept = store.traces(memory.team, now)
            else:
                kept = memory.traces(now, user=about.user, channel=about.channel, message=about.message)
            spots = [*_in_queue(queue, about)]
            spots += [_Spot(one.place, one.count, one.erase, one.is_wish and not choices) for one in kept]
            beyond = _OUT_OF_REACH[_kind(about)]
            if not forgets_deleted_entries(queue.client):
                beyond = (*beyond, _BLOCKS)

            def rewrite(within: timedelta) -> Rewrite:
                return rewrite_log(queue.client, within=within)

            yield Work(_kind(about), memory.team, tuple(spots), rewrite, beyond)
    finally:
        queue.close()


def _about(team: str, subject: Subject) -> About:
    if subject.everything:
        return About(team=team, everything=True)
    if subject.user:
        return About(team=team, user=subject.user)
    if subject.message or subject.ts:
        return About(team=team, message=subject.message or message_id(team, subject.channel, subject.ts))
    return About(team=team, channel=subject.channel)


def _kind(about: About) -> str:
    kinds = {"user": about.user, "channel": about.channel, "message": about.message, "workspace": about.everything}
    return next(kind for kind, named in kinds.items() if named)


def _in_queue(queue: Queue, about: About) -> Generator[_Spot]:
    traces = Traces(queue)

    def found(stream: StreamName) -> list[Trace]:
        return [trace for trace in traces.find(about) if trace.stream is stream]

    for stream, name in _NAMES.items():
        yield _Spot(name, lambda at=stream: len(found(at)), lambda at=stream: traces.erase(found(at)))
    if about.everything:
        where = about.team
        yield _Spot("marks of channels", lambda: len(traces.marks(where)), lambda: traces.erase_marks(where))
    if about.message:
        # Whatever is still to come of it is refused from now on.
        yield _Spot("the message itself", lambda: 0, lambda: queue.cancel(about.message))


_BLOCKS = (
    "the bytes of deleted texts in blocks of the server's streams, until all other entries of the block are gone too: "
    "`stream-node-max-entries 1` on the server ends that"
)
_BACKUPS = "backups of the server and files that `clfadmin` wrote elsewhere, such as exported corrections"
_VERSIONS = "model versions trained before: a text leaves no copy in them, but it did its part; train anew without it"
_OUT_OF_REACH = {
    "user": (
        "Slack itself: messages, and replies of the bot under them. Deleting a message takes its reply along.",
        "the labels of their messages: nobody noted whose they are. Each ends after 30 days, or with its message.",
        _VERSIONS,
        _BACKUPS,
    ),
    "channel": (
        "Slack itself: messages, and replies of the bot under them. Deleting a message takes its reply along.",
        "the time of the last message that was handled there, without which old ones would be labelled anew.",
        _VERSIONS,
        _BACKUPS,
    ),
    "workspace": (
        "Slack itself: messages, and replies of the bot under them; and the app, until somebody removes it there",
        _VERSIONS,
        _BACKUPS,
    ),
    "message": (
        "Slack itself: the message, and the bot's reply under it. Deleting the message takes the reply along.",
        _VERSIONS,
        _BACKUPS,
    ),
}
