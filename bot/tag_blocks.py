"""A reply as people see it: the label, a small menu to set the right one, and what was agreed on. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from slack_sdk.models.blocks import StaticSelectElement

from bot.blocks import MOST_OPTIONS, Json, as_dicts, option, section
from bot.replies import escape
from bot.slack_client import as_object
from bot.store import Asked, Vote
from worker.jobs import Result, message_id

# `action_id` of the menu.
CORRECT = "correct"
TAKE_BACK = "take back"
_LABEL = "="
# Between what the bot said and what people said: two spaces, which no label has.
MARK = "  · "
LONGEST_ID = 255


@dataclass(frozen=True)
class Judged:
    """What a reply judges. It is the reply's block id, so that the menu works when Redis has forgotten the tag."""

    ts: str
    thread_ts: str
    author: str
    confidence: float
    version: str
    label: str

    def encode(self) -> str:
        """As a block id; empty where it would be too long for one."""
        parts = (self.ts, self.thread_ts, self.author, f"{self.confidence:.4f}", self.version, self.label)
        written = "|".join(parts)
        return written if len(written) <= LONGEST_ID else ""

    @classmethod
    def decode(cls, text: str) -> "Judged | None":
        """None for a block that is none of ours."""
        parts = text.split("|", 5)
        try:
            ts, thread_ts, author, confidence, version, label = parts
            return cls(ts, thread_ts, author, float(confidence), version, label)
        except ValueError:
            return None

    def asked(self, team: str, channel: str) -> Asked:
        return Asked(
            message=message_id(team, channel, self.ts),
            channel=channel,
            ts=self.ts,
            author=self.author,
            label=self.label,
            confidence=self.confidence,
            version=self.version,
        )


def reply_blocks(text: str, result: Result) -> list[Json]:
    """The blocks of a reply that says `text`, which is escaped; none where Slack's limits leave no room for a menu."""
    judged = Judged(result.ts, result.thread_ts, result.user, result.confidence, result.version, result.label).encode()
    if not judged or not result.scores:
        return []
    ranked = sorted(result.scores, key=lambda label: -result.scores[label])
    return as_dicts([section(text, block_id=judged, accessory=menu(ranked))])


def menu(labels: Sequence[str]) -> StaticSelectElement:
    """The likeliest labels first; as many as Slack takes."""
    options = [option(_LABEL + label, label) for label in labels[: MOST_OPTIONS - 1]]
    return StaticSelectElement(
        action_id=CORRECT, placeholder="Wrong?", options=[*options, option(TAKE_BACK, "Take my vote back")]
    )


def chosen_label(value: str) -> str:
    """The label a menu's value stands for; empty for "take back"."""
    return value.removeprefix(_LABEL) if value.startswith(_LABEL) else ""


def corrected(message: Mapping[str, Any], vote: Vote | None) -> tuple[str, list[Json]]:
    """Text and blocks of our reply with what people agreed on, or without, where nobody voted."""
    blocks = [as_object(block) for block in cast("list[object]", message.get("blocks") or [])]
    said = ""
    for block in blocks:
        text = as_object(block.get("text"))
        if block.get("type") == "section" and Judged.decode(str(block.get("block_id", ""))):
            said = str(text.get("text", "")).partition(MARK)[0] + agreed(vote)
            block["text"] = text | {"text": said}
    return said or str(message.get("text", "")), blocks


def agreed(vote: Vote | None) -> str:
    """What is put behind the bot's own words: the label, nobody's name."""
    if not vote or not vote.by:
        return ""
    if not vote.label:
        return f"{MARK}✏️ disputed"
    confirmed = vote.label == vote.asked.label
    return f"{MARK}✔️ confirmed" if confirmed else f"{MARK}✏️ set to {escape(vote.label)}"
