"""Our own side of `clfadmin doctor`: Redis, queue, workers, clock, disk. Functions from facts to findings."""

from clfadmin.findings import Facts, Finding, good, problem, unknown, warning

OLDEST_REDIS = (7, 0)
# Slack refuses signatures older than 300 s; a minute is far beyond what any clock service leaves.
MOST_CLOCK_SECONDS = 60.0
LEAST_DISK_BYTES = 1_000_000_000
# Pacing (a post a second and channel) explains a while, not this.
UNREAD_SECONDS = 300.0


def redis(facts: Facts) -> list[Finding]:
    """Reachable, new enough."""
    server = facts.server
    if server is None:
        return problem("redis", facts.no_server, "Start it, or correct CLF_REDIS_URL.")
    if server.version is None:
        return unknown("redis", "its version: INFO is not allowed")
    if server.version < OLDEST_REDIS:
        what = f"Redis is {_dotted(server.version)}, 7.0 or newer is needed"
        return problem("redis", what, "Upgrade it, or use any Valkey.")
    return good(
        "redis", f"Valkey {server.valkey} answers" if server.valkey else f"Redis {_dotted(server.version)} answers"
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def eviction(facts: Facts) -> list[Finding]:
    if facts.server is None:
        return []
    if facts.server.eviction is None:
        return unknown("eviction", "INFO is not allowed")
    if facts.server.eviction != "noeviction":
        what = f"the eviction policy is {facts.server.eviction}: when memory is full, waiting messages are thrown away"
        return problem("eviction", what, "Set maxmemory-policy noeviction.")
    return good("eviction", "noeviction: nothing is thrown away when memory is full")


def persistence(facts: Facts) -> list[Finding]:
    if facts.server is None:
        return []
    if facts.server.append_only is None:
        return unknown("persistence", "INFO is not allowed")
    if not facts.server.append_only:
        what = "there is no append-only file: what waits is lost when Redis stops"
        return warning("persistence", what, "Set appendonly yes, and appendfsync always or everysec.")
    return good("persistence", "an append-only file is written")


def clocks(facts: Facts) -> list[Finding]:
    known: dict[str, float] = {}
    if facts.slack and facts.slack.clock_ahead_seconds is not None:
        known["Slack"] = facts.slack.clock_ahead_seconds
    if facts.server:
        known["Redis"] = facts.server.clock_ahead_seconds
    if not known:
        return unknown("clock", "nobody to compare with")
    wrong = [
        f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {who}"
        for who, seconds in known.items()
        if abs(seconds) > MOST_CLOCK_SECONDS
    ]
    if wrong:
        remedy = "Let the system keep the time (chrony, systemd-timesyncd): Slack's signatures are good for 5 minutes."
        return problem("clock", f"this host's clock is {' and '.join(wrong)}", remedy)
    return good("clock", f"agrees with {' and '.join(known)}")


def workers(facts: Facts) -> list[Finding]:
    """Running, and able to serve what the fleet shall serve."""
    if facts.server is None:
        return []
    if not facts.workers:
        return problem("workers", "no worker runs", "Start `clfadmin up`, or `python -m worker`.")
    lacking = [beat for beat in facts.workers if beat.code == "missing"]
    if lacking:
        names = ", ".join(f"{beat.host} ({beat.id})" for beat in lacking)
        version = facts.model.next_version or facts.model.version
        remedy = f"Bring it there: clfadmin models export {version} FILE, and clfadmin models import FILE on that host."
        return problem("workers", f"version {version} is missing on {names}", remedy)
    failing = [beat for beat in facts.workers if beat.reason]
    if failing:
        what = "; ".join(f"{beat.id}: {beat.reason}" for beat in failing)
        return problem("workers", what, "`clfadmin status` shows who serves what; `clfadmin swap-model` changes it.")
    behind = [beat.id for beat in facts.workers if beat.version != facts.model.version]
    if behind:
        what = f"{', '.join(behind)} do not serve {facts.model.version} yet"
        return warning("workers", what, "They load it now, or their logs say why not.")
    return good("workers", f"{len(facts.workers)} serving {facts.model.version}")


def orphans(facts: Facts) -> list[Finding]:
    if facts.queue is None:
        return []
    lost = {name: number for name, number in facts.queue.orphans.items() if number}
    if lost:
        what = f"no reader will ever get {' and '.join(f'{number} of {name}' for name, number in lost.items())}"
        return problem("orphans", what, "Bring them back: clfadmin doctor --bring-back.")
    return good("orphans", "every entry waits for a reader or is with one")


def dead_letters(facts: Facts) -> list[Finding]:
    if facts.queue is None:
        return []
    count = facts.queue.stats.dead
    if count:
        why = ", ".join(f"{reason}: {number}" for reason, number in sorted(facts.queue.dead.items()))
        remedy = "Mend the cause; docs/operations.md, Dead letters, says how to look at them. They go after 7 days."
        return warning("dead letters", f"{count:,} messages were given up ({why})", remedy)
    return good("dead letters", "none")


def unread(facts: Facts) -> list[Finding]:
    """Results that nobody posts."""
    queue = facts.queue
    if queue is None:
        return []
    waiting = queue.stats.results
    if waiting and not facts.bots:
        return problem("results", f"{waiting:,} results wait, and no bot posts them", "Start `python -m bot`.")
    if waiting and queue.oldest_result_seconds > UNREAD_SECONDS:
        what = f"{waiting:,} results wait for their post, the oldest for {queue.oldest_result_seconds / 60:.0f} min"
        remedy = "Slack takes one post a second and channel. If the number does not fall, see the bot's log."
        return warning("results", what, remedy)
    return good("results", f"{waiting:,} wait for their post" if waiting else "all are posted")


def disk(facts: Facts) -> list[Finding]:
    free = facts.disk_free_bytes
    if free is None:
        return unknown("disk", f"{facts.home} cannot be read")
    if free < LEAST_DISK_BYTES:
        what = f"{free / 1e9:.2f} GB are free for {facts.home}: the queue's file and new versions need room"
        return problem("disk", what, "Free 1 GB, or move CLF_HOME. `clfadmin models remove` deletes old versions.")
    return good("disk", f"{free / 1e9:,.0f} GB free")


QUEUE_CHECKS = (redis, eviction, persistence, workers, unread, orphans, dead_letters, clocks, disk)
