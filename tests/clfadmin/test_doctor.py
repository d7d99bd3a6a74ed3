"""doctor: each thing that may be wrong is named with its remedy, and nothing else is."""

from dataclasses import replace

import pytest

from clfadmin.bot_facts import SlackFacts
from clfadmin.findings import Facts, Finding, Queue, Server, State
from clfadmin.queue_checks import QUEUE_CHECKS
from clfadmin.slack_checks import SLACK_CHECKS
from worker.fleet import BotBeat, Model, QueueStats, WorkerBeat

SLACK = SlackFacts(
    mode="socket",
    bot_kind="bot",
    app_kind="app",
    team="Team",
    bot_name="sentiment",
    missing_scopes=(),
    channels=3,
    clock_ahead_seconds=0.4,
)
SERVER = Server(version=(7, 2), eviction="noeviction", append_only=True)
IDLE = QueueStats(waiting=0, leased=0, results=0, dead=0, oldest_seconds=0)
WORKER = WorkerBeat(id="w1", host="one", pid=7, version="v1", gen=1, state="ready", runtime="keras")
BOT = BotBeat(
    id="b1", host="one", pid=8, mode="socket", connected=True, sockets=1, app="A1", channels=3, last_event_ms=5
)
HEALTHY = Facts(
    slack=SLACK,
    server=SERVER,
    queue=Queue(stats=IDLE),
    model=Model(gen=1, version="v1"),
    workers=[WORKER],
    bots=[BOT],
    disk_free_bytes=50_000_000_000,
    home="/home/clf",
)


def examine(facts: Facts) -> list[Finding]:
    return [finding for check in (*SLACK_CHECKS, *QUEUE_CHECKS) for finding in check(facts)]


def only(facts: Facts, state: State) -> Finding:
    """The one finding of that state; everything else is well."""
    wrong = [finding for finding in examine(facts) if finding.state is not State.OK]
    assert [finding.state for finding in wrong] == [state], wrong
    return wrong[0]


def test_a_healthy_installation_has_nothing_to_mend():
    found = examine(HEALTHY)
    assert {finding.state for finding in found} == {State.OK}
    assert len(found) == 16


def test_a_missing_scope_is_named():
    slack = replace(SLACK, missing_scopes=("channels:history", "reactions:write"))
    finding = only(replace(HEALTHY, slack=slack), State.PROBLEM)
    assert finding.what == "the bot token lacks channels:history, reactions:write"
    assert "clfadmin slack manifest" in finding.remedy
    assert "reinstall" in finding.remedy


@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        ({"bot_kind": "user"}, "SLACK_BOT_TOKEN is the wrong kind of token (user), a bot token is needed"),
        ({"bot_kind": "app"}, "SLACK_BOT_TOKEN is the wrong kind of token (app), a bot token is needed"),
        ({"app_kind": "bot"}, "SLACK_APP_TOKEN is the wrong kind of token (bot), an app-level token is needed"),
        ({"bot_kind": "missing"}, "SLACK_BOT_TOKEN is not set, a bot token is needed"),
    ],
)
def test_a_wrong_kind_of_token_is_named_with_the_place_of_the_right_one(kinds: dict[str, str], named: str):
    slack = replace(SLACK, mode=None, mode_error="it must start with xoxb-", **kinds)
    finding = only(replace(HEALTHY, slack=slack), State.PROBLEM)
    assert finding.what == named
    assert "Slack's app settings" in finding.remedy


def test_a_refused_token_is_named():
    finding = only(replace(HEALTHY, slack=replace(SLACK, auth_error="token_revoked")), State.PROBLEM)
    assert finding.what == "Slack refuses SLACK_BOT_TOKEN: token_revoked"


def test_socket_mode_switched_off_is_named():
    finding = only(replace(HEALTHY, slack=replace(SLACK, app_error="socket_mode_not_enabled")), State.PROBLEM)
    assert finding.check == "socket mode"
    assert finding.remedy == "Switch it on: Slack's app settings, Socket Mode."


def test_an_app_token_without_its_scope_is_named():
    finding = only(replace(HEALTHY, slack=replace(SLACK, app_error="missing_scope")), State.PROBLEM)
    assert "connections:write" in finding.remedy


def test_a_slack_out_of_reach_is_no_verdict_on_the_token():
    slack = replace(SLACK, auth_error="URLError", auth_passing=True)
    finding = only(replace(HEALTHY, slack=slack), State.UNKNOWN)
    assert finding.what == "could not be checked: Slack does not answer (URLError)"


def test_a_bot_in_no_channel_is_told_how_to_invite_it():
    bots, slack = [replace(BOT, channels=0)], replace(SLACK, channels=0)
    finding = only(replace(HEALTHY, bots=bots, slack=slack), State.WARNING)
    assert finding.what == "the bot is in no channel"
    assert "/invite @sentiment" in finding.remedy


def test_no_event_seen_points_at_the_subscriptions():
    finding = only(replace(HEALTHY, bots=[replace(BOT, last_event_ms=0)]), State.WARNING)
    assert finding.what == "no event has come from Slack since the bot started"
    assert "Event Subscriptions" in finding.remedy


