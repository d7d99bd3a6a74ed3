"""Edits and deletions: the tag follows the text, and nothing outlives the message."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.choices import Choice
from bot.edits import Deletion, deletion
from bot.identity import Identity
from bot.listeners import understood
from bot.settings import Settings
from tests.bot.conftest import QUICK, Bot, Labeller, for_sandbox, labelling, result_of, running_bot
from tests.bot.memories import NOW
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Job, JobState, Keys, Kind, Origin, Result, StreamName, message_id
from worker.stream import Finished, Queue, result_fields

TEAM = "T0SANDBOX"
ME = Identity(TEAM, "U0BOT", bot_id="B0SANDBOX")
TS, EDITED = "1700000000.000100", "1700000009.000300"


def by_text(job: Job) -> Result:
    """What is bad is negative, and everything else positive."""
    if "bad" in job.text:
        return result_of(job, label="negative", emoji=":cry:", confidence=0.8)
    return result_of(job)


def changed(text: str, before: str = "great", **more: Any) -> dict[str, Any]:
    now = {"type": "message", "user": "U0ADA", "text": text, "ts": TS, "edited": {"user": "U0ADA", "ts": EDITED}}
    old = {"type": "message", "user": "U0ADA", "text": before, "ts": TS}
    event = {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "channel": "C1",
        "ts": "1700000010.000100",
    }
    return event | {"message": now | more, "previous_message": old}


# What the events mean


def test_another_text_makes_a_job_of_its_own():
    job = understood(changed("bad"), ME)
    assert isinstance(job, Job)
    message = message_id(TEAM, "C1", TS)
    assert (job.id, job.message, job.edit_ts) == (f"{message}.{EDITED}", message, EDITED)
    assert (job.kind, job.text, job.ts, job.user) == (Kind.EDIT, "bad", TS, "U0ADA")


def test_an_edit_that_names_the_bot_is_still_a_question():
    job = understood(changed("<@U0BOT> bad"), ME)
    assert isinstance(job, Job)
    assert (job.kind, job.text, job.edit_ts) == (Kind.MENTION, "bad", EDITED)


def test_history_and_event_make_the_same_job_of_an_edited_message():
    from_event = understood(changed("bad"), ME)
    message = changed("bad")["message"] | {"channel": "C1"}
    from_history = understood(message, ME, origin=Origin.HISTORY)
    assert isinstance(from_event, Job)
    assert isinstance(from_history, Job)
    assert from_history == replace(from_event, origin=Origin.HISTORY, enq_ms=from_history.enq_ms)


@pytest.mark.parametrize(
    "event",
    [
        changed("great"),  # the same text
        changed("great", attachments=[{"from_url": "https://x"}]),  # an unfurled link
        changed("bad", edited=None),  # not by a person
        changed("bad", edited={"ts": "soon"}),
        changed("bad", user="U0BOT", bot_id="B0SANDBOX"),  # our own post
        changed("", files=[]),
        changed("bad") | {"message": None},
        changed("bad") | {"channel": None},
    ],
)
def test_what_is_no_new_text_of_a_person_changes_nothing(event: dict[str, Any]):
    assert understood(event, ME) is None


def test_a_deleted_message_and_a_tombstone_both_say_that_it_is_gone():
    old = {"user": "U0ADA", "text": "great", "ts": TS, "edited": {"ts": EDITED}}
    event = {
        "type": "message",
        "subtype": "message_deleted",
        "channel": "C1",
        "deleted_ts": TS,
        "previous_message": old,
    }
    message = message_id(TEAM, "C1", TS)
    gone = Deletion(message, "C1", TS, TS, "U0ADA", (f"{message}.{EDITED}",))
    assert understood(event, ME) == gone
    tombstone = changed("This message was deleted.", subtype="tombstone", user="USLACKBOT") | {"previous_message": old}
    assert understood(tombstone, ME) == replace(gone, replied=True)
    inside = event | {"previous_message": old | {"thread_ts": "1700000000.000001"}}
    assert understood(inside, ME) == replace(gone, thread_ts="1700000000.000001")


@pytest.mark.parametrize("old", [{"user": "U0BOT", "bot_id": "B0SANDBOX"}, {"bot_id": "B0SANDBOX"}])
def test_our_own_posts_being_deleted_is_no_news(old: dict[str, Any]):
    event = {
        "type": "message",
        "subtype": "message_deleted",
        "channel": "C1",
        "deleted_ts": TS,
        "previous_message": old,
    }
    assert understood(event, ME) is None
    assert deletion(event, ME) is not None


# With the sandbox


@pytest.fixture
def text_labeller(labeller: Labeller) -> Labeller:
    labeller.answer = by_text
    return labeller


def bot_texts(sandbox: SandboxClient, channel: str = "general") -> list[str]:
    return [one["text"] for one in sandbox.messages(channel) if one.get("bot_id")]


def reactions(sandbox: SandboxClient, ts: str) -> list[str]:
    (message,) = [one for one in sandbox.messages("general") if one["ts"] == ts]
    return [one["name"] for one in message.get("reactions", [])]


def counted(bot: Bot, channel: str = "C0GENERAL") -> dict[str, int]:
    return bot.tagger.workspace.memory.tags.days(channel, day_now(), 1)[0].labels


def day_now():
    from datetime import UTC, datetime

    return datetime.now(UTC).date()


def said(*texts: str) -> Callable[[SandboxClient], bool]:
    return lambda sandbox: bot_texts(sandbox) == list(texts)


def test_a_reply_follows_the_text_and_the_count_moves_with_it(
    sandbox: SandboxClient, bot: Bot, text_labeller: Labeller
):
    ts = sandbox.post("general", "ada", "this is great")
    wait_until(lambda: bot_texts(sandbox) == [":smile: positive 93 %"], "the reply")
    wait_until(lambda: counted(bot) == {"positive": 1}, "the count")
    sandbox.edit("general", ts, "this is great")  # Slack says so too when nothing changed
    sandbox.edit("general", ts, "this is bad")
    wait_until(lambda: bot_texts(sandbox) == [":cry: negative 80 %"], "the reply to change")
    wait_until(lambda: counted(bot) == {"negative": 1}, "the count to move")
    assert [job.text for job in text_labeller.seen] == ["this is great", "this is bad"]
    assert len(sandbox.calls("chat.postMessage")) == 1
    tag = bot.tagger.workspace.memory.tags.get(message_id(TEAM, "C0GENERAL", ts))
    assert tag
    assert tag.label == "negative"
    sandbox.delete("general", ts)
    wait_until(lambda: sandbox.messages("general") == [], "reply and tombstone to go")
    wait_until(lambda: bot.tagger.workspace.memory.tags.get(tag.message) is None, "the tag to go")
    assert counted(bot) == {}


def test_a_reaction_is_replaced_and_what_is_not_shown_is_taken_away(
    sandbox: SandboxClient, bot: Bot, text_labeller: Labeller
):
    memory = bot.tagger.workspace.memory
    parent = sandbox.post("general", "ada", "this is great")
    inside = sandbox.post("general", "grace", "so great", parent)
    wait_until(lambda: reactions(sandbox, inside) == ["smile"], "the reaction")
    sandbox.edit("general", inside, "so bad")
    wait_until(lambda: reactions(sandbox, inside) == ["cry"], "the other reaction")
    memory.choose("C0GENERAL", {"labels": ["positive"]}, Choice(), now=NOW)
    time.sleep(1.1)  # what was chosen holds within two seconds
    sandbox.edit("general", inside, "really bad")
    sandbox.edit("general", parent, "this is bad")
    wait_until(lambda: reactions(sandbox, inside) == [] and bot_texts(sandbox) == [], "both to be taken away")
    sandbox.edit("general", parent, "great again")
    wait_until(lambda: bot_texts(sandbox) == [":smile: positive 93 %"], "a reply again")
    assert counted(bot) == {"positive": 1, "negative": 1}


@pytest.mark.parametrize("edit_first", [False, True])
def test_original_and_edit_in_flight_together_end_in_one_reply_of_the_newer_text(
    sandbox: SandboxClient, bot: Bot, make_queue: Callable[..., Queue], edit_first: bool
):
    """Crash matrix, row 18."""
    worker = make_queue("worker")
    ts = sandbox.post("general", "ada", "this is great")
    sandbox.edit("general", ts, "this is bad")
    wait_until(lambda: worker.client.xlen(worker.keys.stream(StreamName.JOBS)) == 2, "both jobs")
    deliveries = worker.read(StreamName.JOBS, count=10)
    for delivery in sorted(deliveries, key=lambda one: "bad" in Job.decode(one.fields).text, reverse=edit_first):
        job = Job.decode(delivery.fields)
        fields = result_fields(by_text(job).encode())
        worker.finish(
            [Finished(delivery, job.id, job.message, JobState.LABELLED, fields=fields)], into=StreamName.RESULTS
        )
    wait_until(lambda: worker.client.xlen(worker.keys.stream(StreamName.RESULTS)) == 0, "both results to be done")
    assert bot_texts(sandbox) == [":cry: negative 80 %"]
    assert counted(bot) == {"negative": 1}


def test_a_message_deleted_before_it_was_labelled_leaves_nothing(
    sandbox: SandboxClient, bot: Bot, valkey: Broker, keys: Keys
):
    ts = sandbox.post("general", "ada", "MARKED words")
    with valkey.client() as client:
        wait_until(lambda: client.xlen(keys.stream(StreamName.JOBS)) == 1, "the job")
        sandbox.delete("general", ts)
        wait_until(lambda: client.xlen(keys.stream(StreamName.JOBS)) == 0, "the job to go")
        assert not any(b"MARKED" in client.dump(key) for key in client.scan_iter(f"{{{keys.prefix}}}:*"))
    with labelling(valkey.worker, keys):
        last = sandbox.post("general", "ada", "later")
        wait_until(lambda: sandbox.replies("general", last), "the next reply")
    assert len(bot_texts(sandbox)) == 1


@pytest.mark.parametrize("point", ["before begin", "after begin", "after send", "before finish"])
def test_a_message_deleted_while_it_is_answered_keeps_no_reply(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller, point: str
):
    """Crash matrix, row 17."""
    sandbox.clock(100)
    posted: list[str] = []

    def delete_here(name: str) -> None:
        if name == point and posted:
            sandbox.delete("general", posted.pop())

    with running_bot(for_sandbox(settings, sandbox), posting=replace(QUICK, at=delete_here)) as bot:
        deleted = bot.tagger.metrics.events.labels("deleted")
        # Held until the deletion knows which message it is about.
        labeller.answer = lambda job: posted.append(job.ts) or result_of(job)
        sandbox.post("general", "ada", "this is great")
        wait_until(lambda: deleted._value.get() == 1, "the deletion")
        wait_until(lambda: sandbox.messages("general") == [], "nothing to be left")
        assert counted(bot) == {}


def test_what_was_edited_or_deleted_while_the_bot_was_away_is_made_good(
    sandbox: SandboxClient, settings: Settings, text_labeller: Labeller
):
    sandbox.clock(100)
    ours = for_sandbox(settings, sandbox)
    with running_bot(ours):
        edited = sandbox.post("general", "ada", "this is great")
        deleted = sandbox.post("general", "ada", "this was great")
        kept = sandbox.post("general", "ada", "this stays great")
        wait_until(lambda: len(bot_texts(sandbox)) == 3, "three replies")
    sandbox.edit("general", edited, "this is bad")
    sandbox.delete("general", deleted)
    with running_bot(ours) as bot:
        wait_until(lambda: sorted(bot_texts(sandbox)) == [":cry: negative 80 %", ":smile: positive 93 %"], "both", 30)
        wait_until(lambda: counted(bot) == {"positive": 1, "negative": 1}, "the counts")
    assert len(sandbox.replies("general", kept)) == 1
    assert sandbox.duplicates() == 0
