"""Where answers go, and what was done already. Part of bot/store.py."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from bot.store_keys import Place, ms
from worker.connection import meaning
from worker.jobs import JobState

# Slack's response URLs end after half an hour.
ASK_KEPT = timedelta(minutes=30)
DONE_KEPT = timedelta(days=30)
DONE, ASKS = "done", "asks"


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Where the answer to a command or shortcut goes: a window (`view`) or a response URL, which is a secret."""

    user: str
    channel: str
    ts: str = ""
    view: str = ""
    url: str = field(default="", repr=False)


class Errands:
    def __init__(self, place: Place) -> None:
        self._place = place

    def ask(self, job: str, ask: Ask) -> None:
        """To be noted before the job is queued, so that whoever gets the result finds it."""
        flat = [part for pair in asdict(ask).items() for part in pair]
        with meaning():
            self._place.client.zadd(self._place.key(ASKS), {job: ms(datetime.now(UTC) + ASK_KEPT)})
        self._place.run("put", [self._place.key("ask", job)], [ms(ASK_KEPT), *flat])

    def asked(self, job: str) -> Ask | None:
        found = self._place.fields("ask", job)
        known = {name: found.get(name, "") for name in ("user", "channel", "ts", "view", "url")}
        return Ask(**known) if found else None

    def answered(self, job: str) -> bool:
        """Nobody waits for this any more. Of several bots that say so at once one hears that somebody did until now."""
        waited = self._place.delete("ask", job)
        self._place.drop(job, ASKS)
        return waited

    def waiting(self) -> list[tuple[str, Ask]]:
        """Those not answered yet, by job."""
        found = ((job, self.asked(job)) for job in self._place.members(ASKS))
        return [(job, ask) for job, ask in found if ask]

    def is_hopeless(self, job: str) -> bool:
        """Whether the job became a dead letter: no result will come."""
        with meaning():
            return self._place.client.hget(self._place.job(job), "state") == JobState.DEAD.value.encode()

    def first(self, what: str, now: datetime) -> bool:
        """Whether this is to be done by the caller: of several bots one is told so, once."""
        with meaning():
            return bool(self._place.client.zadd(self._place.key(DONE), {what: ms(now)}, nx=True))

    def undone(self, what: str) -> None:
        """It could not be done: the next one may."""
        self._place.drop(what, DONE)

    def done(self, start: str = "") -> list[str]:
        """What was done, oldest first, as far as its name begins so."""
        return [what for what in self._place.members(DONE) if what.startswith(start)]

    def done_about(self, part: str) -> list[str]:
        """What was done that names this channel or person."""
        return [what for what in self.done() if part in what.split(":")]

    def sweep(self, now: datetime) -> None:
        for what in self._place.members(DONE, high=ms(now - DONE_KEPT)):
            self._place.drop(what, DONE)
        for job in self._place.members(ASKS, high=ms(now)):
            self._place.drop(job, ASKS)

    def erase_all(self) -> None:
        for job, _ in self.waiting():
            self.answered(job)
        self._place.delete(ASKS)
        self._place.delete(DONE)
