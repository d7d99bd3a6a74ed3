"""All that the bot does in one workspace, put together: hearing, answering, posting, catching up, reporting."""

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.answering import Answering
from bot.asking import Asking
from bot.beat import Link, ServerClock
from bot.catchup import CatchUp
from bot.commands import Asker
from bot.desk import Desk
from bot.edits import Eraser
from bot.gaps import Gaps
from bot.identity import Identity
from bot.intake import Decide, Intake
from bot.introduction import Introducer
from bot.listening import Listening
from bot.metrics import Metrics
from bot.people import People
from bot.poster import Poster
from bot.posting import Posting
from bot.reporter import Reporter
from bot.settings import Mode, ReplyMode, Settings
from bot.slack_client import Slack
from bot.store import Store
from bot.timer import Timer
from worker.fleet import Fleet
from worker.jobs import Keys
from worker.stream import Queue


@dataclass(frozen=True)
class Common:
    """What all workspaces of a process share. `store` has the patience Redis needs; `hasty` gives up soon, for
    listeners, which Slack times. `enqueuer` enqueues, `id` is the consumer's name.
    """

    settings: Settings
    posting: Posting
    metrics: Metrics
    link: Link
    clock: ServerClock
    store: Store
    hasty: Store
    enqueuer: Queue
    fleet: Fleet
    poster: Poster
    id: str
    decide: Decide

    @property
    def keys(self) -> Keys:
        return Keys(self.settings.clf_prefix)


class Workspace:
    """Made where the process knows its token; nothing is asked of Slack until `start`."""

    def __init__(self, common: Common, slack: Slack, me: Identity) -> None:
        settings, metrics = common.settings, common.metrics
        url, keys = settings.redis_url, common.keys
        self.slack, self.me = slack, me
        self._common = common
        self.gaps = Gaps()
        self.memory, quick = common.store.of(me.team), common.hasty.of(me.team)
        self.listening = Listening(quick.channels, settings.clf_reply, settings.clf_unsure)
        self.people = People(slack, quick.channels, me.team, settings.managers)
        desk = Desk(
            slack,
            me,
            quick,
            self.people,
            common.enqueuer,
            common.fleet,
            limit=settings.clf_max_queue,
            reply=settings.clf_reply,
            unsure=settings.clf_unsure,
            paused=lambda: common.poster.paused,
            chosen=self.listening.look_again,
        )
        self.asking = Asking(desk, Queue(url, keys=keys, consumer=common.id))
        answering = Answering(self.listening, me)
        self.outbox = common.poster.open(slack, answering, self.memory, asked=self.asking.answers.take)
        self.introducer = Introducer(slack, me, self.memory, self.people, self.listening)
        eraser = Eraser(common.enqueuer, quick, self.outbox.removals)
        self.intake = Intake(
            common.enqueuer,
            slack,
            me,
            metrics,
            self.gaps,
            self.listening,
            eraser,
            self.introducer,
            decide=common.decide,
            limit=settings.clf_max_queue,
            alone=common.link.mode is not Mode.PLUGIN,
            hints=settings.clf_reply is not ReplyMode.NONE,
        )
        self.catch_up = CatchUp(
            Queue(url, keys=keys),
            slack,
            me,
            self.gaps,
            metrics,
            self.listening,
            self.memory,
            eraser,
            decide=common.decide,
            limit=settings.clf_max_queue,
            limits=common.posting.limits,
            tidy=self.tidy,
        )
        self.reporter = Reporter(
            slack, me, self.memory, self.listening, self.people, paused=self.held_up, bad=settings.alert_labels
        )
        self.asking.commands.report = self._report_on
        self.timer = Timer(self.memory, self.listening, self.reporter, paused=self.held_up)

    def held_up(self) -> str:
        """Why nothing is posted here at present, in one line; empty when all is well."""
        poster = self._common.poster
        return self.outbox.refused or poster.problem or poster.paused

    def tidy(self) -> None:
        """Say that we are here, and forget what is over. Raises QueueError."""
        now = datetime.now(UTC)
        self._common.store.add_team(self.me.team, now)
        self.memory.sweep(now)

    def _report_on(self, asker: Asker, days: int) -> None:
        self.asking.desk.respond(asker.url, self.reporter.answer(asker.channel, days))

    def start(self) -> None:
        self.catch_up.start()
        self.timer.start()
        self.asking.start()

    def stop_hearing(self) -> None:
        """First of the two steps of stopping; events should have been stopped before, posts are afterwards."""
        self.intake.close()
        self.timer.stop()
        self.reporter.close()
        self.introducer.close()
        self.catch_up.stop()

    def close(self) -> None:
        """Second step, once nothing is posted any more."""
        self.asking.close()
