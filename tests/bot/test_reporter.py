"""Reports and alerts as people meet them in Slack: a picture in the channel, once, and buttons that obey who may."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot import alerts
from bot.choices import Choice
from bot.reporter import NO_PICTURE
from bot.scopes import NEEDED_SCOPES
from bot.store import Tag
from bot.timer import Timer
from tests.bot.conftest import Bot
from tests.conftest import wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import message_id

CHANNEL, DEFAULT = "C0GENERAL", Choice()
Fill = Callable[..., None]


@pytest.fixture
def fill(bot: Bot) -> Fill:
    """fill(back, bad, good): a day so long before today, by four people."""

    def put(back: int, bad: int, good: int, *, today: datetime | None = None) -> None:
        start = (today or datetime.now(UTC)) - timedelta(days=back)
        labels = ["negative"] * bad + ["positive"] * good
        tags: list[tuple[Tag, str]] = []
        for number, label in enumerate(labels):
            ts = f"{start.timestamp() - number:.0f}.{number:06}"
            message = message_id(bot.tagger.workspace.me.team, CHANNEL, ts)
            tag = Tag(message=message, channel=CHANNEL, ts=ts, label=label, confidence=0.9, sure=True, version="v")
            tags.append((tag, f"U0{number % 4}"))
        bot.tagger.workspace.memory.tags.record(tags, today or datetime.now(UTC))

    return put


def choose(bot: Bot, **changes: object) -> None:
    bot.tagger.workspace.memory.choose(CHANNEL, changes, DEFAULT, now=datetime.now(UTC))
    wait_until(
        lambda: all(getattr(bot.tagger.workspace.listening.choice(CHANNEL), k) == v for k, v in changes.items()),
        "the choice",
    )


def posts(sandbox: SandboxClient) -> list[dict[str, Any]]:
    return [one for one in sandbox.messages("general") if one.get("bot_id")]


def test_a_report_is_a_picture_with_words_and_alternative_text(sandbox: SandboxClient, bot: Bot, fill: Fill):
    for back in range(1, 5):
        fill(back, 3, 9)
    assert bot.tagger.workspace.reporter.answer(CHANNEL, 7) == "The report is in the channel."
    (post,) = posts(sandbox)
    assert "48 messages, negative 25 %, positive 75 %." in post["text"]
    assert "Said most clearly: <" in post["text"]
    (file,) = post["uploads"]
    assert file["mimetype"] == "image/png"
    assert "48 messages: negative 25 %, positive 75 %" in file["alt_txt"]


def test_who_asks_by_command_gets_it_in_the_channel_and_a_word_of_it(sandbox: SandboxClient, bot: Bot, fill: Fill):
    fill(1, 3, 9)
    sandbox.command("report 7d", user="linus")
    wait_until(lambda: "The report is in the channel." in str(sandbox.sees("linus")), "the word", 150)
    (post,) = posts(sandbox)
    assert len(post["uploads"]) == 1
    sandbox.command("report 1w", channel="random", user="linus")
    wait_until(lambda: "too little here to show" in str(sandbox.sees("linus")), "the other word")


def test_where_there_is_too_little_only_the_asker_is_told(sandbox: SandboxClient, bot: Bot, fill: Fill):
    fill(1, 2, 2)
    assert "too little here to show" in bot.tagger.workspace.reporter.answer(CHANNEL, 7)
    assert posts(sandbox) == []


def test_the_same_report_is_not_posted_again_a_moment_later(sandbox: SandboxClient, bot: Bot, fill: Fill):
    fill(1, 5, 5)
    bot.tagger.workspace.reporter.answer(CHANNEL, 7)
    assert "a moment ago" in bot.tagger.workspace.reporter.answer(CHANNEL, 7)
    assert len(posts(sandbox)) == 1


def test_without_the_right_for_files_the_words_come_alone(sandbox: SandboxClient, bot: Bot, fill: Fill):
    fill(1, 5, 5)
    sandbox.scopes(*(NEEDED_SCOPES.keys() - {"files:write"}))
    bot.tagger.workspace.reporter.answer(CHANNEL, 7)
    (post,) = posts(sandbox)
    assert post["text"].endswith(NO_PICTURE)
    assert not post.get("files")


def test_in_quiet_hours_and_while_paused_only_the_asker_sees_it(sandbox: SandboxClient, bot: Bot, fill: Fill):
    fill(1, 5, 5)
    there = datetime.now(UTC)
    quiet = {"quiet_from": f"{there - timedelta(hours=1):%H:%M}", "quiet_to": f"{there + timedelta(hours=1):%H:%M}"}
    choose(bot, **quiet)
    assert "only you see this" in bot.tagger.workspace.reporter.answer(CHANNEL, 7)
    choose(bot, quiet_from="", quiet_to="")
    bot.tagger.poster.pause("moving house")
    assert "paused by the operator" in bot.tagger.workspace.reporter.answer(CHANNEL, 7)
    assert posts(sandbox) == []


def timer(bot: Bot, now: Callable[[], datetime]) -> Timer:
    it = bot.tagger.workspace
    return Timer(it.memory, it.listening, it.reporter, paused=lambda: "", now=now)


def test_of_several_bots_one_posts_what_is_due_and_none_again(sandbox: SandboxClient, bot: Bot, fill: Fill):
    nine = datetime.now(UTC).replace(hour=9, minute=5)
    fill(1, 5, 5, today=nine)
    choose(bot, digest="daily")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: timer(bot, lambda: nine).turn(), range(4)))
    timer(bot, lambda: nine + timedelta(hours=2)).turn()
    assert len(posts(sandbox)) == 1
    timer(bot, lambda: nine.replace(hour=8)).turn()
    assert len(posts(sandbox)) == 1


def test_what_slack_refused_for_now_is_posted_later_and_what_it_may_have_taken_is_not(
    sandbox: SandboxClient, bot: Bot, fill: Fill
):
    nine = datetime.now(UTC).replace(hour=9, minute=5)
    fill(1, 5, 5, today=nine)
    choose(bot, digest="daily")
    sandbox.fault("rate_limited", method="files.getUploadURLExternal", count=1)
    timer(bot, lambda: nine).turn()
    assert posts(sandbox) == []
    sandbox.clear_faults()
    sandbox.fault("accept_then_drop", method="files.completeUploadExternal")
    timer(bot, lambda: nine).turn()
    timer(bot, lambda: nine).turn()
    assert len(posts(sandbox)) == 1


def turned(bot: Bot, fill: Fill) -> None:
    for back in range(1, 15):
        fill(back, 2, 18)
    fill(0, 24, 16)
    choose(bot, alerts="usual")


def watch(bot: Bot) -> None:
    bot.tagger.workspace.reporter.watch(CHANNEL, datetime.now(UTC).date())


def action_ids(post: dict[str, Any]) -> list[str]:
    return [one["action_id"] for block in post["blocks"] if block["type"] == "actions" for one in block["elements"]]


@pytest.mark.usefixtures("no_midnight")
def test_a_channel_that_turns_is_told_once_with_evidence(sandbox: SandboxClient, bot: Bot, fill: Fill):
    turned(bot, fill)
    watch(bot)
    watch(bot)
    (post,) = posts(sandbox)
    assert post["text"].startswith("*More negative than usual here today:* 24 of 40 messages (60 %); usually 10 %")
    assert action_ids(post) == [alerts.SELDOM_ACTION, alerts.OFF_ACTION]


@pytest.fixture
def no_midnight() -> None:
    """Today's messages are some seconds old: just after midnight they would be yesterday's."""
    now = datetime.now(UTC)
    if now.hour == 0 and now.minute < 2:
        pytest.skip("a minute after midnight, UTC")


@pytest.mark.usefixtures("no_midnight")
def test_less_often_obeys_a_manager_and_nobody_else(sandbox: SandboxClient, bot: Bot, fill: Fill):
    turned(bot, fill)
    watch(bot)
    (post,) = posts(sandbox)

    sandbox.click("general", post["ts"], "linus", alerts.SELDOM_ACTION)
    wait_until(lambda: "may change this" in str(sandbox.sees("linus")), "a word to who may not")
    assert bot.tagger.workspace.memory.channels.choice(CHANNEL, DEFAULT).alerts == "usual"
    sandbox.click("general", post["ts"], "grace", alerts.SELDOM_ACTION)
    wait_until(lambda: bot.tagger.workspace.memory.channels.choice(CHANNEL, DEFAULT).alerts == "seldom", "the choice")
    wait_until(lambda: action_ids(posts(sandbox)[0]) == [], "the buttons to go")
    assert "less often now" in str(posts(sandbox)[0]["blocks"])
