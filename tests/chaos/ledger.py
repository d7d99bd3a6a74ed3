"""What people wrote in the sandbox, and what became of it there: the one place where lost and doubled are counted."""

import itertools
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox_client import SandboxClient
from tests.waiting import Stuck
from worker.jobs import message_id

TEAM, BOT_USER = "T0SANDBOX", "U0BOT"
PEOPLE = ("ada", "grace", "linus", "mary")
TEXTS = (
    "good build",
    "the build is broken",
    "great, thanks",
    "I hate it",
    "it is today",
    "awful, bad, sad :rage:",
    "love it :tada:",
    "naïve café ☕ 好的 🎉",
)


@dataclass
class Count:
    """`delays` are the seconds from a message to its reply, by the message's ts; reactions have no time."""

    messages: int = 0
    lost: int = 0
    duplicates: int = 0
    delays: dict[str, float] = field(default_factory=dict[str, float])


class Ledger:
    """Posts as people would, in turn in all rooms, and remembers each message until it is counted."""

    def __init__(self, sandbox: SandboxClient, *, rooms: int, seed: int) -> None:
        self._sandbox = sandbox
        self.rooms = [sandbox.channel(f"room{number}") for number in range(rooms)]
        self._turn = itertools.cycle(self.rooms)
        self._random = random.Random(seed)
        self.posted: dict[str, list[str]] = defaultdict(list)
        self._silent = set[str]()

    def post(self, text: str = "", *, room: str = "") -> tuple[str, str]:
        """One message of a person; its room and ts."""
        room = room or next(self._turn)
        ts = self._sandbox.post(room, self._random.choice(PEOPLE), text or self._random.choice(TEXTS))
        self.posted[room].append(ts)
        return room, ts

    def expect_silence(self, ts: str) -> None:
        """This message is to get no reply: it stands in the dead letters, where the caller looks for it."""
        self._silent.add(ts)

    @property
    def messages(self) -> int:
        return sum(len(posted) for posted in self.posted.values())

    def ids(self) -> list[str]:
        """Message ids as the queue knows them."""
        return [message_id(TEAM, room, ts) for room, posted in self.posted.items() for ts in posted]

    def answered(self, room: str, ts: str) -> bool:
        return bool(replies_in(self._sandbox.messages(room), room).get(ts))

    def wait(self, seconds: float) -> None:
        """Until every message has its reply. Raises Stuck when for so long none was answered."""
        open_rooms, fewest, since = list(self.posted), self.messages, time.monotonic()
        while True:
            missing = {room: len(self._missing(room)) for room in open_rooms}
            open_rooms = [room for room in open_rooms if missing[room]]
            left = sum(missing.values())
            if not left:
                return
            if left < fewest:
                fewest, since = left, time.monotonic()
            if time.monotonic() - since > seconds:
                raise Stuck(f"{left} messages without a reply, and none came for {seconds:g} s")
            time.sleep(0.2)

    def _missing(self, room: str) -> set[str]:
        replies = replies_in(self._sandbox.messages(room), room)
        return {ts for ts in list(self.posted[room]) if ts not in self._silent and not replies.get(ts)}

    def count(self) -> Count:
        """Of everything posted so far. A reply to what nobody wrote, or to what was to get none, is one too many."""
        count = Count(self.messages)
        for room, posted in self.posted.items():
            messages = self._sandbox.messages(room)
            replies = replies_in(messages, room)
            wanted = {ts: 0 if ts in self._silent else 1 for ts in posted}
            count.lost += sum(replies[ts] < number for ts, number in wanted.items())
            count.duplicates += sum(max(0, number - wanted.get(ts, 0)) for ts, number in replies.items())
            count.delays |= delays_in(messages)
        return count


def replies_in(messages: Iterable[Mapping[str, Any]], room: str) -> Counter[str]:
    """How often each message was answered, by its ts: thread replies, reactions, and digests that list it."""
    messages = list(messages)
    by_id = {message_id(TEAM, room, one["ts"]): one["ts"] for one in messages}
    found = Counter[str]()
    for one in messages:
        payload = (one.get("metadata") or {}).get("event_payload", {}) if "bot_id" in one else {}
        if "bot_id" in one and "thread_ts" in one:
            found[by_id.get(str(payload.get("message", "")), one["thread_ts"])] += 1
        found.update(ts for ts in str(payload.get("messages", "")).split(",") if ts)
        found[one["ts"]] += sum(BOT_USER in reaction["users"] for reaction in one.get("reactions", []))
    return found


def delays_in(messages: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Seconds to the first reply in each message's thread."""
    replies = [one for one in messages if "bot_id" in one and "thread_ts" in one]
    return {one["thread_ts"]: float(one["ts"]) - float(one["thread_ts"]) for one in reversed(replies)}


def slowest_percent(delays: Iterable[float]) -> float:
    """What 99 of 100 stayed below, in seconds; 0 for none."""
    ordered = sorted(delays)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0