def test_another_eviction_policy_is_named():
    finding = only(replace(HEALTHY, server=replace(SERVER, eviction="allkeys-lru")), State.PROBLEM)
    assert "allkeys-lru" in finding.what
    assert finding.remedy == "Set maxmemory-policy noeviction."


def test_a_redis_without_an_append_only_file_is_named():
    finding = only(replace(HEALTHY, server=replace(SERVER, append_only=False)), State.WARNING)
    assert "lost when Redis stops" in finding.what
    assert "appendonly yes" in finding.remedy


def test_a_redis_older_than_seven_is_named():
    finding = only(replace(HEALTHY, server=replace(SERVER, version=(6, 2))), State.PROBLEM)
    assert finding.what == "Redis is 6.2, 7.0 or newer is needed"
    assert "Valkey" in finding.remedy


@pytest.mark.parametrize("seconds", [61.0, -3600.0])
def test_a_clock_off_by_more_than_a_minute_is_named(seconds: float):
    behind = replace(SLACK, clock_ahead_seconds=seconds)
    assert "of Slack" in only(replace(HEALTHY, slack=behind), State.PROBLEM).what.replace("behind", "of")
    finding = only(replace(HEALTHY, server=replace(SERVER, clock_ahead_seconds=seconds)), State.PROBLEM)
    assert "Redis" in finding.what
    assert "chrony" in finding.remedy


def test_a_clock_off_by_less_is_well():
    assert {one.state for one in examine(replace(HEALTHY, slack=replace(SLACK, clock_ahead_seconds=59)))} == {State.OK}


def test_a_version_missing_on_a_worker_names_the_host_and_the_way_there():
    lacking = replace(WORKER, id="w2", host="two", version="", code="missing", reason="no version v1 here")
    finding = only(replace(HEALTHY, workers=[WORKER, lacking]), State.PROBLEM)
    assert finding.what == "version v1 is missing on two (w2)"
    assert "clfadmin models import" in finding.remedy


def test_a_worker_that_cannot_load_its_version_says_why():
    damaged = replace(WORKER, code="sha256", reason="weights.safetensors is damaged")
    finding = only(replace(HEALTHY, workers=[damaged]), State.PROBLEM)
    assert finding.what == "w1: weights.safetensors is damaged"


def test_less_than_a_gigabyte_of_disk_is_named():
    finding = only(replace(HEALTHY, disk_free_bytes=400_000_000), State.PROBLEM)
    assert finding.what.startswith("0.40 GB are free for /home/clf")
    assert "clfadmin models remove" in finding.remedy


def test_orphaned_entries_are_named():
    queue = Queue(stats=IDLE, orphans={"jobs": 2, "results": 0})
    finding = only(replace(HEALTHY, queue=queue), State.PROBLEM)
    assert finding.what == "no reader will ever get 2 of jobs"
    assert finding.remedy == "Bring them back: clfadmin doctor --bring-back."


def test_dead_letters_are_counted_by_reason():
    queue = Queue(stats=replace(IDLE, dead=3), dead={"unreadable": 1, "delivered too often": 2})
    finding = only(replace(HEALTHY, queue=queue), State.WARNING)
    assert finding.what == "3 messages were given up (delivered too often: 2, unreadable: 1)"


def test_results_nobody_posts_are_named():
    waiting = Queue(stats=replace(IDLE, results=40), oldest_result_seconds=600)
    finding = only(replace(HEALTHY, queue=waiting), State.WARNING)
    assert finding.what == "40 results wait for their post, the oldest for 10 min"
    without = [one for one in examine(replace(HEALTHY, queue=waiting, bots=[])) if one.check == "results"]
    assert without[0].state is State.PROBLEM
    assert without[0].remedy == "Start `python -m bot`."


def test_results_that_are_only_paced_are_well():
    paced = Queue(stats=replace(IDLE, results=40), oldest_result_seconds=30)
    assert {finding.state for finding in examine(replace(HEALTHY, queue=paced))} == {State.OK}


def test_two_environments_on_one_app_token_are_named():
    finding = only(replace(HEALTHY, bots=[replace(BOT, sockets=3), replace(BOT, id="b2", sockets=2)]), State.WARNING)
    assert finding.what == "Slack counted 3 sockets of the app, 2 belong to bots of this queue"
    assert "give each its own app" in finding.remedy


def test_what_a_managed_redis_forbids_is_not_guessed():
    states = {one.check: one.state for one in examine(replace(HEALTHY, server=Server()))}
    assert {states["redis"], states["eviction"], states["persistence"]} == {State.UNKNOWN}


def test_without_a_broker_only_that_is_a_problem_of_ours():
    facts = Facts(slack=SLACK, no_server="No broker answers for /home/clf.", disk_free_bytes=50_000_000_000)
    finding = only(facts, State.PROBLEM)
    assert finding.what == "No broker answers for /home/clf."


def test_without_tokens_slack_is_said_to_be_unchecked():
    states = {one.check: one.state for one in examine(replace(HEALTHY, slack=None, no_slack="no token is set"))}
    assert states["tokens"] is states["scopes"] is State.UNKNOWN
