"""F12, F18 and F23: a Slack that misbehaves while we post, a flood of messages, and restarts after long silence."""

import re
import time
from typing import Any

import httpx

from tests.chaos.child import Child
from tests.chaos.ledger import replies_in
from tests.chaos.scene import Row, Scene
from tests.chaos.stage import Stage, Traffic, burst
from tests.waiting import until
from worker.jobs import JobState

# Each strikes one call of chat.postMessage.
FAULTS_OF_SLACK: dict[str, dict[str, Any]] = {
    "429 of 1 s": {"fault": "rate_limited", "seconds": 1},
    "500": {"fault": "server_error"},
    "503 as HTML": {"fault": "html_error"},
    "reset before the post": {"fault": "reset_before"},
    "reset after it": {"fault": "accept_then_drop"},
    "stall": {"fault": "stall", "count": 1},
    "bad JSON": {"fault": "bad_json"},
}
# Longer than the ten seconds the bot waits for an answer: it must look before it posts again.
STALLS, STALLS_QUICK = 12.0, 3.0
# More than this a process may not grow while tens of thousands of messages pass.
GROWS = 150.0


def posting(scene: Scene) -> Row:
    each = scene.of(20, 1)
    row = Row("F12", f"Slack while we post: {', '.join(FAULTS_OF_SLACK)}", each * len(FAULTS_OF_SLACK), target=45.0)
    with scene.play(row) as stage:
        stage.several(1)
        stage.bot().ready()
        for _ in range(each):
            for name, fault in FAULTS_OF_SLACK.items():
                how_long = {"seconds": STALLS_QUICK if scene.quick else STALLS} if name == "stall" else {}
                stage.sandbox.fault(**fault, method="chat.postMessage", **how_long)
                row.recovered(stage.probe())
                stage.sandbox.clear_faults()
    row.note = f"{each} each, one message each; the time is until it was answered"
    return row


def flood(scene: Scene) -> Row:
    """Most are counted with CLF_REPLY=none, where Slack's pace does not matter; the rest is answered."""
    silent, answered = scene.of(48_000, 400), scene.of(2_000, 100)
    row = Row("F18", f"a flood of {silent + answered:,} messages, a queue of {scene.of(1_000, 100)}", 1)
    full, grown = 0, [0.0, 0.0]
    with scene.play(row, settles=600) as stage:
        limit = {"max_queue": scene.of(1_000, 100)}
        worker = stage.several(1)[0]
        bot = stage.bot(**limit, reply="none", http_port=0).ready()
        before = [worker.memory(), bot.memory()]
        # The model is faster than events come: it stands still until the queue is full.
        worker.freeze()
        burst(stage, 3 * limit["max_queue"])
        until(lambda: _found_full(bot), "a full queue", 60)
        worker.wake()
        burst(stage, silent - 3 * limit["max_queue"])
        full = _found_full(bot)
        until(lambda: _unanswered(stage) == 0, "a label for every message", scene.of(3_000, 120), every=scene.of(10, 1))
        row.demand(not _posts(stage), "something was posted although CLF_REPLY is none")
        quiet = {ts for posted in stage.ledger.posted.values() for ts in posted}
        for ts in quiet:
            stage.ledger.expect_silence(ts)
        grown = [worker.memory() - before[0], bot.memory() - before[1]]
        bot.stop()
        stage.bot(**limit).ready()
        burst(stage, answered)
    row.demand(full > 0, "the queue was never full")
    row.demand(
        max(grown) <= GROWS, f"worker and bot grew by {grown[0]:.0f} and {grown[1]:.0f} MB, {GROWS:g} are allowed"
    )
    row.note = (
        f"{silent:,} with CLF_REPLY=none, each done by its job's key; {answered:,} answered; {full:,} events found "
        "the queue full, and history brought their messages; worker and bot grew by "
        f"{grown[0]:.0f} and {grown[1]:.0f} MB"
    )
    return row


def _found_full(bot: Child) -> int:
    """Events that found no room, by the bot's own figures: acknowledged, and left to Slack's history."""
    port = bot.found(r'"port": (\d+)')
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    found = re.search(r'^clf_bot_events_total{outcome="full"} (\S+)$', text, re.MULTILINE)
    return int(float(found[1])) if found else 0


def _unanswered(stage: Stage) -> int:
    """Messages whose job is unknown or not done."""
    with stage.server.client() as client:
        pipe = client.pipeline(transaction=False)
        for one in stage.ledger.ids():
            pipe.hget(stage.keys.job(one), "state")
        return sum(state != JobState.POSTED.value.encode() for state in pipe.execute())


def _posts(stage: Stage) -> int:
    """Replies of any form, and first words said to a room that had heard them already."""
    posts = 0
    for room in stage.ledger.rooms:
        messages = stage.sandbox.messages(room)
        posts += replies_in(messages, room).total()
        posts += max(0, sum("bot_id" in one and "thread_ts" not in one for one in messages) - 1)
    return posts


def quiet(scene: Scene) -> Row:
    """Restarts and reconnects find nothing new to answer, whatever Redis has forgotten meanwhile."""
    trials = scene.of(20, 2)
    row = Row("F23", "restarts and reconnects with expired job keys in quiet channels", 2 * trials)
    with scene.play(row) as stage:
        stage.several(1)
        bot = stage.bot().ready()
        with Traffic(stage.ledger, 20.0):
            time.sleep(scene.of(20, 3))
        stage.ledger.wait(60)
        until(lambda: not stage.left(), "an empty queue", 30)
        before = _posts(stage)
        for _ in range(trials):
            _forget(stage)
            stage.sandbox.fault("disconnect", reason="refresh_requested")
            _after_catch_up(stage, bot)
            _forget(stage)
            bot.stop()
            bot = stage.bot().ready()
            _after_catch_up(stage, bot)
        row.demand(_posts(stage) == before, f"{_posts(stage) - before} posts although nobody wrote")
    row.note = (
        "half of them restarts, half reconnects; job keys and marks are deleted before each. The messages are "
        "of today, so that history is read again: that of older ones would not be"
    )
    return row


def _forget(stage: Stage) -> None:
    """What a day and more without a message does to Redis."""
    with stage.server.client() as client:
        keys = [*client.scan_iter(stage.keys.job("*"), count=1000), stage.keys.marks]
        client.delete(*keys)


def _after_catch_up(stage: Stage, bot: Child) -> None:
    """History was read to its end: every channel's mark is there again, and what was queued is done."""
    rooms = len(stage.ledger.rooms)

    def done() -> bool:
        with stage.server.client() as client:
            return client.hlen(stage.keys.marks) >= rooms

    until(done, "every channel's mark after catch-up", 60)
    until(lambda: not stage.left(), "an empty queue", 60)
    assert bot.code is None


FAULTS = (posting, flood, quiet)
