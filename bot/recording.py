"""What is noted of a result once its reply stands, or once it is clear that nothing is shown."""

import re

from bot.lanes import Held
from bot.replies import FALLBACK_EMOJI, Reaction, Reply, Silent
from bot.store import Tag
from worker.jobs import Kind, Outcome, Result

_TS = re.compile(r"\d{10}\.\d{6}")
_COUNTED = (Kind.MESSAGE, Kind.MENTION, Kind.EDIT)


def tag_of(result: Result, reply: Reply, *, reply_ts: str = "", reaction: str = "") -> tuple[Tag, str] | None:
    """The tag and who wrote the message; None for what is not counted: no label, or none of the channel's business."""
    if result.outcome is Outcome.ERROR or result.kind not in _COUNTED:
        return None
    if not _TS.fullmatch(result.ts):  # a queue entry may name any word as its time
        return None
    if isinstance(reply, Silent) and not reply.noted:
        return None
    tag = Tag(
        message=result.message,
        channel=result.channel,
        ts=result.ts,
        edit_ts=result.edit_ts,
        reply_ts=reply_ts,
        reaction=reaction,
        label=result.label,
        confidence=result.confidence,
        sure=result.outcome is Outcome.OK,
        version=result.version,
    )
    return tag, result.user


def tags_of(group: list[Held]) -> list[tuple[Tag, str]]:
    found = (tag_of(held.result, held.reply, reply_ts=held.reply_ts, reaction=_shown(held)) for held in group)
    return [one for one in found if one]


def _shown(held: Held) -> str:
    if not isinstance(held.reply, Reaction):
        return ""
    return FALLBACK_EMOJI if held.plain else held.reply.name
