"""Finds out what `clfadmin doctor` looks at. What cannot be found out stays None, with the reason."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from clfadmin import bot_facts
from clfadmin.bot_facts import BotFailed, SlackFacts
from clfadmin.broker import BrokerError, require_url
from clfadmin.findings import Facts, Queue, Server
from clfadmin.plan import sandbox_environment
from clfadmin.run_all import running_page
from clfadmin.settings import Settings, SlackTokens
from worker.connection import Misconfigured, QueueError, meaning
from worker.fleet import Fleet
from worker.jobs import Keys, StreamName

# Between two looks an entry that was only just finished has gone; an orphan is still there.
LOOK_TWICE_SECONDS = 0.3
STREAMS = (StreamName.JOBS, StreamName.RESULTS)
T = TypeVar("T")


def gather(settings: Settings) -> Facts:
    """Never raises for what is wrong with the installation."""
    slack, no_slack = _slack(settings)
    free = _free_bytes(settings.home)
    outside = Facts(slack=slack, no_slack=no_slack, home=str(settings.home), disk_free_bytes=free)
    try:
        with closing(open_fleet(settings)) as fleet:
            ahead = time.time() - fleet.now_ms() / 1000
            return replace(
                outside,
                server=server(fleet.client, clock_ahead_seconds=ahead),
                queue=queue(fleet),
                model=fleet.model(),
                workers=fleet.workers(),
                bots=fleet.bots(),
            )
    except (BrokerError, QueueError) as error:
        return replace(outside, no_server=str(error))


def open_fleet(settings: Settings) -> Fleet:
    """Raises BrokerError."""
    url = require_url(settings.home, settings.redis_url.get_secret_value() if settings.redis_url else None)
    return Fleet(url, keys=Keys(settings.prefix))


def server(client: Any, *, clock_ahead_seconds: float) -> Server:
    """From INFO, which managed services allow where they forbid CONFIG."""
    about, memory, persistence = (_info(client, part) for part in ("server", "memory", "persistence"))
    version = str(about.get("redis_version", "")).split(".")
    return Server(
        version=(int(version[0]), int(version[1])) if len(version) > 1 else None,
        valkey=str(about.get("valkey_version", "")),
        eviction=memory.get("maxmemory_policy"),
        append_only=bool(persistence["aof_enabled"]) if "aof_enabled" in persistence else None,
        clock_ahead_seconds=clock_ahead_seconds,
    )


def queue(fleet: Fleet) -> Queue | None:
    """None where our rights do not suffice."""
    return _allowed(
        lambda: Queue(
            stats=fleet.stats(),
            oldest_result_seconds=fleet.oldest_seconds(StreamName.RESULTS),
            orphans={name.value: len(orphans(fleet, name)) for name in STREAMS},
            dead=dict(fleet.dead_reasons()),
        )
    )


def orphans(fleet: Fleet, name: StreamName) -> list[str]:
    """Entries no reader will ever get. Raises QueueError."""
    first = set(fleet.orphans(name))
    if not first:
        return []
    time.sleep(LOOK_TWICE_SECONDS)
    return sorted(first & set(fleet.orphans(name)))


def bring_back(settings: Settings) -> int:
    """Hand all orphans to whoever reclaims next; returns how many. Raises BrokerError, QueueError."""
    with closing(open_fleet(settings)) as fleet:
        found = {name: orphans(fleet, name) for name in STREAMS}
        return sum(fleet.bring_back(name, entries) for name, entries in found.items() if entries)


def _slack(settings: Settings) -> tuple[SlackFacts | None, str]:
    # Which port the bot serves is no question for Slack, and `up` decides it.
    environment = {"CLF_HTTP_PORT": "0"} | os.environ
    if not SlackTokens().given:
        page = running_page(settings.home)
        if page is None:
            return None, "no token of Slack's is set in this terminal; set the bot's here too"
        environment = sandbox_environment(page)
    try:
        return bot_facts.check(environment), ""
    except BotFailed as error:
        return None, str(error)


def _info(client: Any, part: str) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        with meaning():
            return client.info(part)

    return _allowed(ask) or {}


def _allowed(ask: Callable[[], T]) -> T | None:
    """None where the server says that we may not."""
    try:
        return ask()
    except Misconfigured:
        return None


def _free_bytes(home: Path) -> int | None:
    # A home that will be made on first use lies where its nearest parent does.
    there = next((path for path in (home, *home.parents) if path.exists()), None)
    try:
        return shutil.disk_usage(there).free if there else None
    except OSError:
        return None
