"""Reports and alerts into Slack: asked for, on the hour a channel chose, and the buttons below an alert.

At most once: a report that Slack may have taken is not sent again, since nobody misses one as they do a second one.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog

from bot import alerts
from bot.chart import ChartFailed, picture
from bot.choices import Alerts, BadChoice
from bot.honesty import Case, honesty, sentence
from bot.identity import Identity
from bot.listening import Listening
from bot.pacing import POST, WHISPER
from bot.people import People
from bot.report import Report, alternative, days_before, report_of, too_few, when, words
from bot.slack_client import Slack, as_object
from bot.slack_errors import Failure, trouble
from bot.store import Memory, Strong
from worker.connection import QueueError

# A picture in a channel is for everybody there; one after the other would be a nuisance.
AGAIN_AFTER = timedelta(minutes=5)
UPDATE = "chat.update"
NO_PICTURE = "(The picture could not be added: the app lacks the right files:write.)"
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Reporter:
    """Of one workspace. Safe for threads."""

    def __init__(
        self,
        slack: Slack,
        me: Identity,
        memory: Memory,
        listening: Listening,
        people: People,
        *,
        paused: Callable[[], str],
        bad: tuple[str, ...],
    ) -> None:
        """`paused` says why the operator wants nothing posted, or ""; `bad` are the labels that alerts are about."""
        self._slack, self._me, self._memory, self._listening, self._people = slack, me, memory, listening, people
        self._paused, self._bad = paused, bad
        self._posted: dict[tuple[str, int], float] = {}
        self._clicks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alerts")

    def close(self) -> None:
        self._clicks.shutdown(wait=False, cancel_futures=True)

    # Asked for

    def answer(self, channel: str, days: int) -> str:
        """Post the report of the last `days` into the channel; what to tell the one who asked, and nobody else.

        Raises QueueError, and what `trouble` understands.
        """
        report = self._report(channel, datetime.now(UTC).date(), days)
        if not report:
            return too_few(days)
        said = self._words(report)
        if self._paused():
            return f"Posting is paused by the operator, so only you see this.\n{said}"
        if self._listening.choice(channel).is_quiet(datetime.now(UTC)):
            return f"These are quiet hours here, so only you see this.\n{said}"
        if time.monotonic() - self._posted.get((channel, days), float("-inf")) < AGAIN_AFTER.total_seconds():
            return "That report was posted here a moment ago."
        self._posted[channel, days] = time.monotonic()
        try:
            self._post(report, said)
        except Exception:
            del self._posted[channel, days]
            raise
        return "The report is in the channel."

    # By the clock

    def digest(self, channel: str, last: date, span: int) -> None:
        """The report somebody chose to have; nothing where there is too little to show."""
        if report := self._report(channel, last, span):
            self._post(report, self._words(report))

    def watch(self, channel: str, today: date) -> None:
        """Say that a channel turned clearly more negative, if it did, has not been told lately, and wants to know."""
        wanted = self._listening.choice(channel).alerts
        if wanted is Alerts.OFF or alerts.is_resting(self._last_alert(channel), today, wanted):
            return
        days = self._memory.tags.days(channel, today, alerts.USUAL_DAYS + 2)
        found = alerts.alert(days, self._bad, wanted)
        name = _alert(channel, today)
        if not found or not self._memory.errands.first(name, datetime.now(UTC)):
            return
        strongest = [one for day in found.days for one in self._memory.tags.strongest(channel, day)]
        blocks = alerts.blocks(found, strongest, url=self._me.url, wanted=wanted)
        self.once(name, lambda: self._say(channel, alerts.text(found), blocks=blocks))

    def once(self, name: str, post: Callable[[], None]) -> None:
        """Post what `name` was taken for; given back where it cannot have arrived. Never raises what Slack says."""
        try:
            post()
        except QueueError:
            self._memory.errands.undone(name)
            raise
        except Exception as error:
            why = trouble(error)
            if why.failure in (Failure.NOT_SENT, Failure.CREDENTIALS):
                self._memory.errands.undone(name)
            _log.warning("report not posted", what=name.partition(":")[0], error=why.code)

    def _last_alert(self, channel: str) -> date | None:
        start = _alert(channel)
        days = [what.removeprefix(start) for what in self._memory.errands.done(start)]
        return max((date.fromisoformat(day) for day in days), default=None)

    # The buttons below an alert

    def on_less(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        """Bolt's listener."""
        ack()
        self._clicks.submit(self._clicked, body, Alerts.SELDOM, "Alerts here come less often now.")

    def on_off(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        """Bolt's listener."""
        ack()
        self._clicks.submit(self._clicked, body, Alerts.OFF, "Alerts are off here now.")

    def _clicked(self, body: dict[str, Any], wanted: Alerts, done: str) -> None:
        channel = str(as_object(body.get("channel")).get("id", ""))
        user = str(as_object(body.get("user")).get("id", ""))
        try:
            why = self._people.why_not_manage(user, channel)
            if not why:
                default = self._listening.default(channel)
                self._memory.choose(channel, {"alerts": wanted.value}, default, now=datetime.now(UTC))
                self._without_buttons(channel, as_object(body.get("message")), done)
            else:
                self._slack.call(WHISPER, channel=channel, user=user, text=why)
        except (QueueError, BadChoice) as error:
            _log.warning("a click below an alert changed nothing", error=str(error))
        except Exception as error:
            _log.warning("a click below an alert was not answered", error=trouble(error).code)

    def _without_buttons(self, channel: str, message: dict[str, Any], done: str) -> None:
        """The alert as it stands, and what was decided instead of the buttons."""
        kept: list[Any] = [one for one in message.get("blocks", []) if as_object(one).get("type") == "section"]
        note = {"type": "context", "elements": [{"type": "mrkdwn", "text": done}]}
        self._slack.call(
            UPDATE, channel=channel, ts=message.get("ts", ""), text=message.get("text", ""), blocks=[*kept, note]
        )

    # Figures and posts

    def _report(self, channel: str, last: date, span: int) -> Report | None:
        tags, before = self._memory.tags, days_before(span)
        days = tags.days(channel, last, span + before)
        strongest: list[Strong] = [one for day in days[before:] for one in tags.strongest(channel, day.day)]
        return report_of(channel, days[before:], days[:before], strongest)

    def _words(self, report: Report) -> str:
        judged = [
            Case(label=vote.asked.label, confidence=vote.asked.confidence, agreed=vote.label)
            for vote in self._memory.votes.of_channel(report.channel)
            if vote.label
        ]
        return words(report, url=self._me.url, honesty=f"_{sentence(honesty(judged))}_" if judged else "")

    def _post(self, report: Report, said: str) -> None:
        try:
            png = picture(report)
        except ChartFailed as error:
            _log.warning("report goes without its picture", error=str(error))
            self._say(report.channel, said)
            return
        name = f"sentiment-{report.span[0]}-{report.span[1]}.png"
        try:
            self._slack.upload(
                report.channel, png, name=name, title=when(*report.span), alt=alternative(report), comment=said
            )
        except Exception as error:
            if trouble(error).code != "missing_scope":
                raise
            self._say(report.channel, f"{said}\n{NO_PICTURE}")

    def _say(self, channel: str, text: str, **more: object) -> None:
        self._slack.call(POST, channel=channel, text=text, unfurl_links=False, unfurl_media=False, **more)


def _alert(channel: str, day: date | None = None) -> str:
    return f"alert:{channel}:{day.isoformat() if day else ''}"
