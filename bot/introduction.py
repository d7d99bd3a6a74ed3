"""The first words in a channel: what the bot does there, what it keeps, how to turn it off."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import structlog
from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement

from bot.blocks import as_dicts, note, plain, section
from bot.choices import Choice, Listen, ReplyMode
from bot.desk import NO_MEMORY
from bot.identity import Identity
from bot.listening import Listening
from bot.pacing import POST, WHISPER
from bot.people import NotTold, People
from bot.replies import escape
from bot.slack_client import Slack, as_object
from bot.slack_errors import Failure, trouble
from bot.store import Memory
from worker.connection import QueueError

REACTIONS, SETTINGS = "intro_reactions", "intro_settings"
JOINED, LEFT = "member_joined_channel", ("channel_left", "group_left", "member_left_channel")
TRIES = 6
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

_WAYS = {
    ReplyMode.THREAD: "I answer each message in its thread with a label and how sure I am",
    ReplyMode.REACTION: "I put a reaction under each message, and answer in words only when you mention me",
    ReplyMode.EPHEMERAL: "I tell the author of each message its label, seen by nobody else",
    ReplyMode.NONE: "I count the labels of messages and show nothing",
}
_KEEPS = (
    "*What I keep.* The text of a message only until it is labelled, a moment as a rule. Then its label for 30 days, "
    "and how often each label was given in a day; never who wrote what. Delete a message, and label and reply go too."
)
_OFF = (
    "*How to have less of me.* `/sentiment off` turns me off here, `/sentiment mentions` leaves only what mentions "
    "{name}, and `/sentiment opt out` has your own messages left alone everywhere."
)


@dataclass(frozen=True)
class Said:
    """A post: blocks, and the text for notifications and screen readers."""

    text: str
    blocks: list[Block]


def introduction(choice: Choice, name: str, *, shared: bool) -> Said:
    """What is said on being invited. Where others share the channel and nobody chose, only that it is off."""
    me = f"@{escape(name)}" if name else "me"
    if choice.listen is Listen.OFF:
        why = "This channel is shared with another organisation, so I am off here" if shared else "I am off here"
        text = f"Hello. {why}: I read nothing and keep nothing. Its creator, an admin of the workspace or somebody the "
        text += "operator named can turn me on with `/sentiment on`."
        return Said(text, [section(text)])
    way = _WAYS[choice.reply]
    if choice.listen is Listen.MENTIONS:
        way = f"I label what mentions {me}, and leave all else alone"
    text = f"Hello, I label the sentiment of messages. {way}. All of it happens on your own machines."
    buttons: list[Any] = [ButtonElement(action_id=SETTINGS, text=plain("Settings"), value="settings")]
    if choice.reply is ReplyMode.THREAD and choice.listen is Listen.ON:
        buttons.insert(0, ButtonElement(action_id=REACTIONS, text=plain("Reactions only"), value="reaction"))
    who = note("The channel's creator, admins of the workspace and those the operator named may change me.")
    off = _OFF.format(name=me)
    return Said(text, [section(text), section(_KEEPS), section(off), ActionsBlock(elements=buttons), who])


class Introducer:
    """Of one workspace. What needs Slack is done in a thread of its own, since Slack waits three seconds only."""

    def __init__(self, slack: Slack, me: Identity, memory: Memory, people: People, listening: Listening) -> None:
        self._slack, self._me, self._memory, self._people, self._listening = slack, me, memory, people, listening
        self._working = ThreadPoolExecutor(max_workers=1, thread_name_prefix="introductions")
        self._stopping = Event()

    def close(self) -> None:
        self._stopping.set()
        self._working.shutdown(wait=True, cancel_futures=True)

    def is_about_us(self, event: Mapping[str, Any]) -> bool:
        """Whether we were invited somewhere or removed."""
        kind, user = event.get("type"), event.get("user")
        return (kind in (JOINED, LEFT[2]) and user == self._me.bot_user) or kind in LEFT[:2]

    def hear(self, event: Mapping[str, Any], *, shared: bool) -> None:
        """An event that `is_about_us`. Raises QueueError; then it must not be acknowledged, so that it comes again."""
        channel = event.get("channel")
        if not isinstance(channel, str) or not channel.isascii():
            return
        now = datetime.now(UTC)
        if event.get("type") != JOINED:
            self._memory.channels.note(channel, left_ms=int(now.timestamp() * 1000))
        # Delivered again, or heard by another bot too: it was claimed, and is said once.
        elif self._memory.channels.introduce(channel, now):
            self._working.submit(self._guarded, channel, shared)

    def _guarded(self, channel: str, shared: bool) -> None:
        try:
            self._introduce(channel, shared=shared)
        except Exception:
            _log.exception("introduction failed")

    def _introduce(self, channel: str, *, shared: bool) -> None:
        try:
            shared = shared or self._people.facts(channel).shared
        except NotTold as error:
            _log.warning("slack did not tell about a channel", error=str(error))
        choice = self._memory.channels.choice(channel, self._listening.default(channel, shared=shared))
        said = introduction(choice, self._me.name, shared=shared)
        post = {"text": said.text, "blocks": as_dicts(said.blocks), "unfurl_links": False, "unfurl_media": False}
        for tries in range(1, TRIES + 1):
            try:
                self._slack.call(POST, channel=channel, **post)
                return
            except Exception as error:
                why = trouble(error)
            # After an ambiguous answer it may stand there: better none than two.
            if why.failure is not Failure.NOT_SENT or tries == TRIES:
                _log.warning("introduction not posted", error=why.code)
                return
            if self._stopping.wait((why.retry_after or timedelta(seconds=2.0**tries)).total_seconds()):
                self._memory.channels.note(channel, introduced_ms=0)
                return

    # The button "Reactions only"

    def on_reactions(self, ack: Callable[[], object], body: dict[str, Any]) -> None:
        """A listener of Bolt."""
        ack()
        user = str(as_object(body.get("user")).get("id", ""))
        channel = str(as_object(body.get("channel")).get("id", ""))
        ts = str(as_object(body.get("message")).get("ts", ""))
        if user and channel:
            self._working.submit(self._choose_reactions, user, channel, ts)

    def _choose_reactions(self, user: str, channel: str, ts: str) -> None:
        try:
            refused = self._people.why_not_manage(user, channel)
            if not refused:
                default = self._listening.default(channel)
                chosen = self._memory.choose(channel, {"reply": ReplyMode.REACTION}, default, now=datetime.now(UTC))
                self._listening.look_again()
                said = introduction(chosen, self._me.name, shared=False)
                self._slack.call("chat.update", channel=channel, ts=ts, text=said.text, blocks=as_dicts(said.blocks))
            self._whisper(channel, user, refused or "From now on I only react here, and answer when I am mentioned.")
        except QueueError as error:
            _log.warning("redis does not work, somebody who clicked was told so", error=str(error))
            self._whisper(channel, user, NO_MEMORY)
        except Exception as error:
            _log.warning("a click was not answered", error=trouble(error).code)

    def _whisper(self, channel: str, user: str, text: str) -> None:
        self._slack.call(WHISPER, channel=channel, user=user, text=text)
