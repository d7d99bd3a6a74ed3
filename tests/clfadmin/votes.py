"""People who correct labels, for tests of what comes of it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from bot.store import Asked, Store
from tests.conftest import Broker
from worker.jobs import Keys, message_id

TEAM, CHANNEL = "T1", "C1"


def vote(
    broker: Broker,
    keys: Keys,
    texts: Iterable[str],
    labels: dict[str, str],
    *,
    said: str = "neutral",
    confidence: float = 0.95,
    kept: bool = True,
    first: int = 1,
) -> list[str]:
    """One message for each text, each user's label in `labels`; the message ids."""
    store, now = Store(broker.admin, keys=keys), datetime.now(UTC)
    store.add_team(TEAM, now)
    memory, messages = store.of(TEAM), []
    for number, text in enumerate(texts, start=first):
        ts = f"{number}.000001"
        asked = Asked(
            message=message_id(TEAM, CHANNEL, ts),
            channel=CHANNEL,
            ts=ts,
            author="UAUTHOR",
            label=said,
            confidence=confidence,
            version="tiny",
        )
        for user, label in labels.items():
            memory.votes.cast(asked, user, label, now=now, keep=timedelta(days=90), text=text if kept else "")
        messages.append(asked.message)
    store.close()
    return messages
