"""Whose messages are labelled: what channels and people chose, known to every bot a second later."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.choices import Choice
from bot.listening import Listening
from bot.settings import Settings
from bot.store import Store
from tests.bot.conftest import Labeller, for_sandbox, running_bot
from tests.bot.memories import NOW, USUAL, ts_of
from tests.bot.test_intake import Intake, make_intake, message  # noqa: F401 (a fixture)
from tests.bot.test_lanes import Clock
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.connection import Unavailable
from worker.jobs import Job, Keys, Kind


def job(kind: Kind = Kind.MESSAGE, channel: str = "C1", user: str = "U1") -> Job:
    ts = ts_of(NOW + timedelta(minutes=1))
    return Job(id="m", message="m", team="T1", channel=channel, ts=ts, user=user, text="x", kind=kind)


@pytest.mark.parametrize(
    ("listen", "message", "mention", "direct"),
    [("on", True, True, True), ("mentions", False, True, True), ("off", False, False, False)],
)
def test_a_channel_chooses_what_is_listened_to(
    valkey: Broker, keys: Keys, listen: str, message: bool, mention: bool, direct: bool
):
    store = Store(valkey.bot, keys=keys)
    memory = store.of("T1")
    for channel in ("C1", "D1"):
        memory.choose(channel, {"listen": listen}, USUAL, now=NOW)
    listening = Listening(memory.channels)
    assert listening.takes(job()) is message
    assert listening.takes(job(Kind.MENTION)) is mention
    assert listening.takes(job(channel="D1")) is direct
    assert listening.takes(job(channel="C2"))
    memory.channels.opt_out("U2", NOW)
    assert not Listening(memory.channels).takes(job(Kind.MENTION, "C2", "U2"))
    store.close()


def test_a_channel_shared_with_others_is_left_alone_until_somebody_turns_it_on(valkey: Broker, keys: Keys):
    store = Store(valkey.bot, keys=keys)
    channels = store.of("T1").channels
    assert not Listening(channels).takes(job(), shared=True)
    channels.note("C1", shared=True)
    listening = Listening(channels)
    assert not listening.takes(job())
    channels.choose("C1", {"listen": "on"}, listening.default("C1"))
    assert Listening(channels).takes(job())
    store.close()


def test_redis_is_asked_once_a_second_however_much_is_said(valkey: Broker, keys: Keys):
    store, clock = Store(valkey.bot, keys=keys), Clock()
    memory = store.of("T1")
    listening = Listening(memory.channels, clock=clock)
    assert listening.takes(job())
    with valkey.client() as client:
        before = client.info("commandstats")["cmdstat_hget"]["calls"]
        for _ in range(500):
            listening.takes(job())
        assert client.info("commandstats")["cmdstat_hget"]["calls"] == before
    memory.choose("C1", {"listen": "off"}, USUAL, now=NOW)
    assert listening.takes(job())
    clock.now += 1.01
    assert not listening.takes(job())
    store.close()


def test_nobody_is_listened_to_by_guess_and_what_was_known_outlives_redis(keys: Keys, valkey: Broker):
    nowhere = Store("unix:///nowhere", keys=keys)
    with pytest.raises(Unavailable):
        Listening(nowhere.of("T1").channels).takes(job())
    nowhere.close()


def test_what_nobody_wants_labelled_is_acknowledged_and_never_queued(
    make_intake: Callable[..., Intake],  # noqa: F811
):
    intake = make_intake()
    memory = intake.tagger.workspace.memory
    memory.choose("C0OFF", {"listen": "off"}, Choice(), now=NOW)
    memory.channels.opt_out("U0QUIET", NOW)
    time.sleep(1.1)
    assert intake.hear(message(channel="C0OFF")) == 200
    assert intake.hear(message("<@U0BOT>", channel="C0OFF") | {"type": "app_mention"}) == 200  # no hint either
    assert intake.hear(message(user="U0QUIET")) == 200
    assert intake.hear(message(), is_ext_shared_channel=True) == 200
    assert intake.jobs() == []
    assert intake.count("unwanted") == 4
    assert intake.hear(message()) == 200
    assert len(intake.jobs()) == 1


def test_what_was_said_while_a_channel_was_off_stays_unread_when_it_is_turned_on(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller
):
    sandbox.clock(100)
    ours = for_sandbox(settings, sandbox)
    with running_bot(ours) as bot:
        memory = bot.tagger.workspace.memory
        memory.choose("C0GENERAL", {"listen": "off"}, Choice(), now=datetime.now(UTC))
        time.sleep(1.1)
        sandbox.post("general", "ada", "said while it was off")
        random = sandbox.post("random", "ada", "said elsewhere")
        wait_until(lambda: sandbox.replies("random", random), "the reply elsewhere")
    sandbox.post("general", "ada", "said while the bot was away too")
    time.sleep(1.1)  # the clocks may differ that much
    store = Store(ours.redis_url, keys=Keys(ours.clf_prefix))
    store.of("T0SANDBOX").choose("C0GENERAL", {"listen": "on"}, Choice(), now=datetime.now(UTC))
    store.close()
    missed = sandbox.post("general", "ada", "said since it is on")
    with running_bot(ours):
        wait_until(lambda: sandbox.replies("general", missed), "the reply", 30)
    assert sorted(job.text for job in labeller.seen) == ["said elsewhere", "said since it is on"]
