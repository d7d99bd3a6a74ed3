"""Sockets that close, break and fall silent."""

import threading
import time
from datetime import timedelta

import pytest

from bot.settings import Settings
from tests.bot.conftest import Bot, Labeller, for_sandbox, running_bot
from tests.bot.test_main_path import one_reply
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.fleet import Fleet
from worker.jobs import Keys


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("drop_socket", {}),
        ("close_frame", {}),
        ("disconnect", {"reason": "refresh_requested"}),
        ("disconnect", {"reason": "warning"}),
    ],
)
def test_a_lost_socket_is_replaced_and_messages_meanwhile_are_answered(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller, fault: str, more: dict[str, str]
):
    sandbox.fault(fault, **more)
    ts = sandbox.post("general", "ada", "great")
    one_reply(sandbox, "general", ts)
    wait_until(lambda: bot.tagger.link.reconnects == 1 and bot.tagger.link.connected, "the next socket")
    later = sandbox.post("general", "ada", "great again")
    one_reply(sandbox, "general", later)
    assert sandbox.duplicates() == 0


def test_a_socket_that_falls_silent_is_noticed_and_replaced(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller
):
    sandbox.clock(30)
    with running_bot(for_sandbox(settings, sandbox), silent_for=timedelta(seconds=2)) as bot:
        time.sleep(3)
        assert bot.tagger.link.reconnects == 0  # pongs keep it
        sandbox.fault("silent_socket")
        ts = sandbox.post("general", "ada", "great")
        wait_until(lambda: bot.tagger.link.reconnects == 1, "the next socket")
        one_reply(sandbox, "general", ts)


def test_events_too_many_are_dropped_and_answered_all_the_same(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.socket_mode.MOST_WAITING", 5)
    sandbox.clock(100)
    go_on = threading.Event()
    with running_bot(for_sandbox(settings, sandbox)) as bot:
        intake = bot.tagger.workspace.intake
        hear = intake._hear
        monkeypatch.setattr(intake, "_hear", lambda *given: go_on.wait(20) and hear(*given))
        posted = [sandbox.post("general", "ada", f"great {number}") for number in range(40)]
        figure = bot.tagger.metrics.registry.get_sample_value
        wait_until(lambda: figure("clf_bot_events_total", {"outcome": "dropped"}), "an event too many")
        assert bot.socket
        assert bot.socket._client.message_queue.qsize() <= 6  # and what is no event
        go_on.set()
        wait_until(lambda: all(sandbox.replies("general", ts) for ts in posted), "all replies", 30)
        assert all(len(sandbox.replies("general", ts)) == 1 for ts in posted)


def test_no_hello_is_no_harm(sandbox: SandboxClient, settings: Settings, labeller: Labeller):
    sandbox.fault("no_hello")
    with running_bot(for_sandbox(settings, sandbox)):
        one_reply(sandbox, "general", sandbox.post("general", "ada", "great"))


def test_closing_is_quick_and_final(sandbox: SandboxClient, settings: Settings):
    with running_bot(for_sandbox(settings, sandbox)) as bot:
        assert bot.socket
        started = time.monotonic()
        bot.socket.close()
        assert time.monotonic() - started < 3
        wait_until(lambda: not sandbox.state()["bot"]["connected"], "the sandbox to notice")
        time.sleep(1)
        assert not sandbox.state()["bot"]["connected"]


def test_the_fleet_sees_the_bot_by_its_heartbeat_and_sees_it_leave(
    sandbox: SandboxClient, settings: Settings, valkey: Broker, keys: Keys
):
    fleet = Fleet(valkey.admin, keys=keys)
    with running_bot(for_sandbox(settings, sandbox)) as bot:
        seen = lambda: [one for one in fleet.bots() if one.connected and one.channels >= 0]  # noqa: E731
        (beat,) = wait_until(seen, "a heartbeat")  # pyright: ignore
        assert (beat.id, beat.mode, beat.sockets) == (bot.tagger.id, "socket", 1)
        assert (beat.app, beat.team, beat.bot_user, beat.bot_name) == ("A0SANDBOX", "T0SANDBOX", "U0BOT", "sentiment")
        assert (beat.channels, beat.last_event_ms, beat.problem) == (3, 0, "")
        sandbox.post("general", "ada", "great")
        heard = wait_until(lambda: [one.last_event_ms for one in fleet.bots() if one.last_event_ms], "the event's time")
        assert abs(fleet.now_ms() - heard[0]) < 10_000  # pyright: ignore
    assert fleet.bots(alive=False) == []
    fleet.close()
