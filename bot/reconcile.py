"""Was our reply posted already? Slack has no idempotency key: the thread is read for our metadata."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from bot.digest import counted_in
from bot.replies import EVENT_TYPE
from bot.slack_client import Slack, as_object
from bot.slack_errors import Failure, Trouble, trouble
from worker.jobs import Result

# A post may take this long to show up in a thread that is read back; unverified against Slack, so it is generous.
SETTLE = timedelta(seconds=10)
PAGE = 200


@dataclass(frozen=True)
class Found:
    """Our reply stands there; its ts, "" where it stands for other messages too."""

    ts: str


@dataclass(frozen=True)
class Absent:
    """All was read and our reply is not there."""


@dataclass(frozen=True)
class Unreadable:
    """It cannot be read, now (`retry`) or at all."""

    trouble: Trouble
    retry: bool


def find_reply(slack: Slack, result: Result) -> Found | Absent | Unreadable:
    """Look for the reply to `result` in its thread, to the last page."""
    try:
        for message in _thread(slack, result):
            if is_reply_to(message, result):
                return Found(str(message.get("ts", "")))
    except Exception as error:
        unreadable = _unreadable(error)
        return Absent() if unreadable.trouble.code in ("thread_not_found", "message_not_found") else unreadable
    return Absent()


def find_digested(slack: Slack, result: Result) -> Found | Absent | Unreadable:
    """Look for a digest of its channel that stands for the message of `result`."""
    found = find_digests(slack, [result])
    if isinstance(found, Unreadable):
        return found
    return Found("") if result.message in found else Absent()


def find_digests(slack: Slack, results: Sequence[Result]) -> set[str] | Unreadable:
    """The ids of all messages that digests stand for which were posted after the first of `results`, of one channel."""
    counted: set[str] = set()
    first = min(results, key=lambda result: result.ts)
    pages = slack.pages(
        "conversations.history", channel=first.channel, oldest=first.ts, include_all_metadata=True, limit=PAGE
    )
    try:
        for page in pages:
            for message in cast("list[Mapping[str, Any]]", page.get("messages", [])):
                counted |= counted_in(message, first.team, first.channel)
    except Exception as error:
        return _unreadable(error)
    return counted


def _unreadable(error: Exception) -> Unreadable:
    why = trouble(error)  # raises what is no failure of a call
    return Unreadable(why, retry=why.failure in (Failure.NOT_SENT, Failure.AMBIGUOUS))


def _thread(slack: Slack, result: Result) -> Iterator[Mapping[str, Any]]:
    pages = slack.pages(
        "conversations.replies",
        channel=result.channel,
        ts=result.thread_ts or result.ts,
        oldest=result.ts,
        include_all_metadata=True,
        limit=PAGE,
    )
    for page in pages:
        yield from cast("list[Mapping[str, Any]]", page.get("messages", []))


def is_reply_to(message: Mapping[str, Any], result: Result) -> bool:
    """Anybody may attach metadata, but only our own post carries both a bot id and this message's id."""
    attached = as_object(message.get("metadata"))
    payload = as_object(attached.get("event_payload"))
    is_ours = attached.get("event_type") == EVENT_TYPE and bool(message.get("bot_id"))
    return is_ours and payload.get("message") == result.message


def settle_left(*, sent_ago: float | None, posting_ms: int, entry: str, now_ms: int) -> timedelta:
    """How long to wait before reading: since our own send, else the recorded begin, else since the result was made."""
    passed = (now_ms - (posting_ms or born_ms(entry))) / 1000 if sent_ago is None else sent_ago
    return timedelta(seconds=min(max(0.0, SETTLE.total_seconds() - passed), SETTLE.total_seconds()))


def born_ms(entry: str) -> int:
    """A stream entry's id starts with the server's clock."""
    return int(entry.partition("-")[0])
