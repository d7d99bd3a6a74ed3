"""The worker's rows of the crash matrix in docs/protocol.md, with real processes that really die.

Each test counts lost and duplicate results on the bot's side.
"""

import json
import os
import signal

import pytest

from tests.conftest import wait_until
from worker.jobs import StreamName
from worker.stream import Queue

pytestmark = pytest.mark.usefixtures("fleet")


@pytest.mark.parametrize("point", ["read", "encoded", "predicted"])
def test_row_5_jobs_of_a_worker_that_dies_before_finish_are_answered_by_the_next(bot, make_process, point):
    jobs = bot.send_many(30)
    doomed = make_process("--dies-after", point)
    assert doomed.ends() == -signal.SIGKILL
    assert bot.left() == 30, "nothing was handed on"
    make_process()
    bot.wait_for(jobs)
    assert bot.left() == 0


def test_row_6_a_worker_that_dies_right_after_finish_has_answered_that_batch_and_no_more(bot, make_process):
    jobs = bot.send_many(30)
    assert make_process("--dies-after", "finished", token_budget="64").ends() == -signal.SIGKILL
    answered = len(bot.collect())
    assert 0 < answered < 30
    assert bot.left() == 30 - answered
    make_process()
    bot.wait_for(jobs)


def test_row_6_a_finish_whose_answer_got_lost_is_sent_again_and_changes_nothing(bot, make_worker, monkeypatch):
    """The script ran, its reply did not arrive: the worker sends the same again and is told it owns nothing."""
    real, lost = Queue.finish, []

    def finish_then_lose_the_answer(queue, finished, *, into):
        answers = real(queue, finished, into=into)
        if into is StreamName.RESULTS and not lost:
            from worker.connection import Unavailable

            lost.append(answers)
            raise Unavailable("connection reset")
        return answers

    monkeypatch.setattr(Queue, "finish", finish_then_lose_the_answer)
    jobs = bot.send_many(10)
    make_worker()
    bot.wait_for(jobs)
    assert lost
    assert bot.left() == 0


def test_row_7_a_worker_frozen_beyond_its_lease_wakes_up_fenced(bot, make_process):
    jobs = [bot.send("slow good"), *bot.send_many(5)]
    frozen = make_process()
    wait_until(lambda: len(bot.pending()) == 6, "the reading", 60)
    frozen.tell(signal.SIGSTOP)
    other = make_process().ready()
    bot.wait_for(jobs)
    frozen.tell(signal.SIGCONT)
    wait_until(
        lambda: "no longer ours" in frozen.log.read_text() or "leases lost" in frozen.log.read_text(), "the fence"
    )
    later = bot.send("great")
    bot.wait_for([*jobs, later])
    assert frozen.stop() == 0
    assert other.stop() == 0


def test_row_8_a_text_that_kills_the_process_is_dead_after_three_deliveries_and_its_neighbours_are_answered(
    bot, make_process
):
    jobs = bot.send_many(10)
    killer = bot.send("this kills")
    jobs += bot.send_many(10, text="awful")
    killed = 0
    while not bot.dead():
        assert killed < 4, "more than three deliveries"
        worker = make_process()
        wait_until(lambda one=worker: one.popen.poll() is not None or bot.dead(), "death or dead letter", 60)
        killed += worker.popen.poll() == -signal.SIGKILL
    bot.wait_for(jobs)
    (letter,) = bot.dead()
    assert (json.loads(letter["data"])["id"], letter["reason"]) == (killer, "delivered too often")
    assert killed == 3
    assert bot.left() == 0


def test_row_8_while_a_suspect_is_run_nothing_else_is_held(bot, make_process):
    """Or one bad text would drag the counters of its neighbours up with its own."""
    bot.send("this kills")
    jobs = bot.send_many(5)
    first = make_process()
    assert first.ends() == -signal.SIGKILL
    second = make_process()
    assert second.ends() == -signal.SIGKILL
    counts = {row["times_delivered"] for row in bot.pending()}
    assert counts <= {1, 2}
    assert [row["times_delivered"] for row in bot.pending()].count(2) <= 1
    third, fourth = make_process(), None
    assert third.ends() == -signal.SIGKILL
    fourth = make_process()
    bot.wait_for(jobs)
    assert len(wait_until(bot.dead, "the dead letter")) == 1
    fourth.stop()


def test_three_workers_killed_again_and_again_lose_nothing(bot, make_process):
    """A short form of the long run: 3 kills under 1 000 jobs."""
    jobs = bot.send_many(1000, text="good build")
    workers = [make_process(token_budget="128").ready() for _ in range(3)]
    for victim in workers:
        wait_until(lambda: bot.collect(), "progress")
        os.kill(victim.popen.pid, signal.SIGKILL)
        victim.ends()
        make_process()
    bot.wait_for(jobs, seconds=60)
    assert not bot.dead()
