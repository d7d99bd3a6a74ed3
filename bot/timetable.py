"""When a channel's report is due. Pure: the hour is the channel's own, and never a quiet one."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.choices import Choice, Digest

# Before the day's talk begins, after the night's messages are labelled.
AT = time(9, 0)
MONDAY = 0
# A bot that was away posts what it missed; later than that nobody waits for it.
LATE = timedelta(hours=12)
SPANS = {Digest.DAILY: 1, Digest.WEEKLY: 7}


@dataclass(frozen=True)
class Due:
    """A report of `span` days up to `last`. `name` is the same for every bot that finds it due."""

    channel: str
    last: date
    span: int

    @property
    def name(self) -> str:
        return f"digest:{self.channel}:{self.last.isoformat()}"


def due(channel: str, choice: Choice, now: datetime) -> Due | None:
    """What is to be posted in a channel at `now`, which must know its zone; None where nothing is.

    Days are counted by UTC, so a report ends with the last day that is over there too.
    """
    if choice.digest not in SPANS or choice.is_quiet(now):
        return None
    zone = ZoneInfo(choice.zone)
    there = now.astimezone(zone)
    moment = datetime.combine(there.date(), AT, zone)
    if moment > there:
        moment = datetime.combine(there.date() - timedelta(days=1), AT, zone)
    if choice.digest is Digest.WEEKLY:
        moment = datetime.combine(moment.date() - timedelta(days=(moment.weekday() - MONDAY) % 7), AT, zone)
    # Quiet hours move it: they may well begin before nine and end long after.
    end = moment
    while choice.is_quiet(end) and end - moment < timedelta(days=1):
        end += timedelta(minutes=15)
    if not timedelta(0) <= there - end <= LATE:
        return None
    return Due(channel, _over(moment), SPANS[choice.digest])


def _over(moment: datetime) -> date:
    """The last day of UTC that was over then."""
    return moment.astimezone(UTC).date() - timedelta(days=1)
