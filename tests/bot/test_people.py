"""Who may change a channel, and who may correct a label."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bot import people
from bot.choices import Choice
from bot.people import People, Person
from bot.slack_client import Slack, quiet_web_client
from bot.store import Memory, Store
from tests.conftest import Broker
from tests.sandbox_client import BOT_TOKEN, SandboxClient
from worker.jobs import Keys

TEAM = "T0SANDBOX"


@dataclass
class Place:
    people: People
    memory: Memory
    sandbox: SandboxClient
    channel: str

    def managers(self, *users: str) -> set[str]:
        return {user for user in users if not self.people.why_not_manage(user, self.channel)}


@pytest.fixture
def place(sandbox: SandboxClient, valkey: Broker, keys: Keys) -> Iterator[Place]:
    """A channel that ada made, with the bot in it; grace is an admin, mary is named by the operator."""
    sandbox.clock(100)
    store = Store(valkey.bot, keys=keys)
    memory = store.of(TEAM)
    slack = Slack(quiet_web_client(BOT_TOKEN, sandbox.api_url))
    people = People(slack, memory.channels, TEAM, frozenset({"U0MARY"}))
    yield Place(people, memory, sandbox, sandbox.channel("team", creator="ada", members=["ada", "linus", "mary"]))
    store.close()


def test_a_channel_is_changed_by_its_creator_admins_and_those_the_operator_named(place: Place):
    assert place.managers("U0ADA", "U0GRACE", "U0LINUS", "U0MARY") == {"U0ADA", "U0GRACE", "U0MARY"}
    assert "Only the creator" in place.people.why_not_manage("U0LINUS", place.channel)


def test_slack_is_not_asked_again_for_each_click(place: Place):
    for _ in range(3):
        place.managers("U0ADA")
    assert len(place.sandbox.calls("users.info")) == 1
    assert len(place.sandbox.calls("conversations.info")) == 1
    assert place.memory.channels.facts(place.channel).creator == "U0ADA"


def test_who_is_no_admin_any_more_loses_the_right(place: Place, monkeypatch: pytest.MonkeyPatch):
    assert place.managers("U0GRACE") == {"U0GRACE"}
    monkeypatch.setattr(people, "PERSON_KEPT", people.PERSON_KEPT * 0)
    place.managers("U0GRACE")
    assert len(place.sandbox.calls("users.info")) == 2


def test_nobody_gets_a_right_because_slack_did_not_answer(place: Place):
    place.sandbox.fault("server_error", method="users.info")
    assert "Try again" in place.people.why_not_manage("U0GRACE", place.channel)
    place.sandbox.fault("server_error", method="conversations.info")
    assert "Try again" in place.people.why_not_manage("U0LINUS", place.channel)


@pytest.mark.parametrize(
    ("correct", "may"),
    [("everyone", {"U0ADA", "U0GRACE", "U0LINUS"}), ("author", {"U0LINUS"}), ("managers", {"U0ADA", "U0GRACE"})],
)
def test_who_may_correct_is_the_channels_choice(place: Place, correct: str, may: set[str]):
    choice = Choice().changed({"correct": correct})
    users = ("U0ADA", "U0GRACE", "U0LINUS")
    why = place.people.why_not_correct
    assert {user for user in users if not why(user, "U0LINUS", place.channel, choice)} == may


@pytest.mark.parametrize(
    ("info", "manages", "corrects"),
    [
        ({"is_admin": True}, True, True),
        ({"is_owner": True}, True, True),
        ({"is_admin": True, "is_bot": True}, False, False),
        ({"is_admin": True, "is_restricted": True}, False, True),
        ({"is_admin": True, "is_ultra_restricted": True}, False, True),
        ({"is_admin": True, "team_id": "T0OTHER"}, False, False),
        ({"is_admin": True, "deleted": True}, False, False),
        ({"is_admin": "yes"}, False, True),
        ({}, False, True),
    ],
)
def test_no_guest_bot_or_stranger_manages_whatever_else_they_are(info: dict[str, Any], manages: bool, corrects: bool):
    person = people._person({"team_id": TEAM} | info, "U1")
    assert (person.leads and not people._why_stranger(person, TEAM)) is manages
    assert (not people._why_stranger(person, TEAM, guests=True)) is corrects


def test_a_persons_zone_is_known_for_their_quiet_hours():
    assert people._person({"tz": "Europe/Berlin"}, "U1") == Person(id="U1", team="", zone="Europe/Berlin")
