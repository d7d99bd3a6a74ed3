"""From Slack's event to the queue, before Slack is answered. What the queue did not take is not acknowledged."""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol, cast

import structlog
from slack_bolt import BoltResponse

from bot.asides import Addressed, Asides
from bot.choices import Listen
from bot.edits import Deletion, Eraser
from bot.gaps import Gaps
from bot.identity import Identity, is_for
from bot.introduction import Introducer
from bot.listening import Listening
from bot.metrics import Heard, Metrics
from bot.replies import FULL, hint
from bot.slack_client import Slack
from worker.connection import Full, QueueError
from worker.jobs import Job, Origin
from worker.log import Seldom
from worker.stream import Enqueued, Queue

# Slack sends these again for about six minutes; in Socket Mode any status but 200 is no acknowledgement. What the queue
# has no room for is acknowledged: Slack's history keeps it, and catch-up reads it when there is room.
_NOT_ACKNOWLEDGED = {Heard.REFUSED: 401, Heard.FAILED: 503}
# As long as catch-up looks back for messages nobody labelled.
YOUNG = timedelta(hours=24)
# Somebody whose messages wait is told so, and not for each of them.
FULL_AGAIN_AFTER = timedelta(hours=1)
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class HintLike(Addressed, Protocol):
    @property
    def message(self) -> str: ...


class Decide(Protocol):
    """What an event asks us to do: bot.listeners.understood."""

    def __call__(
        self, event: Mapping[str, Any], me: Identity, *, origin: Origin = Origin.LIVE
    ) -> Job | HintLike | Deletion | None: ...


class Intake:
    """Called by Bolt in many threads. Never raises, and blocks for about two seconds at most."""

    def __init__(
        self,
        queue: Queue,
        slack: Slack,
        me: Identity,
        metrics: Metrics,
        gaps: Gaps,
        listening: Listening,
        eraser: Eraser,
        introducer: Introducer,
        *,
        decide: Decide,
        limit: int,
        alone: bool,
        hints: bool = True,
    ) -> None:
        """`slack` is for asides, left out without `hints`; `limit` is the most jobs and results the queue may hold;
        `alone`: the app is ours, so that an event for another app or workspace is a mistake.
        """
        self._queue, self._metrics, self._gaps = queue, metrics, gaps
        self._listening, self._eraser, self._introducer = listening, eraser, introducer
        self.me = me
        self._decide, self._limit, self._alone, self._gives_hints = decide, limit, alone, hints
        self._seldom = Seldom()
        self._asides = Asides(slack)
        self.last_event = 0.0  # monotonic, 0 for never

    def close(self) -> None:
        self._asides.close()

    def on_event(self, body: dict[str, Any], next: Callable[[], object]) -> BoltResponse | None:
        """A global middleware of Bolt: takes what is ours and lets every event go on to the app's listeners."""
        if body.get("type") == "app_rate_limited":
            self._metrics.heard(Heard.RATE_LIMITED)
            _log.warning("slack withholds events: the workspace sends more than 30,000 an hour")
            return BoltResponse(status=200)
        event = body.get("event")
        if body.get("type") == "event_callback" and isinstance(event, dict):
            self.last_event = time.monotonic()
            heard = self._hear(body, cast("dict[str, Any]", event))
            self._metrics.heard(heard)
            if heard in _NOT_ACKNOWLEDGED:
                return BoltResponse(status=_NOT_ACKNOWLEDGED[heard])
        next()
        return None

    def _hear(self, body: Mapping[str, Any], event: dict[str, Any]) -> Heard:
        if not is_for(body, self.me):
            if not self._alone:
                return Heard.IGNORED
            if self._seldom.due("not for us"):
                _log.warning("event for another app or workspace refused", app=body.get("api_app_id") == self.me.app)
            return Heard.REFUSED
        shared = body.get("is_ext_shared_channel") is True
        if self._introducer.is_about_us(event):
            return self._introduce(event, shared=shared)
        if event.get("type") not in ("message", "app_mention"):
            return Heard.IGNORED
        found = self._decide(event, self.me)
        if found is None:
            return Heard.IGNORED
        if isinstance(found, Deletion):
            return self._erase(found)
        return self._answer(found, shared=shared)

    def _introduce(self, event: Mapping[str, Any], *, shared: bool) -> Heard:
        try:
            self._introducer.hear(event, shared=shared)
        except QueueError as error:
            return self._failed(None, error)
        return Heard.MOVED

    def _answer(self, found: Job | HintLike, *, shared: bool) -> Heard:
        """`shared`: with another organisation, as the event says."""
        try:
            if isinstance(found, Job):
                wanted = self._listening.takes(found, shared=shared) and not self._is_forgotten(found)
            else:
                wanted = self._listening.choice(found.channel, shared=shared).listen is not Listen.OFF
        except QueueError as error:
            return self._failed(found, error)
        if not wanted:
            return Heard.UNWANTED
        return self._enqueue(found) if isinstance(found, Job) else self._hint(found)

    def _is_forgotten(self, job: Job) -> bool:
        """The edit of an old message that never got a label: nobody expects one now."""
        return bool(job.edit_ts) and float(job.ts) < time.time() - YOUNG.total_seconds() and not self._eraser.knows(job)

    def _erase(self, gone: Deletion) -> Heard:
        try:
            self._eraser.erase(gone)
        except QueueError as error:
            return self._failed(gone, error)
        return Heard.DELETED

    def _failed(self, found: Job | HintLike | Deletion | None, error: QueueError) -> Heard:
        if isinstance(found, Job):
            self._gaps.open(found.channel, found.ts)
        if self._seldom.due("failed"):
            _log.warning("redis does not work, slack is not acknowledged and sends again", error=str(error))
        return Heard.FAILED

    def _enqueue(self, job: Job) -> Heard:
        try:
            answer = self._queue.enqueue(job, limit=self._limit, advance=not self._gaps.is_open(job.channel))
        except Full as error:
            return self._overflow(job, str(error))
        except QueueError as error:
            return self._failed(job, error)
        if answer is Enqueued.FULL:
            return self._overflow(job, f"the queue holds {self._limit} already (CLF_MAX_QUEUE)")
        return Heard.DUP if answer is Enqueued.DUP else Heard.QUEUED

    def _overflow(self, job: Job, why: str) -> Heard:
        # Refused, Slack would send it again for minutes, and over HTTP might stop sending events altogether.
        self._gaps.open(job.channel, job.ts)
        if self._seldom.due("full"):
            _log.error("queue is full, messages wait in slack's history; start more workers", error=why)
        if self._gives_hints and job.user:
            self._asides.say(f"full {job.channel} {job.user}", job, FULL, again_after=FULL_AGAIN_AFTER)
        return Heard.FULL

    def _hint(self, found: HintLike) -> Heard:
        if not self._gives_hints:
            return Heard.IGNORED
        said = self._asides.say(f"hint {found.message}", found, hint(self.me.name))
        return Heard.HINT if said else Heard.DUP
