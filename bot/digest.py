"""One post for many messages of a channel: what it says, and how the messages it stands for are found in it again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bot.replies import UNSURE_EMOJI, emoji_name, escape
from bot.slack_client import as_object
from worker.jobs import Outcome, Result, message_id

EVENT_TYPE = "sentiment_digest"
# Fewer messages or people, and a share of labels would be somebody's.
SHOWN_FROM_MESSAGES = 5
SHOWN_FROM_PEOPLE = 3


def digest_text(results: Sequence[Result]) -> str:
    """What people read: how many messages got which label, nobody named."""
    text = f":bar_chart: Too much was said here at once to answer each message. {len(results)} messages were labelled"
    people = {result.user for result in results if result.user}
    if len(results) < SHOWN_FROM_MESSAGES or len(people) < SHOWN_FROM_PEOPLE:
        return f"{text}."
    counts = Counter(_counted_as(result) for result in results)
    return f"{text}: {', '.join(f'{label} {number}' for label, number in counts.most_common())}."


def _counted_as(result: Result) -> str:
    if result.outcome is Outcome.UNSURE:
        return f":{UNSURE_EMOJI}: unsure"
    name = emoji_name(result.emoji)
    return f":{name}: {escape(result.label)}" if name else escape(result.label)


def digest_metadata(results: Sequence[Result]) -> dict[str, object]:
    """The messages by their ts, in one string: values of Slack's metadata are plain."""
    return {"event_type": EVENT_TYPE, "event_payload": {"messages": ",".join(result.ts for result in results)}}


def counted_in(message: Mapping[str, Any], team: str, channel: str) -> set[str]:
    """The ids of the messages that a post of the channel stands for; empty unless it is a digest of a bot."""
    attached = as_object(message.get("metadata"))
    if attached.get("event_type") != EVENT_TYPE or not message.get("bot_id"):
        return set()
    listed = str(as_object(attached.get("event_payload")).get("messages", ""))
    return {message_id(team, channel, ts) for ts in listed.split(",") if ts}
