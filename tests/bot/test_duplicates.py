"""The corner cases D1 to D4 of docs/protocol.md: a message may get a second reply there, and never a third."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from bot.settings import ReplyMode, Settings
from tests.bot.conftest import Bot, Labeller, for_sandbox, result_of, running_bot
from tests.bot.test_crashes import SHORT_LEASE, put_in_queue
from tests.bot.test_main_path import one_reply
from tests.bot.test_posting_faults import results_left
from tests.bot.test_results import add
from tests.conftest import REPOSITORY, Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Job, Keys
from worker.stream import Enqueued, Queue, result_fields


@pytest.mark.parametrize(
    "reading", [{"fault": "history_denied"}, {"fault": "history_lags", "seconds": 60}], ids=["d1", "d4"]
)
def test_d1_d4_a_post_whose_answer_got_lost_is_doubled_when_it_cannot_be_found(
    sandbox: SandboxClient, bot: Bot, labeller: Labeller, reading: dict[str, Any]
):
    """D1: the thread cannot be read. D4: it can, and does not show the post yet."""
    sandbox.fault("accept_then_drop", method="chat.postMessage")
    sandbox.fault(**reading)
    ts = sandbox.post("general", "ada", "great")
    wait_until(lambda: len(sandbox.replies("general", ts)) == 2, "the second reply")
    wait_until(lambda: not bot.tagger.poster.held, "the end of it")
    assert len(sandbox.calls("chat.postMessage")) == 2
    assert sandbox.duplicates() == 1


@pytest.fixture
def frozen_poster(
    sandbox: SandboxClient, labeller: Labeller, make_queue: Callable[..., Queue], valkey: Broker, keys: Keys
) -> Iterator[tuple[str, psutil.Process]]:
    """A message's ts, and a poster that was stopped between its last look at the lease and the send."""
    ts, _ = put_in_queue(sandbox, make_queue(), "great")
    wait_until(lambda: results_left(valkey, keys) == 1, "the result")
    arguments = [valkey.bot, keys.prefix, sandbox.api_url, "frozen before the send"]
    process = subprocess.Popen([sys.executable, "-m", "tests.bot.doomed_poster", *arguments], cwd=REPOSITORY)
    poster = psutil.Process(process.pid)
    wait_until(lambda: poster.status() == psutil.STATUS_STOPPED, "the poster to freeze")
    yield ts, poster
    process.kill()
    process.wait(10)


def test_d2_a_poster_frozen_just_before_the_send_may_be_second(
    sandbox: SandboxClient, settings: Settings, frozen_poster: tuple[str, psutil.Process], valkey: Broker, keys: Keys
):
    ts, poster = frozen_poster
    with running_bot(for_sandbox(settings, sandbox), posting=SHORT_LEASE):
        wait_until(lambda: results_left(valkey, keys) == 0, "another poster")
        assert len(sandbox.replies("general", ts)) == 1
        os.kill(poster.pid, signal.SIGCONT)
        wait_until(lambda: len(sandbox.replies("general", ts)) == 2, "the second reply")
    assert sandbox.duplicates() == 1


def test_d3_a_reply_nobody_can_read_back_is_shown_again_when_redis_lost_that_it_was(
    sandbox: SandboxClient, settings: Settings, labeller: Labeller, valkey: Broker, keys: Keys
):
    """The result is back in the stream, its job's key is not."""

    def seen() -> int:
        return len(sandbox.door("GET", "users/ada/sees")["ephemeral"])

    with running_bot(for_sandbox(settings, sandbox, clf_reply=ReplyMode.EPHEMERAL)):
        sandbox.post("general", "ada", "great")
        wait_until(lambda: seen() == 1 and results_left(valkey, keys) == 0, "the reply")
        forget(valkey, keys, labeller.seen[0])
        add(valkey, keys, result_fields(result_of(labeller.seen[0]).encode()))
        wait_until(lambda: seen() == 2 and results_left(valkey, keys) == 0, "the second reply")


def test_d3_an_event_slack_sends_again_is_answered_again_when_redis_lost_the_first(
    sandbox: SandboxClient,
    bot: Bot,
    labeller: Labeller,
    make_queue: Callable[..., Queue],
    valkey: Broker,
    keys: Keys,
):
    ts = sandbox.post("general", "ada", "great")
    one_reply(sandbox, "general", ts)
    wait_until(lambda: results_left(valkey, keys) == 0, "the end of it")
    forget(valkey, keys, labeller.seen[0])
    assert make_queue().enqueue(labeller.seen[0], limit=10) is Enqueued.OK
    wait_until(lambda: len(sandbox.replies("general", ts)) == 2, "the second reply")
    assert sandbox.duplicates() == 1


def forget(broker: Broker, keys: Keys, job: Job) -> None:
    with broker.client() as client:
        client.delete(keys.job(job.id))
