"""What tests of the bot's memory put into it."""

from datetime import UTC, date, datetime, timedelta

from bot.choices import Choice
from bot.store import Asked, Memory, Tag, Vote
from worker.jobs import message_id

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TODAY = date(2026, 11, 30)
USUAL = Choice()


def ts_of(moment: datetime, number: int = 1) -> str:
    return f"{int(moment.timestamp())}.{number:06}"


def tag(number: int = 1, label: str = "negative", **more: object) -> Tag:
    ts = ts_of(NOW, number)
    values = {"message": message_id("T1", "C1", ts), "channel": "C1", "ts": ts, "confidence": 0.9, "sure": True}
    return Tag(**({"label": label, "version": "v1"} | values | more))  # pyright: ignore[reportArgumentType]


def asked(number: int = 1) -> Asked:
    one = tag(number)
    return Asked(
        message=one.message, channel="C1", ts=one.ts, author="U0", label="negative", confidence=0.9, version="v1"
    )


def cast_vote(
    memory: Memory, user: str, label: str = "neutral", number: int = 1, text: str = "", days: int = 90
) -> Vote | None:
    keep = timedelta(days=days)
    return memory.votes.cast(asked(number), user, label, now=NOW, keep=keep, text=text)
