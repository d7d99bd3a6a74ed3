"""Edits and deletions of messages: what Slack's events about them mean, and a deletion carried out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.identity import Identity
from bot.message_text import clean, said
from bot.removals import Gone, Removals
from bot.slack_client import as_object
from bot.store import Memory
from worker.jobs import Job, JobState, Kind, job_id, message_id
from worker.stream import Queue

_TS = re.compile(r"\d{10}\.\d{6}")


@dataclass(frozen=True)
class Deletion:
    """A message that is gone. `edits` are the ids of jobs of its edits, as far as the event names them; `is_ours`: it
    was a post of our own; `replied`: a thread hangs on it.
    """

    message: str
    channel: str
    ts: str
    thread_ts: str
    user: str
    edits: tuple[str, ...] = ()
    is_ours: bool = False
    replied: bool = False


def deletion(event: Mapping[str, Any], me: Identity) -> Deletion | None:
    """What was deleted, if the event says so. A parent with replies becomes a tombstone, which Slack calls a change."""
    subtype = event.get("subtype")
    now, before = as_object(event.get("message")), as_object(event.get("previous_message"))
    if subtype == "message_deleted":
        ts = event.get("deleted_ts") or before.get("ts")
    elif subtype == "message_changed" and now.get("subtype") == "tombstone":
        ts = now.get("ts")
    else:
        return None
    channel, user = event.get("channel"), before.get("user")
    if not isinstance(channel, str) or not channel.isascii() or not _is_ts(ts):
        return None
    message, thread_ts, edit_ts = message_id(me.team, channel, str(ts)), before.get("thread_ts"), edited(before)
    return Deletion(
        message,
        channel,
        str(ts),
        str(thread_ts) if _is_ts(thread_ts) else str(ts),
        user if isinstance(user, str) and user.isascii() else "",
        (job_id(message, edit_ts),) if edit_ts else (),
        is_ours=user == me.bot_user or (bool(me.bot_id) and before.get("bot_id") == me.bot_id),
        replied=subtype == "message_changed",
    )


def edited_message(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The message of an event about an edit, as if it had just been posted; None where its text stayed as it was.

    Slack calls an unfurled link a change too.
    """
    if event.get("subtype") != "message_changed":
        return None
    now, before = as_object(event.get("message")), as_object(event.get("previous_message"))
    if not edited(now) or clean(said(now)) == clean(said(before)):
        return None
    where = {name: event[name] for name in ("channel", "channel_type") if name in event}
    return {**now, **where, "type": "message"}


def edited(message: Mapping[str, Any]) -> str:
    """When a message was last edited, "" for never."""
    ts = as_object(message.get("edited")).get("ts")
    return str(ts) if _is_ts(ts) else ""


def as_edit(job: Job, edit_ts: str) -> Job:
    """The job of a message for its text since `edit_ts`."""
    kind = Kind.EDIT if job.kind is Kind.MESSAGE else job.kind
    return replace(job, id=job_id(job.message, edit_ts), edit_ts=edit_ts, kind=kind)


class Eraser:
    """Carries deletions out."""

    def __init__(self, queue: Queue, memory: Memory, removals: Removals) -> None:
        self._queue, self._memory, self._removals = queue, memory, removals

    def knows(self, job: Job) -> bool:
        """Whether a message got a label before, as far as anybody remembers."""
        return self._memory.tags.get(job.message) is not None

    def erase(self, gone: Deletion) -> None:
        """Take back what is on its way, erase what was noted, and have our reply removed. Safe to repeat.

        Raises QueueError; then Slack must not be acknowledged, so that it tells us again.
        """
        cancelled = self._queue.cancel(gone.message, gone.edits)
        tag = self._memory.tags.get(gone.message)
        self._memory.erase_message(gone.message, gone.channel, gone.ts, gone.user)
        reply_ts = cancelled.reply_ts or (tag.reply_ts if tag else "")
        posting = cancelled.state is JobState.POSTING
        # Somebody replied, and that may have been us, longer ago than anything is remembered.
        if reply_ts or posting or gone.replied:
            self._removals.remove(Gone(gone.message, gone.channel, gone.ts, gone.thread_ts, reply_ts, posting))


def _is_ts(value: object) -> bool:
    return isinstance(value, str) and _TS.fullmatch(value) is not None
