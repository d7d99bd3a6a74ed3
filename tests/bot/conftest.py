"""Fixtures for the bot: settings that meet the sandbox, the bot in this process, a stand-in for the worker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from pydantic import SecretStr
from slack_bolt import App

from bot.app import make_app, make_client
from bot.listeners import register
from bot.pacing import Limits
from bot.poster import Posting
from bot.settings import Mode, Settings
from bot.socket_mode import Socket
from bot.store import Memory, Store
from bot.tagger import Tagger
from bot.web import Server, make_site
from tests.conftest import Broker
from tests.sandbox_client import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SandboxClient, running_sandbox
from worker.connection import QueueError
from worker.jobs import Job, JobState, Keys, Outcome, Result, StreamName
from worker.stream import JOB_LEASE, Finished, Queue, result_fields

# No waiting for Slack's pace where it is not what is tested; the sandbox's own clock must then run as fast.
QUICK = Posting(limits=Limits(channel_per_second=100, channel_burst=50, posts_per_minute=10_000))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("SLACK_", "CLF_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _short_settle_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox shows a post at once, unless told otherwise."""
    monkeypatch.setattr("bot.reconcile.SETTLE", timedelta(seconds=0.5))


@pytest.fixture
def settings(valkey: Broker, keys: Keys) -> Settings:
    """Without Slack: what the queue's side needs."""
    return Settings(clf_redis_url=SecretStr(valkey.bot), clf_prefix=keys.prefix)


def for_sandbox(settings: Settings, sandbox: SandboxClient, **more: object) -> Settings:
    """The same settings for Socket Mode against this sandbox."""
    tokens = {"slack_bot_token": SecretStr(BOT_TOKEN), "slack_app_token": SecretStr(APP_TOKEN)}
    return settings.model_copy(update={**tokens, "slack_api_url": sandbox.api_url, **more})


@dataclass
class Bot:
    """The whole bot in this process."""

    app: App
    tagger: Tagger
    settings: Settings
    socket: Socket | None = None
    server: Server | None = None

    @property
    def url(self) -> str:
        assert self.server
        return f"http://127.0.0.1:{self.server.port}"


@contextmanager
def running_bot(settings: Settings, *, posting: Posting = QUICK, silent_for: timedelta | None = None) -> Iterator[Bot]:
    """In Socket Mode; events that arrived before the block ends are handled."""
    app = make_app(settings, make_client(settings))
    tagger = register(app, settings, mode=Mode.SOCKET, posting=posting)
    extra = {"silent_for": silent_for} if silent_for else {}
    socket = Socket(app, settings.slack_app_token.get_secret_value(), tagger.link, tagger.metrics, **extra)
    try:
        socket.connect()
        yield Bot(app, tagger, settings, socket)
    finally:
        socket.close()
        tagger.stop()
        app.listener_runner.listener_executor.shutdown(wait=True)


@contextmanager
def running_http_bot(settings: Settings, *, posting: Posting = QUICK) -> Iterator[tuple[Bot, SandboxClient]]:
    """In HTTP mode, with a sandbox of its own that delivers its events there."""
    server = Server("127.0.0.1", 0)
    with running_sandbox(events_url=f"http://127.0.0.1:{server.port}/slack/events") as sandbox:
        secret = {"slack_app_token": SecretStr(""), "slack_signing_secret": SecretStr(SIGNING_SECRET)}
        ours = for_sandbox(settings, sandbox, clf_http_port=server.port, **secret)
        app = make_app(ours, make_client(ours))
        tagger = register(app, ours, mode=Mode.HTTP, posting=posting)
        try:
            server.start(make_site(tagger, app, ours))
            yield Bot(app, tagger, ours, server=server), sandbox
        finally:
            server.stop()
            tagger.stop()
            app.listener_runner.listener_executor.shutdown(wait=True)


@pytest.fixture
def bot(settings: Settings, sandbox: SandboxClient) -> Iterator[Bot]:
    """In Socket Mode with the sandbox, its pace and the sandbox's a hundred times Slack's."""
    sandbox.clock(100)
    with running_bot(for_sandbox(settings, sandbox)) as bot:
        yield bot


@pytest.fixture
def store(any_server: tuple[Broker, Keys]) -> Iterator[Store]:
    """The bot's memory, with the bot's rights, on both servers in turn."""
    broker, keys = any_server
    store = Store(broker.bot, keys=keys)
    yield store
    store.close()


@pytest.fixture
def memory(store: Store) -> Memory:
    return store.of("T1")


@dataclass
class Labeller:
    """Stands in for the worker: gives every job the same answer, through the real queue."""

    url: str
    keys: Keys
    answer: Callable[[Job], Result]
    seen: list[Job] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        queue = Queue(self.url, keys=self.keys, consumer="labeller")
        while not self.stopping.is_set():
            try:
                queue.ensure_groups()
                self._turn(queue)
            except QueueError:
                self.stopping.wait(0.1)
        queue.close()

    def _turn(self, queue: Queue) -> None:
        reclaimed = queue.reclaim(StreamName.JOBS, lease=JOB_LEASE).deliveries
        for delivery in reclaimed + queue.read(StreamName.JOBS, count=100, block=timedelta(milliseconds=100)):
            job = Job.decode(delivery.fields)
            self.seen.append(job)
            fields = result_fields(self.answer(job).encode())
            done = Finished(delivery, job.id, job.message, JobState.LABELLED, fields=fields)
            queue.finish([done], into=StreamName.RESULTS)


def result_of(job: Job, **more: object) -> Result:
    """What a worker would answer to this job."""
    values = {
        "outcome": Outcome.OK,
        "label": "positive",
        "emoji": ":smile:",
        "confidence": 0.93,
        "scores": {"positive": 0.93, "negative": 0.07},
        "version": "tiny",
        "gen": 1,
    }
    same = {name: getattr(job, name) for name in ("message", "team", "channel", "ts", "edit_ts", "thread_ts", "user")}
    return Result(job=job.id, kind=job.kind, **(same | values | more))  # pyright: ignore[reportArgumentType]


@contextmanager
def labelling(url: str, keys: Keys) -> Iterator[Labeller]:
    labeller = Labeller(url, keys, result_of)
    thread = threading.Thread(target=labeller.work, name="labeller")
    thread.start()
    try:
        yield labeller
    finally:
        labeller.stopping.set()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def labeller(valkey: Broker, keys: Keys) -> Iterator[Labeller]:
    """Answers "positive, 93 %" to everything; set `.answer` for something else."""
    with labelling(valkey.worker, keys) as labeller:
        yield labeller


@pytest.fixture
def make_queue(valkey: Broker, keys: Keys) -> Iterator[Callable[..., Queue]]:
    """A consumer of this test's streams, with all rights."""
    made: list[Queue] = []

    def make(consumer: str = "tester") -> Queue:
        made.append(Queue(valkey.url, keys=keys, consumer=consumer))
        made[-1].ensure_groups()
        return made[-1]

    yield make
    for queue in made:
        queue.close()
