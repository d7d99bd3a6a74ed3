"""`clfadmin status`: the version served, the workers, the queue and the bots, at one moment or again and again."""

import time
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clfadmin import console, shadowing
from clfadmin.options import Home, Json, RedisUrl
from worker.language_names import names_of

if TYPE_CHECKING:
    from clfadmin.settings import Settings
    from worker.fleet import BotBeat, Fleet, Model, QueueStats, WorkerBeat
    from worker.jobs import Keys
    from worker.shadow_book import Shadow

EXAMPLE = "Example: clfadmin status --watch"

# Heartbeats come every 2 s: looking more often shows nothing new.
LOOK_EVERY_SECONDS = 2.0
VOTES_EVERY = 30


@dataclass(frozen=True)
class Judgement:
    """Live honesty: of `cases` judged labels given with `confidence` and more, `right` were; the same in words."""

    confidence: float
    cases: int
    right: int
    words: str


@dataclass(frozen=True)
class Picture:
    """What the fleet said of itself at `now_ms`, the server's clock."""

    model: "Model"
    workers: "list[WorkerBeat]"
    bots: "list[BotBeat]"
    queue: "QueueStats"
    now_ms: int
    shadow: "Shadow | None" = None
    judged: "Judgement | None" = None


def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every 2 s, until Ctrl-C.")] = False,
    json: Json = False,
    home: Home = None,
    redis_url: RedisUrl = None,
) -> None:
    """The version served, who serves it, what waits, and whether Slack is connected."""
    from clfadmin import settings

    if watch and json:
        raise typer.BadParameter("--watch is for people, --json for programs: use one of them.")
    chosen = settings.load(home=home, redis_url=redis_url)
    if watch:
        _watch(chosen)
    elif json:
        console.document(as_document(look(chosen)))
    else:
        show(look(chosen))


def look(settings: "Settings", *, votes: bool = True) -> Picture:
    """Raises BrokerError where there is no broker, QueueError where it does not answer."""
    from contextlib import closing

    from clfadmin.broker import require_url
    from worker.fleet import Fleet
    from worker.jobs import Keys

    url = require_url(settings.home, settings.redis_url.get_secret_value() if settings.redis_url else None)
    keys = Keys(settings.prefix)
    with closing(Fleet(url, keys=keys)) as fleet:
        return replace(picture(fleet), judged=judgement(url, keys) if votes else None)


def judgement(url: str, keys: "Keys") -> Judgement:
    """From all votes of all workspaces."""
    from contextlib import closing

    from clfadmin.memory import Votes, live_honesty

    with closing(Votes(url, keys)) as votes:
        found, words = live_honesty(votes.all())
    return Judgement(found.confidence, found.cases, found.right, words)


def picture(fleet: "Fleet") -> Picture:
    model = fleet.model()
    shadow = shadowing.look(fleet, model.gen)
    return Picture(model, fleet.workers(), fleet.bots(), fleet.stats(), fleet.now_ms(), shadow)


def as_document(seen: Picture) -> dict[str, Any]:
    """The JSON of `status --json`. Ages are seconds, null for what has never been."""
    model = seen.model
    return {
        "active": model.version or None,
        "previous": model.prev_version or None,
        "gen": model.gen,
        "candidate": _candidate(seen),
        "rolled_back": _rolled_back(model),
        "shadow": shadowing.as_document(seen.shadow),
        "judged": asdict(seen.judged) if seen.judged else None,
        "workers": [_worker(beat, seen.now_ms) for beat in seen.workers],
        "queue": asdict(seen.queue),
        "bots": [_bot(beat, seen.now_ms) for beat in seen.bots],
    }


def _candidate(seen: Picture) -> dict[str, Any] | None:
    model = seen.model
    if not model.next_version or model.next_until <= seen.now_ms:
        return None
    return {
        "version": model.next_version,
        "by": model.next_by,
        "seconds_left": _seconds(model.next_until - seen.now_ms),
    }


def _rolled_back(model: "Model") -> dict[str, Any] | None:
    """The version that was taken back last, if nothing was committed since. `why` is null for an operator's wish."""
    if not model.rolled_back_gen or model.rolled_back_gen != model.gen:
        return None
    return {"version": model.rolled_back_from, "by": model.by, "why": model.rolled_back_why or None}


def _worker(beat: "WorkerBeat", now_ms: int) -> dict[str, Any]:
    return {
        "id": beat.id,
        "state": beat.state,
        "version": beat.version or None,
        "runtime": beat.runtime or None,
        "languages": beat.languages.split(),
        "in_flight": beat.in_flight,
        "idle_seconds": _age(beat.last_finished_ms, now_ms),
        "host": beat.host,
        "threads": beat.threads,
        "token_budget": beat.token_budget,
        "candidate": str(beat.candidate) or None,
        "reason": beat.reason or None,
    }


