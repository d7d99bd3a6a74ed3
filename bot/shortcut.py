"""The message shortcut: a window that opens at once, is filled when the label is there, and takes the right one."""

import html
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from slack_sdk.models.blocks import Block

from bot.blocks import MOST_OPTIONS, Json, bars, field, note, section, select, typed, window
from bot.choices import Choice
from bot.commands import enqueued, spoken
from bot.corrections import Corrections, find_message, job_text
from bot.desk import NO_MEMORY, Desk, now
from bot.message_text import is_blank
from bot.people import NotTold
from bot.replies import escape, percent
from bot.scopes import SHORTCUT
from bot.slack_client import as_object
from bot.slack_errors import trouble
from bot.store import Ask, Vote
from bot.tag_blocks import Judged, agreed
from worker.connection import QueueError
from worker.jobs import Job, Kind, Result, message_id

RIGHT_LABEL = "right_label"
TITLE = "Sentiment"
# The texts of this many windows that wait for their label: never stored, so another bot reads them from Slack again.
WAITING = 200
MINE = "That is a reply of mine. Use the shortcut on the message it answers."
NOTHING = "There is nothing to read in this message: no words, only pictures, files or blocks."
LEFT_ALONE = "Whoever wrote this message asked me to leave their messages alone."

_MARKUP = re.compile(r"<(?P<kind>[@#!])?(?P<rest>[^<>|\n]*)(?:\|(?P<label>[^<>\n]*))?>")
_SAID = {"@": "@someone", "#": "#channel", "!": "@everyone"}
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def reading() -> Json:
    return plain_window("Reading… This takes a moment. If nothing appears within a minute, close this and try again.")


def plain_window(text: str) -> Json:
    return window(SHORTCUT, TITLE, [section(text)])


def result_view(result: Result, text: str, choice: Choice, vote: Vote | None) -> Json:
    """Everything about one label. `text` is the message as the model read it, empty where nobody can read it again."""
    judged = Judged(result.ts, result.thread_ts, result.user, result.confidence, result.version, result.label)
    ranked = sorted(result.scores, key=lambda label: -result.scores[label])
    options = {label: label for label in ranked[:MOST_OPTIONS]}
    blocks: list[Block] = [
        section(f"*{spoken(result)}*{agreed(vote)}"),
        section(bars(result.scores)),
        *_words(result, text),
        note(f"Version {escape(result.version)}. Confidence is calibrated on texts the model was not trained on."),
        field(RIGHT_LABEL, "Wrong? Set the right label", select(RIGHT_LABEL, options, placeholder="Choose a label")),
        note(_kept(choice)),
    ]
    about = json.dumps({"channel": result.channel, "judged": judged.encode()})
    return window(SHORTCUT, TITLE, blocks, submit="Set label", about=about)


def _words(result: Result, text: str) -> list[Block]:
    """The words the label hangs on, quoted to somebody who has the message before them."""
    said = [_sentence(result, text[start:end], weight) for start, end, weight in result.words if end <= len(text)]
    if not said:
        why = (
            "no part of the text alone changes much"
            if not result.words
            else "the message was changed or cannot be read"
        )
        return [note(f"Which words weighed most: {why}.")]
    return [
        section("*What the label would lose without these words*\n" + "\n".join(said)),
        note("Each is left out alone, and the rest read again. Words that say the same stand in for each other."),
    ]


def _sentence(result: Result, words: str, weight: float) -> str:
    before, after = percent(result.confidence), percent(result.confidence - weight)
    what = "fall" if weight > 0 else "rise"
    return f"• without “{escape(_readable(words))}”, {escape(result.label)} would {what} from {before} % to {after} %"


def _readable(words: str) -> str:
    """Slack's mark-up as people see it, not yet escaped."""
    return html.unescape(_MARKUP.sub(lambda one: one["label"] or _SAID.get(one["kind"] or "", one["rest"]), words))


def _kept(choice: Choice) -> str:
    if choice.learn:
        return (
            f"This channel lets me learn: with a label you set, the message's text is kept for {choice.keep_days} "
            "days. Without one nothing of it is kept."
        )
    return f"A label you set is kept for {choice.keep_days} days as a vote. The message's text is not kept."


