"""Commands, the settings window and App Home, as people use them: the real bot against the local Slack."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from bot.desk import NO_MEMORY
from bot.settings import Settings
from tests.bot.conftest import Bot, Labeller, for_sandbox, running_bot
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.fleet import Fleet, WorkerBeat
from worker.jobs import Keys, Kind

LABELS = "negative\nneutral\npositive"


@pytest.fixture
def team(sandbox: SandboxClient) -> str:
    """A channel that ada made. Grace is an admin, linus neither."""
    sandbox.channel("team", creator="ada", members=["ada", "grace", "linus", "mary"])
    return "team"


@pytest.fixture
def worker(valkey: Broker, keys: Keys) -> Callable[[], None]:
    """Lets a worker's heart beat once: it counts as alive for six seconds."""

    def beat() -> None:
        fleet = Fleet(valkey.url, keys=keys)
        ready = WorkerBeat(id="w", host="h", pid=1, version="tiny", gen=1, state="ready", runtime="onnx")
        fleet.beat(replace(ready, labels=LABELS, languages="en pt"))
        fleet.close()

    return beat


def told(sandbox: SandboxClient, user: str, words: str) -> str:
    """The text of what that person alone sees, once it holds these words."""

    def found() -> str:
        return next((one["text"] for one in sandbox.sees(user)["ephemeral"] if words in one["text"]), "")

    return str(wait_until(found, f"{user} to be told: {words}"))


def view_of(sandbox: SandboxClient, user: str, words: str = "") -> dict[str, Any]:
    """The window on top, once it holds these words."""

    def found() -> Any:
        views = sandbox.sees(user)["views"]
        return views[-1] if views and words in str(views[-1]) else None

    view: Any = wait_until(found, f"a window with {words!r}")
    return view


def home_of(sandbox: SandboxClient, user: str, words: str) -> dict[str, Any]:
    def found() -> Any:
        home = sandbox.sees(user)["home"]
        return home if home and words in str(home) else None

    home: Any = wait_until(found, f"App Home with {words!r}")
    return home


def test_a_text_gets_its_label_for_the_asker_alone(
    bot: Bot, labeller: Labeller, sandbox: SandboxClient, team: str, worker
):
    worker()
    assert sandbox.command("great work", team, "linus")["ok"]
    assert told(sandbox, "linus", "positive 93 %")
    (seen,) = sandbox.sees("linus")["ephemeral"]
    assert "positive ██" in str(seen["blocks"])
    assert "Version tiny" in str(seen["blocks"])
    assert labeller.seen[0].kind is Kind.COMMAND
    assert not [one for one in sandbox.messages(team) if "positive" in one["text"]]
    assert sandbox.sees("ada")["ephemeral"] == []


def test_help_and_a_wrong_wish_are_answered_at_once(bot: Bot, sandbox: SandboxClient, team: str):
    seen = sandbox.command("help", team, "linus")
    assert "/sentiment settings" in seen["ephemeral"][0]["text"]
    assert "1 to 90 days" in sandbox.command("report 400d", team, "linus")["ephemeral"][1]["text"]


def test_a_channel_is_changed_by_who_may_and_by_nobody_else(bot: Bot, sandbox: SandboxClient, team: str):
    sandbox.command("off", team, "linus")
    assert told(sandbox, "linus", "Only the creator of this channel")
    sandbox.command("reactions", team, "ada")
    assert "reactions only" in told(sandbox, "ada", "Done.")
    sandbox.command("mentions", team, "grace")
    assert "only messages that name me, reactions only" in told(sandbox, "grace", "Done.")
    sandbox.command("reactions", team, "ada")
    assert told(sandbox, "ada", "how it is here already")
    sandbox.command("status", team, "linus")
    status = told(sandbox, "linus", "This channel:")
    assert "only messages that name me, reactions only" in status
    assert "no worker runs" in status


def test_the_status_names_the_languages_of_the_version_that_answers(
    bot: Bot, sandbox: SandboxClient, team: str, worker
):
    worker()
    sandbox.command("status", team, "linus")
    assert "version tiny, trained for English, Portuguese, served by 1 worker(s)" in told(sandbox, "linus", "Model")


def test_without_a_worker_the_asker_is_told_that_the_answer_may_take_its_time(
    bot: Bot, sandbox: SandboxClient, team: str
):
    sandbox.command("great work", team, "linus")
    assert told(sandbox, "linus", "No model runs at present")


