"""Traces of people in every place of a server."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bot.choices import Choice
from bot.store import Ask, Asked, Memory, Tag
from tests.conftest import Broker
from worker.jobs import Job, JobState, Keys, Outcome, Result, StreamName, job_id, message_id
from worker.stream import Finished, Queue, dead_fields, result_fields

TEAM = "T0TEAM"


def ts_of(number: int) -> str:
    return f"{int(time.time()) - 60}.{number:06}"


def remember(memory: Memory, user: str, channel: str, text: str, number: int) -> None:
    now, ts = datetime.now(UTC), ts_of(number)
    message = message_id(TEAM, channel, ts)
    about = {"message": message, "channel": channel, "ts": ts, "label": "negative", "confidence": 0.9, "version": "v1"}
    memory.choose(channel, {"learn": True}, Choice(), now=now)
    memory.channels.note(channel, creator=user, introduced_ms=1)
    memory.channels.opt_out(user, now)
    memory.tags.record([(Tag(sure=True, **about), user)], now)
    memory.votes.cast(Asked(author=user, **about), "U0VOTER", "neutral", now=now, keep=timedelta(days=9), text=text)
    memory.errands.ask(message, Ask(user=user, channel=channel, url="https://hooks.test"))
    memory.errands.first(f"told:v1:{user}", now)
    memory.errands.first(f"digest:{channel}:2026-11-30", now)


def queue_up(broker: Broker, keys: Keys, both: Sequence[tuple[str, str, str, int]]) -> None:
    """Of each one job became a result, one a dead letter, one is in a worker's hands and one waits."""
    queue = Queue(broker.url, keys=keys, consumer="worker")
    queue.ensure_groups()
    for step in range(4):
        for user, channel, text, number in both:
            ts = ts_of(number * 10 + step)
            message = message_id(TEAM, channel, ts)
            job = Job(id=job_id(message), message=message, team=TEAM, channel=channel, ts=ts, user=user, text=text)
            queue.enqueue(job, limit=100)
            if step < 3:
                _work(queue, job, step)
    queue.close()


def _work(queue: Queue, job: Job, step: int) -> None:
    (delivery,) = queue.read(StreamName.JOBS, count=1)
    if step == 0:
        fields = result_fields(_result(job).encode())
        done = Finished(delivery, job.id, job.message, JobState.LABELLED, fields=fields)
        queue.finish([done], into=StreamName.RESULTS)
    if step == 1:
        fields = dead_fields(delivery, reason="poison")
        queue.finish([Finished(delivery, job.id, job.message, JobState.DEAD, fields=fields)], into=StreamName.DEAD)


def _result(job: Job) -> Result:
    same = {name: getattr(job, name) for name in ("message", "team", "channel", "ts", "user")}
    return Result(job=job.id, outcome=Outcome.OK, label="negative", confidence=0.9, version="v1", gen=1, **same)