class Shortcut:
    def __init__(self, desk: Desk, corrections: Corrections) -> None:
        self._desk, self._corrections = desk, corrections
        self._texts: OrderedDict[str, str] = OrderedDict()

    def on_shortcut(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        ack()
        if self._desk.is_ours(body):
            self._desk.later(lambda: self._open(body))

    def _open(self, body: dict[str, Any]) -> None:
        view = self._desk.open(str(body.get("trigger_id")), reading())
        try:
            why = self._ask(body, view.id)
        except (QueueError, NotTold) as error:
            why = NO_MEMORY if isinstance(error, QueueError) else str(error)
        if why:
            # The answer may have been quicker than the word that it may take a while.
            self._desk.show(view.id, plain_window(why), unless_changed_since=view.hash)

    def _ask(self, body: dict[str, Any], view: str) -> str:
        """Queue the message; why not, in one line, where there is nothing to queue. Raises QueueError."""
        desk, message = self._desk, as_object(body.get("message"))
        channel, author = str(as_object(body.get("channel")).get("id")), str(message.get("user") or "")
        if author == desk.me.bot_user or (desk.me.bot_id and message.get("bot_id") == desk.me.bot_id):
            return MINE
        if author and desk.memory.channels.opted_out(author):
            return LEFT_ALONE
        text = job_text(message, desk.me.bot_user)
        if is_blank(text):
            return NOTHING
        ts, thread_ts = str(body.get("message_ts") or message.get("ts")), str(message.get("thread_ts") or "")
        trigger = message_id(desk.me.team, channel, str(body.get("trigger_id")))
        job = Job(
            id=trigger,
            message=trigger,
            team=desk.me.team,
            channel=channel,
            ts=ts,
            edit_ts=_edited(message),
            thread_ts="" if thread_ts == ts else thread_ts,
            user=author,
            text=text,
            kind=Kind.SHORTCUT,
            enq_ms=int(now().timestamp() * 1000),
        )
        self._texts[job.id] = text
        while len(self._texts) > WAITING:
            self._texts.popitem(last=False)
        user = str(as_object(body.get("user")).get("id"))
        return enqueued(desk, job, Ask(user=user, channel=channel, ts=ts, view=view))

    def answer(self, result: Result, ask: Ask) -> None:
        """Fill the window. Raises QueueError, and what slack_sdk raises."""
        text = self._text(result)
        choice = self._desk.choice(result.channel)
        vote = self._desk.memory.votes.get(message_id(result.team, result.channel, result.ts))
        self._desk.show(ask.view, result_view(result, text, choice, vote))

    def refuse(self, job: str, ask: Ask, why: str) -> None:
        self._texts.pop(job, None)
        self._desk.show(ask.view, plain_window(why))

    def _text(self, result: Result) -> str:
        kept = self._texts.pop(result.job, "")
        if kept or not result.words:
            return kept
        try:
            found = find_message(self._desk, result.channel, result.ts, result.thread_ts)
        except Exception as error:
            _log.info("message not read again for its words", error=trouble(error).code)
            return ""
        # Another text than the one that was labelled would be quoted in the wrong places.
        return job_text(found, self._desk.me.bot_user) if found and _edited(found) == result.edit_ts else ""

    def on_submit(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        """The right label. What is wrong is said in the window; thanks take its place."""
        view, user = as_object(body.get("view")), str(as_object(body.get("user")).get("id"))
        about = _about(str(view.get("private_metadata") or ""))
        judged = Judged.decode(about.get("judged", ""))
        label = str(typed(as_object(view.get("state"))).get(RIGHT_LABEL) or "")
        if not self._desk.is_ours(body) or not judged or not label:
            ack(response_action="errors", errors={RIGHT_LABEL: "Choose a label."})
            return
        try:
            told = self._corrections.vote(user, about["channel"], judged, label)
        except QueueError:
            ack(response_action="errors", errors={RIGHT_LABEL: NO_MEMORY})
        except NotTold as error:
            ack(response_action="errors", errors={RIGHT_LABEL: str(error)})
        else:
            ack(response_action="update", view=plain_window(told))


def _edited(message: Mapping[str, Any]) -> str:
    return str(as_object(message.get("edited")).get("ts") or "")


def _about(text: str) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in as_object(json.loads(text)).items()}
    except ValueError:
        return {}
