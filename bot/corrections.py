"""Votes on labels: who may, what is kept, what the reply shows afterwards, and who is told when it was learned."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from threading import Lock
from typing import Any

import structlog

from bot.choices import Choice
from bot.desk import Desk, now
from bot.message_text import clean, said, without_mention
from bot.pacing import POST
from bot.replies import escape
from bot.slack_client import as_object
from bot.slack_errors import trouble
from bot.store import Asked
from bot.tag_blocks import Judged, chosen_label, corrected

GONE = "That message is gone, so there is nothing to correct."

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Corrections:
    """`changed` hears whose App Home shows something else now."""

    def __init__(self, desk: Desk, *, changed: Callable[[str], None] = lambda _: None) -> None:
        self._desk, self._changed = desk, changed
        # Two who vote at once: each shows what stands in the store after both.
        self._showing = Lock()

    def on_menu(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        """The menu on a reply of ours."""
        ack()
        if not self._desk.is_ours(body):
            return
        action, message = as_object(body["actions"][0]), as_object(body.get("message"))
        user, channel = str(as_object(body.get("user")).get("id")), str(as_object(body.get("channel")).get("id"))
        judged = Judged.decode(str(action.get("block_id", "")))
        label = chosen_label(str(as_object(action.get("selected_option")).get("value", "")))
        if not judged:
            return
        thread_ts = str(message.get("thread_ts") or "")

        def say(text: str) -> None:
            self._desk.whisper(channel, user, text, thread_ts)

        self._desk.later(lambda: say(self.vote(user, channel, judged, label, message=message)), say)

    def vote(
        self, user: str, channel: str, judged: Judged, label: str, *, message: dict[str, Any] | None = None
    ) -> str:
        """Set a label, or take the vote back where `label` is empty. What became of it, in one line for the person.

        `message` is our reply where they clicked on it. Raises QueueError, NotTold.
        """
        desk = self._desk
        asked, choice = judged.asked(desk.me.team, channel), desk.choice(channel)
        if why := desk.people.why_not_correct(user, judged.author, channel, choice):
            return why
        if label:
            told = self._cast(user, asked, judged, label, choice)
        else:
            told = (
                "Your vote is taken back." if desk.memory.votes.take_back(asked.message, user) else "You had not voted."
            )
        desk.later(lambda: self._show(asked, judged, message))
        self._changed(user)
        return told

    def _cast(self, user: str, asked: Asked, judged: Judged, label: str, choice: Choice) -> str:
        desk = self._desk
        text, stands = self._text(asked, judged) if self._keeps_text(asked, choice) else ("", True)
        keep = timedelta(days=choice.keep_days)
        vote = desk.memory.votes.cast(asked, user, label, now=now(), keep=keep, text=text) if stands else None
        if not vote:
            return GONE
        others = len(vote.by) - 1
        said = [f"Thank you: {escape(label)}."]
        said += [f"{others} more voted on this message."] if others else []
        said.append(
            f"The text is kept with it for {choice.keep_days} days, to learn from." if vote.text else "No text is kept."
        )
        return " ".join([*said, "Your last vote counts; the menu takes it back."])

    def _keeps_text(self, asked: Asked, choice: Choice) -> bool:
        return choice.learn and not self._desk.memory.channels.opted_out(asked.author)

    def _text(self, asked: Asked, judged: Judged) -> tuple[str, bool]:
        """The message as the model read it, empty where Slack does not show it; and whether it still stands there."""
        try:
            found = find_message(self._desk, asked.channel, judged.ts, judged.thread_ts)
        except Exception as error:
            why = trouble(error)
            return "", why.code not in ("thread_not_found", "message_not_found")
        return (job_text(found, self._desk.me.bot_user), True) if found else ("", False)

    def _show(self, asked: Asked, judged: Judged, message: dict[str, Any] | None) -> None:
        """Bring our reply in line with the votes. Editing a message notifies nobody."""
        desk = self._desk
        with self._showing:
            vote = desk.memory.votes.get(asked.message)
            try:
                message = message or self._reply(asked, judged)
                if not message:
                    return
                text, blocks = corrected(message, vote)
                desk.slack.call("chat.update", channel=asked.channel, ts=message["ts"], text=text, blocks=blocks)
            except Exception as error:
                _log.warning("a reply does not show its correction", message=asked.message, error=trouble(error).code)

    def _reply(self, asked: Asked, judged: Judged) -> dict[str, Any] | None:
        """Our reply to a message that was corrected in a window; None where it has none, such as a reaction."""
        tag = self._desk.memory.tags.get(asked.message)
        if not tag or not tag.reply_ts:
            return None
        return find_message(self._desk, asked.channel, tag.reply_ts, judged.thread_ts or judged.ts)

    def tell_correctors(self, version: str, messages: Iterable[str]) -> int:
        """Tell those whose corrections of these messages a version learned, each once a version; how many were told.

        One quiet line in their conversation with the app, and only for those whose vote is the label that was learned.
        """
        learned: Counter[str] = Counter()
        for message in messages:
            vote = self._desk.memory.votes.get(message)
            if vote and vote.label:
                learned.update(user for user, label in vote.by.items() if label == vote.label)
        return sum(self._tell(user, version, count) for user, count in learned.items())

    def _tell(self, user: str, version: str, count: int) -> bool:
        errands, what = self._desk.memory.errands, f"told:{version}:{user}"
        if self._desk.memory.channels.opted_out(user) or not errands.first(what, now()):
            return False
        which = "a correction of yours" if count == 1 else f"{count} corrections of yours"
        text = f"Version {escape(version)} has learned from {which} and answers from now on. Thank you."
        try:
            self._desk.slack.call(POST, channel=user, text=text)
        except Exception as error:
            _log.warning("a corrector was not told", error=trouble(error).code)
            errands.undone(what)
            return False
        return True


def find_message(desk: Desk, channel: str, ts: str, thread_ts: str = "") -> dict[str, Any] | None:
    """One message as Slack has it now, of the thread `thread_ts` where it is in one. Raises what slack_sdk raises."""
    page = desk.slack.call(
        "conversations.replies", channel=channel, ts=thread_ts or ts, oldest=ts, latest=ts, inclusive=True, limit=2
    )
    return next((one for one in page.get("messages", []) if as_object(one).get("ts") == ts), None)


def job_text(message: dict[str, Any], bot_user: str) -> str:
    """A message's text as its job carries it."""
    return without_mention(clean(said(message)), bot_user)
