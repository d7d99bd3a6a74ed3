"""/sentiment: each wish of bot/words.py carried out, and answered to the one who typed it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.blocks import as_dicts, bars, note, section, verdict
from bot.channel_words import figures, lately, summary
from bot.choices import BadChoice, Listen
from bot.desk import NO_MEMORY, Desk, now
from bot.message_text import clean, is_blank
from bot.replies import escape
from bot.store import Ask
from bot.window import Settings
from bot.words import Change, Help, OpenSettings, Opt, Read, Report, Status, Wrong, help_text, understood
from worker.connection import QueueError
from worker.jobs import Job, Kind, Outcome, Result, message_id
from worker.language_names import name_of, names_of
from worker.stream import Enqueued

NOT_OURS = "This app serves another workspace. Ask who installed it."
OUT = (
    "Done. I no longer read your messages, in any channel of this workspace, and label none of them. "
    "`/sentiment opt in` takes that back."
)
IN = "Done. I read your messages again, where a channel has me on."

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Asker:
    """Who typed a command, where, and where the answer goes."""

    user: str
    channel: str
    url: str
    trigger: str

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Asker":
        return cls(*(str(body.get(name) or "") for name in ("user_id", "channel_id", "response_url", "trigger_id")))


# Answers `report`: (who asks, how many days). Raises what `Desk.later` tells the person.
ReportOn = Callable[[Asker, int], None]


class Commands:
    """`report` answers `/sentiment report`; `changed` hears whose App Home shows something else now."""

    def __init__(
        self, desk: Desk, settings: Settings, *, changed: Callable[[str], None], report: ReportOn | None = None
    ) -> None:
        self._desk, self._settings, self._changed = desk, settings, changed
        self.report: ReportOn = report or self._figures

    def on_command(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        """Bolt's listener. Acknowledges before anybody is asked, so that it is in time with Redis and Slack down."""
        if not self._desk.is_ours(body):
            ack(NOT_OURS)
            return
        wish, asker = understood(str(body.get("text") or "")), Asker.of(body)
        if isinstance(wish, Help):
            ack(help_text(escape(self._desk.me.name)))
        elif isinstance(wish, Wrong):
            ack(wish.why)
        else:
            ack()
            self._desk.later(lambda: self._do(wish, asker), lambda why: self._say(asker, why))

    def _do(self, wish: Change | OpenSettings | Opt | Read | Report | Status, asker: Asker) -> None:
        match wish:
            case Read(text):
                self._read(text, asker)
            case OpenSettings():
                if why := self._settings.open(asker.trigger, asker.user, asker.channel):
                    self._say(asker, why)
            case Change(field, value):
                self._say(asker, self._change(asker, field, value))
            case Opt(out):
                self._opt(asker, out=out)
            case Report(days):
                self.report(asker, days)
            case Status():
                self._say(asker, self._status(asker.channel))

    def _say(self, asker: Asker, text: str) -> None:
        self._desk.respond(asker.url, text)

    def _change(self, asker: Asker, field: str, value: str) -> str:
        if why := self._desk.people.why_not_manage(asker.user, asker.channel):
            return why
        before = self._desk.choice(asker.channel)
        try:
            after = self._desk.choose(asker.channel, {field: value})
        except BadChoice as error:
            return str(error)
        self._changed(asker.user)
        if after == before:
            return f"That is how it is here already: {summary(after)}."
        if after.listen is Listen.OFF and field != "listen":
            return "Set, but I am off in this channel. `/sentiment on` turns me on."
        return f"Done. In this channel now: {summary(after)}."

    def _opt(self, asker: Asker, *, out: bool) -> None:
        self._say(asker, opt(self._desk, asker.user, out=out))
        self._changed(asker.user)

    def _status(self, channel: str) -> str:
        desk, choice, serving = self._desk, self._desk.choice(channel), self._desk.serving()
        lines = [f"*This channel:* {summary(choice)}."]
        if desk.memory.channels.facts(channel).shared:
            lines.append("It is shared with another organisation, so I am off unless somebody who may turns me on.")
        if serving.workers:
            languages = f", trained for {escape(names_of(serving.languages))}" if serving.languages else ""
            lines.append(
                f"*Model:* version {escape(serving.version)}{languages}, served by {serving.workers} worker(s)."
            )
        else:
            lines.append("*Model:* no worker runs at present, so labels wait. Tell the operator: `clfadmin doctor`.")
        if paused := desk.paused():
            lines.append(f"*Paused by the operator:* {escape(paused)}. Replies wait.")
        lengths = desk.fleet.lengths()
        lines.append(f"*Queue:* {lengths.waiting + lengths.leased} to label, {lengths.results} to answer.")
        return "\n".join(lines)

    def _figures(self, asker: Asker, days: int) -> None:
        found = lately(self._desk.memory.tags.days(asker.channel, datetime.now(UTC).date(), days))
        self._say(asker, f"The last {days} days here: {figures(found)}.")

    # A text

    def _read(self, text: str, asker: Asker) -> None:
        said = clean(text)
        if is_blank(said):
            self._say(asker, help_text(escape(self._desk.me.name)))
            return
        desk, message = self._desk, message_id(self._desk.me.team, asker.channel, asker.trigger)
        job = Job(
            id=message,
            message=message,
            team=desk.me.team,
            channel=asker.channel,
            ts="",
            user=asker.user,
            text=said,
            kind=Kind.COMMAND,
            enq_ms=int(now().timestamp() * 1000),
        )
        if why := enqueued(desk, job, Ask(user=asker.user, channel=asker.channel, url=asker.url)):
            self._say(asker, why)

    def answer(self, result: Result, ask: Ask) -> None:
        """The label of a text, to the one who asked. Raises what WebhookClient raises."""
        text = spoken(result)
        blocks = [
            section(f"*{text}*"),
            section(bars(result.scores)),
            note(f"Version {escape(result.version)}. Only you see this."),
        ]
        self._desk.respond(ask.url, text, as_dicts(blocks))

    def refuse(self, job: str, ask: Ask, why: str) -> None:
        self._desk.respond(ask.url, why)


