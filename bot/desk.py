"""What every answer to a person needs: Slack, the memory, the queue, and threads of its own.

Slack waits three seconds for a click or command and then forgets it, so a listener acknowledges at once and the work is
done here: its words go to the response URL, to a window, or as a post that only one person sees.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from slack_sdk.webhook import WebhookClient

from bot.blocks import Json
from bot.choices import Choice, ReplyMode, Unsure, usual
from bot.identity import Identity
from bot.log import silent
from bot.pacing import WHISPER
from bot.people import NotTold, People
from bot.slack_client import Slack, as_object
from bot.slack_errors import trouble
from bot.store import Memory
from worker.connection import QueueError
from worker.fleet import Fleet, WorkerBeat
from worker.stream import Queue

# Each mostly waits for Slack.
THREADS = 4
RESPONSE_TIMEOUT_SECONDS = 5
NO_MEMORY = "I cannot reach my memory (Redis) just now, so nothing was changed. Try again in a minute."

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Serving:
    """What answers at present. `labels` is empty while no worker runs."""

    version: str = ""
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    workers: int = 0


@dataclass(frozen=True)
class Opened:
    """A window that was opened, and the hash of what it shows first."""

    id: str
    hash: str


@dataclass(frozen=True)
class Desk:
    """Safe for threads. `queue` is for enqueuing; `reply` and `unsure` are CLF_REPLY and CLF_UNSURE.

    `chosen` hears that a channel or a person chose something, which is to hold at once.
    """

    slack: Slack
    me: Identity
    memory: Memory
    people: People
    queue: Queue
    fleet: Fleet
    limit: int
    reply: ReplyMode
    unsure: Unsure
    paused: Callable[[], str] = lambda: ""
    chosen: Callable[[], None] = lambda: None
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="desk"), repr=False
    )

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def later(self, work: Callable[[], None], fail: Callable[[str], None] = lambda _: None) -> None:
        """Do `work` after the acknowledgement. What goes wrong is told by `fail`, in one line for the person."""
        self._threads.submit(self._do, work, fail)

    def _do(self, work: Callable[[], None], fail: Callable[[str], None]) -> None:
        try:
            why = self._tried(work)
            if why:
                fail(why)
        # Nobody waits for this thread: whatever it is must be seen in the log.
        except Exception:
            _log.exception("an answer to a person failed")

    def _tried(self, work: Callable[[], None]) -> str:
        try:
            work()
        except QueueError as error:
            _log.warning("redis does not work, somebody who asked was told so", error=str(error))
            return NO_MEMORY
        except NotTold as error:
            return str(error)
        except Exception as error:
            why = trouble(error)  # raises what is no failure of a call
            _log.warning("slack did not take an answer", error=why.code)
            return f"Slack did not let me do that ({why.code}). Try again."
        return ""

    # Saying

    def respond(self, url: str, text: str, blocks: list[Json] | None = None) -> None:
        """To the person who used the command or menu `url` belongs to, and to nobody else."""
        ours = self.slack.client
        client = WebhookClient(
            url, timeout=RESPONSE_TIMEOUT_SECONDS, ssl=ours.ssl, proxy=ours.proxy, logger=silent(), retry_handlers=[]
        )
        answer = client.send(text=text, blocks=blocks, response_type="ephemeral", replace_original=False)
        if answer.status_code != 200:
            _log.warning("slack did not take a response", status=answer.status_code)

    def whisper(self, channel: str, user: str, text: str, thread_ts: str = "") -> None:
        """To one person in a channel. Where we may not post, it is left."""
        thread = {"thread_ts": thread_ts} if thread_ts else {}
        try:
            self.slack.call(WHISPER, channel=channel, user=user, text=text, **thread)
        except Exception as error:
            _log.warning("whisper not sent", error=trouble(error).code)

    def open(self, trigger: str, view: Json) -> Opened:
        """Open a window. Slack must have it within three seconds of the click."""
        opened = as_object(self.slack.call("views.open", trigger_id=trigger, view=view).get("view"))
        return Opened(str(opened.get("id", "")), str(opened.get("hash", "")))

    def show(self, view_id: str, view: Json, *, unless_changed_since: str = "") -> None:
        """Replace what a window shows, or only what it showed at this hash. One that was closed is no trouble."""
        since = {"hash": unless_changed_since} if unless_changed_since else {}
        try:
            self.slack.call("views.update", view_id=view_id, view=view, **since)
        except Exception as error:
            if (why := trouble(error)).code not in ("not_found", "view_not_found", "hash_conflict"):
                _log.warning("window not updated", error=why.code)

    # Knowing

    def default(self, channel: str) -> Choice:
        return usual(reply=self.reply, unsure=self.unsure, shared=self.memory.channels.facts(channel).shared)

    def choice(self, channel: str) -> Choice:
        return self.memory.channels.choice(channel, self.default(channel))

    def choose(self, channel: str, changes: dict[str, object]) -> Choice:
        """Raises BadChoice, QueueError."""
        after = self.memory.choose(channel, changes, self.default(channel), now=now())
        self.chosen()
        return after

    def serving(self) -> Serving:
        """What the fleet serves, by the workers' own word."""
        workers = [beat for beat in self.fleet.workers() if beat.version]
        if not workers:
            return Serving(version=self.fleet.model().version)
        newest = max(workers, key=lambda beat: beat.gen)
        return Serving(newest.version, _lines(newest), tuple(newest.languages.split()), len(workers))

    def is_ours(self, body: dict[str, Any]) -> bool:
        """Whether a command or click was meant for our app and workspace."""
        app, team = body.get("api_app_id"), body.get("team_id") or as_object(body.get("team")).get("id")
        return (not self.me.app or app in (None, self.me.app)) and team in (None, self.me.team)


def now() -> datetime:
    return datetime.now(UTC)


def _lines(beat: WorkerBeat) -> tuple[str, ...]:
    return tuple(beat.labels.split("\n")) if beat.labels else ()
