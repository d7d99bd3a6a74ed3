"""Who may change a channel and who may correct a label: asked of Slack when somebody clicks, kept for a minute."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.choices import Choice, Correct
from bot.slack_client import Slack, as_object
from bot.slack_errors import trouble
from bot.store import Channels, Facts

# Somebody who is no admin any more loses the right this soon.
PERSON_KEPT = timedelta(minutes=1)
# Whether a channel is shared is also said by every event; its creator never changes.
PLACE_KEPT = timedelta(hours=1)
REMEMBERS = 1_000


@dataclass(frozen=True, kw_only=True)
class Person:
    """As Slack's users.info tells. `leads`: admin or owner of the workspace. `zone` such as Europe/Berlin, or ""."""

    id: str
    team: str
    leads: bool = False
    guest: bool = False
    bot: bool = False
    gone: bool = False
    zone: str = ""


class NotTold(Exception):
    """Slack did not tell. One line for the person who asked."""


class People:
    """Of one workspace. Safe for threads."""

    def __init__(
        self,
        slack: Slack,
        channels: Channels,
        team: str,
        managers: frozenset[str],
        *,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        """`managers` may change every channel: CLF_MANAGERS."""
        self._slack, self._channels, self._team, self._managers, self._now_ms = slack, channels, team, managers, now_ms
        self._known: OrderedDict[str, tuple[float, Person]] = OrderedDict()

    def why_not_manage(self, user: str, channel: str) -> str:
        """Why this person may not change what the channel chose, in one line for them; empty where they may."""
        try:
            person = self.person(user)
            if stranger := _why_stranger(person, self._team):
                return stranger
            if person.leads or user in self._managers or self.facts(channel).creator == user:
                return ""
        except NotTold as error:
            return str(error)
        return "Only the creator of this channel, admins of the workspace and those the operator named may change this."

    def why_not_correct(self, user: str, author: str, channel: str, choice: Choice) -> str:
        """The same for correcting the label of a message that `author` wrote."""
        if choice.correct is Correct.MANAGERS:
            return self.why_not_manage(user, channel)
        try:
            if stranger := _why_stranger(self.person(user), self._team, guests=True):
                return stranger
        except NotTold as error:
            return str(error)
        if choice.correct is Correct.AUTHOR and user != author:
            return "In this channel only who wrote a message may correct its label."
        return ""

    def person(self, user: str) -> Person:
        """Raises NotTold."""
        at, known = self._known.get(user, (0.0, None))
        if known and time.monotonic() - at < PERSON_KEPT.total_seconds():
            return known
        person = _person(as_object(self._ask("users.info", user=user).get("user")), user)
        self._known[user] = (time.monotonic(), person)
        while len(self._known) > REMEMBERS:
            self._known.popitem(last=False)
        return person

    def facts(self, channel: str) -> Facts:
        """Who made a channel and whether others share it. Raises NotTold, QueueError."""
        known = self._channels.facts(channel)
        if known.asked_ms and self._now_ms() - known.asked_ms < PLACE_KEPT.total_seconds() * 1000:
            return known
        info = as_object(self._ask("conversations.info", channel=channel).get("channel"))
        # A direct conversation has no creator; it is theirs who talks to us.
        creator = str(info.get("creator") or (info.get("user") if info.get("is_im") else "") or "")
        return self._channels.note(channel, asked_ms=self._now_ms(), creator=creator, shared=is_shared(info))

    def _ask(self, method: str, **fields: object) -> dict[str, Any]:
        try:
            return self._slack.call(method, **fields)
        except Exception as error:
            why = trouble(error)
            raise NotTold(f"Slack did not tell me whether you may do this ({why.code}). Try again.") from error


def is_shared(info: dict[str, Any]) -> bool:
    """Whether people of another organisation are in a channel, or are about to be."""
    return bool(info.get("is_ext_shared") or info.get("is_pending_ext_shared"))


def _person(info: dict[str, Any], user: str) -> Person:
    return Person(
        id=user,
        team=str(info.get("team_id", "")),
        leads=any(info.get(name) is True for name in ("is_admin", "is_owner", "is_primary_owner")),
        guest=any(info.get(name) is True for name in ("is_restricted", "is_ultra_restricted", "is_stranger")),
        bot=info.get("is_bot") is True or info.get("is_workflow_bot") is True or user == "USLACKBOT",
        gone=info.get("deleted") is True,
        zone=str(info.get("tz") or ""),
    )


def _why_stranger(person: Person, team: str, *, guests: bool = False) -> str:
    if person.bot or person.gone or (person.team and person.team != team):
        return "Only people of this workspace may do this."
    return "Guests of this workspace may not change this." if person.guest and not guests else ""