def _bot(beat: "BotBeat", now_ms: int) -> dict[str, Any]:
    return {
        "id": beat.id,
        "mode": beat.mode,
        "connected": beat.connected,
        "last_event_seconds": _age(beat.last_event_ms, now_ms),
        "sockets": beat.sockets,
        "catching_up": beat.catching_up,
        "crowded": beat.crowded,
        "host": beat.host,
        "name": beat.bot_name or None,
        "workspaces": beat.workspaces,
        "channels": beat.channels if beat.channels >= 0 else None,
        "problem": beat.problem or None,
    }


def _age(then_ms: int, now_ms: int) -> float | None:
    return _seconds(now_ms - then_ms) if then_ms else None


def _seconds(span_ms: int) -> float:
    return round(max(span_ms, 0) / 1000, 1)


def show(seen: Picture) -> None:
    """The same for people."""
    found = as_document(seen)
    console.say(_model_line(found))
    if seen.shadow:
        console.say(shadowing.sentence(seen.shadow))
    if seen.judged and seen.judged.cases:
        console.say(f"confidence: {seen.judged.words}")
    queue = seen.queue
    console.say(
        f"queue: {queue.waiting:,} waiting (oldest {_span(queue.oldest_seconds)}), {queue.leased:,} with workers, "
        f"{queue.results:,} waiting for their post, {queue.dead:,} dead letters"
    )
    console.say("")
    _show_workers(found["workers"])
    console.say("")
    _show_bots(found["bots"])


def _model_line(found: dict[str, Any]) -> str:
    if not found["active"]:
        return "version: none yet (the first worker commits what its home serves)"
    line = f"version: {found['active']} (gen {found['gen']}), before it {found['previous'] or 'none'}"
    if languages := sorted({code for worker in found["workers"] for code in worker["languages"]}):
        line += f"; trained for {names_of(languages)}"
    if candidate := found["candidate"]:
        line += f"; candidate {candidate['version']}, for {candidate['seconds_left']:.0f} s more"
    if (taken_back := found["rolled_back"]) and taken_back["why"]:
        line += f"\n{taken_back['version']} was rolled back by {taken_back['by']}: {taken_back['why']}"
    return line


def _show_workers(workers: list[dict[str, Any]]) -> None:
    if not workers:
        console.say("no worker runs: `clfadmin up`, or `python -m worker` on any host")
        return
    columns = ("worker", "state", "version", "runtime", "threads", "tokens a batch", "in flight", "idle")
    rows = [
        (
            worker["id"],
            worker["state"],
            worker["version"] or "",
            worker["runtime"] or "",
            str(worker["threads"]),
            str(worker["token_budget"]),
            str(worker["in_flight"]),
            _span(worker["idle_seconds"]),
        )
        for worker in workers
    ]
    console.table(columns, rows, right=columns[4:])
    for worker in workers:
        if worker["candidate"]:
            console.say(f"{worker['id']}: candidate {worker['candidate']}")
        if worker["reason"]:
            console.say(f"{worker['id']}: {worker['reason']}")


def _show_bots(bots: list[dict[str, Any]]) -> None:
    if not bots:
        console.say("no bot runs: `clfadmin up`, or `python -m bot`")
        return
    columns = ("bot", "mode", "connected", "channels", "sockets", "last event")
    rows = [
        (
            bot["id"],
            bot["mode"],
            "yes" if bot["connected"] else "no",
            "?" if bot["channels"] is None else str(bot["channels"]),
            str(bot["sockets"]) if bot["mode"] == "socket" else "",
            _span(bot["last_event_seconds"], never="none yet"),
        )
        for bot in bots
    ]
    console.table(columns, rows, right=columns[3:])
    for bot in bots:
        if bot["workspaces"] != 1:
            console.say(f"{bot['id']}: in {bot['workspaces']} workspaces, /slack/install adds another")
        if bot["catching_up"]:
            console.say(f"{bot['id']}: reading what was said while it was away")
        if bot["crowded"]:
            channels = "a channel" if bot["crowded"] == 1 else f"{bot['crowded']} channels"
            console.say(f"{bot['id']}: too much to answer one by one in {channels}: reactions or digests there")
        if bot["problem"]:
            console.say(f"{bot['id']}: {bot['problem']}")
    if all(bot["channels"] == 0 for bot in bots):
        from clfadmin.bot_facts import invitation

        console.say(f"It is in no channel yet. {invitation(bots[0]['name'])}")


def _span(seconds: float | None, *, never: str = "-") -> str:
    """A number of seconds as people say it."""
    if seconds is None:
        return never
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.0f} h"


def _watch(settings: "Settings") -> None:
    """Until Ctrl-C, which is how one leaves it. A broker that is away for a moment is no reason to stop."""
    from clfadmin.broker import BrokerError
    from worker.connection import QueueError

    judged: Judgement | None = None
    try:
        for number in count():
            try:
                # All votes are read for it: once a minute is enough.
                seen = look(settings, votes=number % VOTES_EVERY == 0)
                judged = seen.judged or judged
                seen = replace(seen, judged=judged)
            except (BrokerError, QueueError) as error:
                console.note(str(error))
            else:
                console.clear()
                show(seen)
            time.sleep(LOOK_EVERY_SECONDS)
    except KeyboardInterrupt:
        return
