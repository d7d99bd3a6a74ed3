"""What was said in a channel since a moment, from Slack's history, and which of it carries our reply already."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from bot.digest import counted_in
from bot.identity import Identity
from bot.replies import EVENT_TYPE
from bot.slack_client import Call, as_object, pages
from worker.jobs import message_id

HISTORY, THREAD = "conversations.history", "conversations.replies"
PAGE = 200
# Of a channel, the newest; what lies before is counted.
MOST_MESSAGES = 5_000
# History does not show replies, so the parents of new ones are looked for this much further back.
THREAD_LOOK_BACK = timedelta(hours=24)


class Unreadable(Exception):
    """Slack does not show us this, now or later. The message is its word for it."""


@dataclass
class Reading:
    """A channel since a moment: `messages` as Slack has them, with their `channel`, oldest first.

    `answered` holds the ids of messages that carry a reply of ours, each with the edit it is about, None where nothing
    says so. `gone` are deleted messages that our replies have outlived, `skipped` counts messages beyond the
    limit, and `newest` is the latest ts seen, "" in an empty channel.
    """

    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answered: dict[str, str | None] = field(default_factory=dict[str, str | None])
    gone: list[str] = field(default_factory=list[str])
    skipped: int = 0
    newest: str = ""


def read_channel(call: Call, me: Identity, channel: str, *, since: str, is_known: Callable[[str], bool]) -> Reading:
    """Messages newer than `since`, those in threads included. What was said before we were invited is left alone.

    `call` reads Slack. Of a message that `is_known` by its id the queue takes care: a thread where nobody but us
    replied is then not read. A thread that is gone by now is left out. Raises Unreadable for the channel itself, and
    what `call` raises.
    """
    reading = Reading()
    parents: list[dict[str, Any]] = []
    for message in _top_level(call, me, channel, oldest=before(since, THREAD_LOOK_BACK)):
        reading.newest = max(reading.newest, _ts(message))
        _look_at(reading, me, channel, message)
        if _ts(message) > since:
            _keep(reading, message)
        if str(message.get("latest_reply", "")) > since and not (
            _only_we_replied(message, me)
            and (_ts(message) <= since or is_known(message_id(me.team, channel, _ts(message))))
        ):
            parents.append(message)
    for parent in parents:
        with suppress(Unreadable):  # deleted since we read the channel
            _read_thread(call, me, reading, channel, parent, since)
    for message in reading.messages:
        message["channel"] = channel
        if _has_our_reaction(message, me):
            reading.answered.setdefault(message_id(me.team, channel, _ts(message)))
    reading.messages.sort(key=_ts)
    return reading


def _look_at(reading: Reading, me: Identity, channel: str, message: Mapping[str, Any]) -> None:
    """What a message of the channel tells about our own posts."""
    if _is_ours(message, me):
        reading.answered |= dict.fromkeys(counted_in(message, me.team, channel))
    if message.get("subtype") == "tombstone" and me.bot_user in message.get("reply_users", []):
        reading.gone.append(_ts(message))


def before(ts: str, span: timedelta) -> str:
    """The moment `span` before `ts`, as Slack writes moments."""
    return f"{max(float(ts) - span.total_seconds(), 0):.6f}"


def _top_level(call: Call, me: Identity, channel: str, *, oldest: str) -> Iterator[dict[str, Any]]:
    """Newest first, back to `oldest` or to the moment we joined."""
    fields = {"channel": channel, "oldest": oldest, "include_all_metadata": True, "limit": PAGE}
    for page in pages(call, HISTORY, **fields):
        for message in cast("list[dict[str, Any]]", page.get("messages", [])):
            if message.get("subtype") in ("channel_join", "group_join") and message.get("user") == me.bot_user:
                return
            yield message


def _read_thread(
    call: Call, me: Identity, reading: Reading, channel: str, parent: Mapping[str, Any], since: str
) -> None:
    """Replies newer than `since`: new messages of people, and what we have answered."""
    fields = {"channel": channel, "ts": _ts(parent), "oldest": since, "include_all_metadata": True, "limit": PAGE}
    for page in pages(call, THREAD, **fields):
        for message in cast("list[dict[str, Any]]", page.get("messages", [])):
            if _ts(message) == _ts(parent):
                continue
            reading.newest = max(reading.newest, _ts(message))
            if _is_ours(message, me):
                answered, edit_ts = _answers(message)
                reading.answered[answered or message_id(me.team, channel, _ts(parent))] = edit_ts
            elif _ts(message) > since and message.get("subtype") != "thread_broadcast":  # history shows that one too
                _keep(reading, message)


def _keep(reading: Reading, message: dict[str, Any]) -> None:
    if len(reading.messages) < MOST_MESSAGES:
        reading.messages.append(message)
    else:
        reading.skipped += 1


def _answers(message: Mapping[str, Any]) -> tuple[str, str | None]:
    """The message that a post of ours is about, and which edit of it; what its metadata does not say is "", None."""
    attached = as_object(message.get("metadata"))
    payload = as_object(attached.get("event_payload")) if attached.get("event_type") == EVENT_TYPE else {}
    about = str(payload.get("message", ""))
    return about, str(payload.get("edit_ts", "")) if about else None


def _is_ours(message: Mapping[str, Any], me: Identity) -> bool:
    return message.get("user") == me.bot_user or (bool(me.bot_id) and message.get("bot_id") == me.bot_id)


def _only_we_replied(parent: Mapping[str, Any], me: Identity) -> bool:
    return parent.get("reply_users") == [me.bot_user] and parent.get("reply_users_count") == 1


def _has_our_reaction(message: Mapping[str, Any], me: Identity) -> bool:
    reactions = cast("list[Mapping[str, Any]]", message.get("reactions") or [])
    return any(me.bot_user in cast("list[str]", reaction.get("users", [])) for reaction in reactions)


def _ts(message: Mapping[str, Any]) -> str:
    return str(message.get("ts", ""))