def opt(desk: Desk, user: str, *, out: bool) -> str:
    """Raises QueueError."""
    if out:
        desk.memory.channels.opt_out(user, now())
    else:
        desk.memory.channels.opt_in(user)
    desk.chosen()
    return OUT if out else IN


def spoken(result: Result) -> str:
    """The verdict of a Result, with what must be known about it."""
    if result.outcome is Outcome.ERROR:
        return ":warning: Sorry, I could not label this."
    text = verdict(result.label, result.confidence, result.emoji, sure=result.outcome is Outcome.OK)
    if result.language:
        text = f"{text} (in a language this version was not trained for: {escape(name_of(result.language))})"
    return f"{text} (long text: only its start was read)" if result.truncated else text


def enqueued(desk: Desk, job: Job, ask: Ask) -> str:
    """Queue what somebody asked about; a line for them where the answer does not come soon, empty where it will."""
    try:
        desk.memory.errands.ask(job.id, ask)
        # A trigger is not a message of the channel: the channel's mark stays where it is.
        answer = desk.queue.enqueue(job, limit=desk.limit, advance=False)
        if answer is Enqueued.FULL:
            return "More messages wait than I can label at once. Try again in a few minutes."
        if paused := desk.paused():
            return (
                f"The operator has paused all answers ({escape(paused)}). Yours comes if that ends within half an hour."
            )
        if answer is Enqueued.OK and not desk.serving().workers:
            return "No model runs at present. The answer comes if one starts within half an hour."
    except QueueError as error:
        _log.warning("redis does not work, somebody who asked was told so", error=str(error))
        return NO_MEMORY
    return ""
