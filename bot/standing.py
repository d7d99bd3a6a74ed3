"""What of ours stands at a message whose text was edited, and what is to be done about it."""

from dataclasses import dataclass
from typing import Any, cast

from bot.reconcile import Unreadable, is_reply_to, read_thread, unreadable
from bot.replies import Reaction, Reply, Silent
from bot.slack_client import Slack, as_object
from bot.store import Tag
from worker.jobs import Outcome, Result

UPDATE, DELETE, UNREACT = "chat.update", "chat.delete", "reactions.remove"


@dataclass(frozen=True)
class Standing:
    """Our post (`reply_ts`) and our reactions. `same`: the label it had is the one it has now."""

    reply_ts: str = ""
    reactions: tuple[str, ...] = ()
    same: bool = False

    def without(self, reaction: str) -> "Standing":
        return Standing(self.reply_ts, tuple(one for one in self.reactions if one != reaction), self.same)


def from_tag(tag: Tag, result: Result) -> Standing:
    same = (tag.label, tag.sure) == (result.label, result.outcome is Outcome.OK)
    return Standing(tag.reply_ts, (tag.reaction,) if tag.reaction else (), same)


def find_standing(slack: Slack, result: Result, bot_user: str) -> Standing | Unreadable:
    """The same from Slack itself, where nothing was noted."""
    reply_ts, reactions = "", ()
    try:
        for message in (one for page in read_thread(slack, result) for one in page):
            if is_reply_to(message, result):
                reply_ts = str(message.get("ts", ""))
            elif message.get("ts") == result.ts:
                reactions = _ours(message.get("reactions"), bot_user)
    except Exception as error:
        found = unreadable(error)
        return Standing() if found.trouble.code in ("thread_not_found", "message_not_found") else found
    return Standing(reply_ts, reactions)


def next_method(standing: Standing, wanted: Reply) -> str:
    """The next call towards what is wanted; empty where what stands is as it should be or nothing stands."""
    if standing.reply_ts:
        return DELETE if isinstance(wanted, Silent) else UPDATE
    return UNREACT if unwanted(standing, wanted) else ""


def unwanted(standing: Standing, wanted: Reply) -> str:
    """A reaction of ours that has to go; empty for none."""
    kept = wanted.name if isinstance(wanted, Reaction) else ""
    return next((one for one in standing.reactions if one != kept), "")


def _ours(reactions: object, bot_user: str) -> tuple[str, ...]:
    listed = cast("list[Any]", reactions) if isinstance(reactions, list) else []
    shown = [as_object(one) for one in listed]
    return tuple(str(one.get("name", "")) for one in shown if bot_user in cast("list[str]", one.get("users") or []))