def test_the_settings_window_shows_what_is_set_and_saves_what_is_changed(
    bot: Bot, sandbox: SandboxClient, team: str, worker
):
    worker()
    sandbox.command("reactions", team, "ada")
    told(sandbox, "ada", "Done.")
    sandbox.command("settings", team, "ada")
    view = view_of(sandbox, "ada", "Which messages do I answer?")
    answer = sandbox.submit(view["id"], "ada", {"listen": "mentions", "labels": ["negative"], "confidence": "80"})
    assert answer["ok"], answer
    assert answer["views"] == []
    words = told(sandbox, "ada", "Saved.")
    assert "only messages that name me, reactions only, only negative, from 80 %" in words
    sandbox.command("settings", team, "grace")
    again = view_of(sandbox, "grace", "Which messages do I answer?")
    unchanged = sandbox.submit(again["id"], "grace")
    assert unchanged["ok"], unchanged
    assert told(sandbox, "grace", "Nothing was changed")


def test_what_makes_no_sense_is_said_in_the_window_which_stays_open(bot: Bot, sandbox: SandboxClient, team: str):
    sandbox.command("settings", team, "ada")
    view = view_of(sandbox, "ada", "Which messages do I answer?")
    answer = sandbox.submit(view["id"], "ada", {"extras": ["quiet"], "zone": "Mars/Olympus"})
    assert "Europe/Berlin" in answer["errors"]["zone"]
    assert answer["views"]


def test_the_window_opens_only_for_who_may_and_rights_are_asked_again_when_it_is_saved(
    bot: Bot, sandbox: SandboxClient, team: str, monkeypatch: pytest.MonkeyPatch
):
    sandbox.command("settings", team, "linus")
    assert told(sandbox, "linus", "Only the creator")
    assert sandbox.sees("linus")["views"] == []
    sandbox.command("settings", team, "ada")
    view = view_of(sandbox, "ada", "Which messages do I answer?")
    monkeypatch.setattr(bot.tagger.workspace.asking.desk.people, "why_not_manage", lambda *_: "You may not any more.")
    answer = sandbox.submit(view["id"], "ada", {"listen": "off"})
    assert answer["errors"] == {"listen": "You may not any more."}


def test_opting_out_is_said_and_shown_in_app_home_and_can_be_taken_back(bot: Bot, sandbox: SandboxClient, team: str):
    sandbox.command("opt out", team, "linus")
    assert told(sandbox, "linus", "I no longer read your messages")
    assert bot.tagger.workspace.asking.desk.memory.channels.opted_out("U0LINUS")
    sandbox.home("linus")
    home = home_of(sandbox, "linus", "I leave your messages alone")
    sandbox.click_in(home["id"], "linus", "home_opt_in", "home")
    home_of(sandbox, "linus", "I read your messages where")
    assert not bot.tagger.workspace.asking.desk.memory.channels.opted_out("U0LINUS")


def test_app_home_lists_channels_the_person_is_in_and_lets_those_change_them_who_may(
    bot: Bot, sandbox: SandboxClient, team: str, worker
):
    secret = sandbox.channel("board", kind="private", creator="mary", members=["mary"])
    worker()
    sandbox.home("ada")
    home = home_of(sandbox, "ada", "every message, reply in the thread")
    assert "Version tiny answers" in str(home)
    assert secret not in str(home), "a private channel she is not in"
    sandbox.click_in(home["id"], "ada", "home_settings", channel_id(sandbox, team))
    view = view_of(sandbox, "ada", "Which messages do I answer?")
    sandbox.submit(view["id"], "ada", {"listen": "off"})
    home_of(sandbox, "ada", "  off")


def channel_id(sandbox: SandboxClient, name: str) -> str:
    return next(one["id"] for one in sandbox.state()["channels"] if one["name"] == name)


def test_with_redis_away_every_answer_says_so_in_time(settings: Settings, sandbox: SandboxClient, team: str):
    sandbox.clock(100)
    nowhere = SecretStr("redis://127.0.0.1:1")
    with running_bot(for_sandbox(settings, sandbox, clf_redis_url=nowhere)):
        for text in ("great work", "opt out", "status"):
            assert sandbox.command(text, team, "ada")["ok"], "acknowledged"
        wait_until(lambda: [one["text"] for one in sandbox.sees("ada")["ephemeral"]] == [NO_MEMORY] * 3, "three lines")
        sandbox.home("ada")
        home_of(sandbox, "ada", NO_MEMORY)
