"""What people see of a Result: pure functions from values to text. Everything posted passes `escape`."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from bot.choices import Choice, Foreign, ReplyMode, Unsure
from worker.jobs import Kind, Outcome, Result
from worker.language_names import name_of

UNSURE_EMOJI = "thinking_face"
# For labels whose emoji is missing or unknown to the workspace: a reaction needs some name.
FALLBACK_EMOJI = "label"
EVENT_TYPE = "sentiment_reply"
MAX_SHOWN = 80
# To somebody whose message found the queue full.
FULL = (
    ":hourglass_flowing_sand: More messages come in than can be labelled at once. "
    "Yours wait and get their label later; none is lost."
)

_EMOJI = re.compile(r":([a-z0-9_+'\-]{1,100}(?:::skin-tone-[2-6])?):")


class Form(StrEnum):
    """What people see; kept with the job while it is posted, so that whoever takes over knows where to look for it."""

    NONE = "none"
    THREAD = "thread"
    WHISPER = "whisper"
    REACTION = "reaction"
    DIGEST = "digest"


@dataclass(frozen=True)
class Silent:
    """Nothing is shown; with `noted` off nothing of it may be counted either."""

    form: ClassVar[Form] = Form.NONE
    noted: bool = True


@dataclass(frozen=True)
class ThreadPost:
    form: ClassVar[Form] = Form.THREAD
    thread_ts: str
    text: str
    plain: str  # shorter, for when Slack refuses the first


@dataclass(frozen=True)
class Whisper:
    """A post only the author sees."""

    form: ClassVar[Form] = Form.WHISPER
    user: str
    thread_ts: str
    text: str


@dataclass(frozen=True)
class Reaction:
    form: ClassVar[Form] = Form.REACTION
    name: str
    # Where reactions were chosen: a crowd there brings no post for many, which would be louder than what was set.
    stays: bool = False


@dataclass(frozen=True)
class Counted:
    """No reply of its own: it is counted in one post for many messages of its channel."""

    form: ClassVar[Form] = Form.DIGEST


Reply = Silent | ThreadPost | Whisper | Reaction | Counted


def reply_to(result: Result, choice: Choice, *, url: str = "") -> Reply:
    """How to answer a Result, by where its message stands and what its channel chose; `url` is the workspace's.

    Whoever asks by name gets an answer whatever labels and confidence are shown. Quiet hours are the caller's.
    """
    asked = result.kind is Kind.MENTION
    if choice.reply is ReplyMode.NONE or _keeps_quiet(result, choice, asked=asked):
        return Silent()
    if choice.reply is ReplyMode.EPHEMERAL:
        return Whisper(result.user, result.thread_ts, text_of(result)) if result.user else Silent()
    # Threads are flat: a post there would name no message and notify everybody.
    if not asked and (choice.reply is ReplyMode.REACTION or (result.thread_ts and not choice.threads)):
        return Reaction(reaction_of(result), stays=choice.reply is ReplyMode.REACTION)
    return post_of(result, url)


def post_of(result: Result, url: str) -> ThreadPost:
    """A post in the message's thread; inside a thread it names the message it is about."""
    text = text_of(result)
    link = permalink(result, url) if result.thread_ts else ""
    return ThreadPost(result.thread_ts or result.ts, f"{text} (<{link}|this message>)" if link else text, text)


def in_crowd(reply: Reply, result: Result, form: Form) -> Reply:
    """The reply where so many wait in the channel that each may take no more room than `form`.

    Whoever asked gets an answer of their own all the same, and nobody gets a louder one than was set.
    """
    asked = result.kind not in (Kind.MESSAGE, Kind.EDIT)
    if asked or form is Form.THREAD or not isinstance(reply, ThreadPost | Reaction):
        return reply
    if isinstance(reply, Reaction) and reply.stays:
        return reply
    return Counted() if form is Form.DIGEST else Reaction(reaction_of(result))


def _keeps_quiet(result: Result, choice: Choice, *, asked: bool) -> bool:
    if result.outcome is Outcome.ERROR:
        return not asked
    if result.language and choice.foreign is Foreign.SILENT:
        return not asked
    if result.outcome is Outcome.UNSURE and choice.unsure is Unsure.SILENT:
        return True
    return not asked and not (choice.shows(result.label) and percent(result.confidence) >= choice.confidence)


def text_of(result: Result) -> str:
    if result.outcome is Outcome.ERROR:
        return ":warning: Sorry, I could not label this message."
    label, share = escape(result.label), percent(result.confidence)
    if result.language:
        # No label is named: the version has learned nothing about such a text.
        text = f":{UNSURE_EMOJI}: unsure, I was not trained for this language ({escape(name_of(result.language))})"
    elif result.outcome is Outcome.UNSURE:
        text = f":{UNSURE_EMOJI}: unsure, closest: {label} {share} %"
    else:
        name = emoji_name(result.emoji)
        text = f":{name}: {label} {share} %" if name else f"{label} {share} %"
    return f"{text} (long text: only its start was read)" if result.truncated else text


def reaction_of(result: Result) -> str:
    if result.outcome is Outcome.UNSURE:
        return UNSURE_EMOJI
    return emoji_name(result.emoji) or FALLBACK_EMOJI


def hint(name: str) -> str:
    """For somebody who only named the bot."""
    who = f"@{escape(name)}" if name else "me"
    return f"Write a text together with {who} and I label its sentiment; there was none in your message."


def metadata(result: Result) -> dict[str, object]:
    """What makes a reply recognisable as ours. Anybody in the workspace can read it: ids and a version only."""
    payload = {
        "message": result.message,
        "job": result.job,
        "edit_ts": result.edit_ts,
        "version": result.version,
        "gen": result.gen,
    }
    return {"event_type": EVENT_TYPE, "event_payload": payload}


def percent(confidence: float) -> int:
    """Whole percent, never 100: no classifier is certain."""
    return max(0, min(99, round(confidence * 100)))


def emoji_name(emoji: str) -> str:
    """`smile` of `:smile:`; empty for anything that is no emoji, since it goes into our text as it is."""
    match = _EMOJI.fullmatch(emoji)
    return match.group(1) if match else ""


def escape(text: str) -> str:
    """Make a word that is not ours (labels come from model files) harmless in Slack's mark-up, on one line, short."""
    kept = "".join(" " if one in "\n\t" else one for one in text if one in "\n\t" or _is_harmless(one))
    short = " ".join(kept.replace("`", "'").split())[:MAX_SHOWN]
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _is_harmless(one: str) -> bool:
    # Control, format (bidi overrides, zero-width), surrogates and private use.
    return unicodedata.category(one)[0] != "C"


def permalink(result: Result, url: str) -> str:
    """The address of the message a reply belongs to; empty where the workspace's is unknown."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.:_/-]+/", url):
        return ""
    link = f"{url}archives/{result.channel}/p{result.ts.replace('.', '')}"
    return f"{link}?thread_ts={result.thread_ts}&amp;cid={result.channel}"
