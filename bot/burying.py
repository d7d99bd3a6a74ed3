"""Results that come to nothing: into the dead letters, with the reason."""

import structlog

from bot.metrics import Metrics
from worker.jobs import JobState, Result, StreamName
from worker.log import Seldom
from worker.stream import Delivery, Finished, Queue, dead_fields

_seldom = Seldom()
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def bury(
    queue: Queue,
    metrics: Metrics,
    delivery: Delivery,
    *,
    result: Result | None = None,
    reason: str,
    error: str = "",
    keep: bool = True,
) -> None:
    """Put a result into the dead letters. Without `result`, and `keep=False`: one nobody can read."""
    fields = dead_fields(delivery, reason=reason, error=error, keep=keep)
    job, message, state = (result.job, result.message, JobState.DEAD) if result else ("", "", None)
    queue.finish([Finished(delivery, job, message, state, fields=fields)], into=StreamName.DEAD)
    metrics.replied("dead")
    if _seldom.due(reason + error):
        _log.warning("reply given up, `clfadmin doctor` counts them", job=job, reason=reason, error=error)
