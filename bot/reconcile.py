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
    """Our reply stands there; its ts, "" where it stands for other messages too. `others` are replies beyond it."""

    ts: str
    others: int = 0


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
        # Others are counted where a page shows them anyway: what is looked for is the first.
        for page in read_thread(slack, result):
            if ours := [message for message in page if is_reply_to(message, result)]:
                return Found(str(ours[0].get("ts", "")), others=len(ours) - 1)
    except Exception as error:
        found = unreadable(error)
        return Absent() if found.trouble.code in ("thread_not_found", "message_not_found") else found
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
        return unreadable(error)
    return counted


def unreadable(error: Exception) -> Unreadable:
    """What a failed read means; raises what is no failure of a call."""
    why = trouble(error)
    return Unreadable(why, retry=why.failure in (Failure.NOT_SENT, Failure.AMBIGUOUS))


def read_thread(slack: Slack, result: Result) -> Iterator[list[Mapping[str, Any]]]:
    """The thread of a result's message, from that message on, page by page."""
    pages = slack.pages(
        "conversations.replies",
        channel=result.channel,
        ts=result.thread_ts or result.ts,
        oldest=result.ts,
        inclusive=True,
        include_all_metadata=True,
        limit=PAGE,
    )
    for page in pages:
        yield cast("list[Mapping[str, Any]]", page.get("messages", []))


def is_reply_to(message: Mapping[str, Any], result: Result) -> bool:
    return is_about(message, result.message)


def is_about(message: Mapping[str, Any], id: str) -> bool:
    """Anybody may attach metadata, but only our own post carries both a bot id and this message's id."""
    attached = as_object(message.get("metadata"))
    payload = as_object(attached.get("event_payload"))
    is_ours = attached.get("event_type") == EVENT_TYPE and bool(message.get("bot_id"))
    return is_ours and payload.get("message") == id


def find_posts(slack: Slack, id: str, channel: str, thread_ts: str) -> list[str]:
    """The ts of our posts about a message, in the thread they would stand in. Raises what a call raises."""
    pages = slack.pages("conversations.replies", channel=channel, ts=thread_ts, include_all_metadata=True, limit=PAGE)
    messages = (one for page in pages for one in cast("list[Mapping[str, Any]]", page.get("messages", [])))
    return [str(one.get("ts", "")) for one in messages if is_about(one, id)]


def settle() -> timedelta:
    return SETTLE


def settle_left(*, sent_ago: float | None, posting_ms: int, entry: str, now_ms: int) -> timedelta:
    """How long to wait before reading: since our own send, else the recorded begin, else since the result was made."""
    passed = (now_ms - (posting_ms or born_ms(entry))) / 1000 if sent_ago is None else sent_ago
    return timedelta(seconds=min(max(0.0, SETTLE.total_seconds() - passed), SETTLE.total_seconds()))


def born_ms(entry: str) -> int:
    """A stream entry's id starts with the server's clock."""
    return int(entry.partition("-")[0])
