"""`python -m worker` and its like: start, refusal to start, signals, leaving."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import wait_until
from worker.connection import check_server


@pytest.fixture
def start(make_process, fleet):
    """Processes that find version "words" committed."""
    return make_process


def test_it_says_when_it_is_ready_and_leaves_no_trace_of_itself_when_stopped(start, fleet):
    worker = start().ready()
    (beat,) = wait_until(lambda: [beat for beat in fleet.workers() if beat.served_gen], "its heartbeat")
    assert (beat.state, beat.version, beat.gen, beat.pid) == ("ready", "words", 1, worker.popen.pid)
    assert worker.stop() == 0
    assert fleet.workers() == []


def test_sigterm_finishes_the_batch_and_gives_the_rest_back_uncounted(start, bot, fleet):
    jobs = bot.send_many(40, text="slow good")
    worker = start(token_budget="64", lease_seconds="30").ready()
    wait_until(bot.collect, "a first result")
    began = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - began < 20
    assert all(row["times_delivered"] == 0 for row in bot.pending()), "the rest does not count as delivered"
    done = len(bot.collect())
    assert 0 < done < 40
    assert bot.left() == 40 - done
    start().ready()
    began = time.monotonic()
    bot.wait_for(jobs)
    assert not bot.dead()


def test_jobs_given_back_are_taken_by_another_worker_within_a_second_or_so(start, bot):
    worker = start(lease_seconds="30", token_budget="64").ready()
    other = start(lease_seconds="30", token_budget="64").ready()
    jobs = bot.send_many(12, text="slow good")
    wait_until(lambda: len(bot.pending()) >= 4, "both reading")
    assert worker.stop() == 0
    stopped = time.monotonic()
    bot.wait_for(jobs)
    # 12 slow batches of 0.3 s at most; a lease would be 30 s.
    assert time.monotonic() - stopped < 10
    other.stop()


def test_a_second_signal_gives_the_batch_back_at_once(start, bot):
    job = bot.send("slow good")
    worker = start("--slow", "8", lease_seconds="30").ready()
    wait_until(lambda: bot.pending(), "the reading")
    time.sleep(0.3)
    began = time.monotonic()
    worker.tell(signal.SIGTERM)
    time.sleep(0.3)
    worker.tell(signal.SIGTERM)
    assert worker.ends() == 0
    assert time.monotonic() - began < 4
    assert [row["times_delivered"] for row in bot.pending()] == [0]
    start().ready()
    assert bot.wait_for([job])[job].label == "positive"


def test_a_model_that_hangs_ends_the_process_and_its_jobs_go_to_others(start, bot):
    job = bot.send("slow good")
    worker = start("--slow", "60").ready()
    assert worker.ends() == 1
    assert "the model hangs" in worker.log.read_text()
    start().ready()
    bot.wait_for([job])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"redis_url": ""}, r"CLF_REDIS_URL is not set"),
        ({"redis_url": "http://somewhere"}, r"CLF_REDIS_URL starts with 'http'"),
        ({"lease_seconds": "soon"}, r"CLF_LEASE_SECONDS can't be used"),
        ({"token_budget": "1"}, r"CLF_TOKEN_BUDGET can't be used"),
        ({"threads": "0"}, r"CLF_THREADS can't be used"),
        ({"runtime": "pickle"}, r"CLF_RUNTIME can't be used"),
        ({"prefix": "a}b"}, r"CLF_PREFIX can't be used"),
        ({"log_level": "loud"}, r"CLF_LOG_LEVEL can't be used"),
        ({"http_port": "99999"}, r"CLF_HTTP_PORT can't be used"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line_and_exit_1(make_process, settings, says):
    worker = make_process(module="worker", **settings)
    assert worker.ends() == 1
    (line,) = worker.lines()
    assert re.match(f"worker: {says}", line)


def test_a_wrong_password_is_one_line_without_the_password_and_before_any_model_is_loaded(make_process, valkey):
    wrong = valkey.worker.replace(":test@", ":hunter2@")
    began = time.monotonic()
    worker = make_process(module="worker", redis_url=wrong)
    assert worker.ends() == 1
    (line,) = worker.lines()
    assert "Redis refuses us" in line
    assert "hunter2" not in line
    assert time.monotonic() - began < 20


def test_a_user_without_the_rights_is_told_so(make_process, valkey):
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "clf-guest", "on", ">test", "~*", "+hello", "+client|setname")
    worker = make_process(module="worker", redis_url=valkey.worker.replace("clf-worker", "clf-guest"))
    assert worker.ends() == 1
    assert "Check user, password and rights" in worker.log.read_text()
    assert "Traceback" not in worker.log.read_text()


def test_a_port_in_use_is_one_line(make_process, fleet):
    first = make_process(http_port="0").ready()
    (line,) = [line for line in first.lines() if "worker ready" in line]
    port = re.search(r'"http_port": (\d+)', line)
    assert port
    second = make_process(module="worker", http_port=port[1])
    assert second.ends() == 1
    assert f"CLF_HTTP_PORT {port[1]} on 127.0.0.1 can't be used" in second.lines()[-1]


def test_it_waits_for_a_redis_that_is_not_there_yet(start, tmp_path):
    worker = start(redis_url=f"unix://{tmp_path}/nobody")
    wait_until(lambda: "no contact with Redis" in worker.log.read_text(), "the complaint", 30)
    time.sleep(1)
    assert worker.popen.poll() is None
    assert worker.log.read_text().count("no contact with Redis") == 1, "said once, not at every try"
    assert worker.stop() == 0


def test_no_log_line_holds_a_text(start, bot):
    jobs = [bot.send("confidential good"), bot.send("confidential raises"), bot.send("")]
    bot.add_raw({"v": "1", "data": '{"text": "confidential"'})
    worker = start(log_level="debug").ready()
    bot.wait_for([jobs[0], jobs[2]])
    wait_until(lambda: len(bot.dead()) == 2, "the dead letters")
    worker.stop()
    assert "confidential" not in worker.log.read_text()
    assert jobs[0] in worker.log.read_text(), "ids are logged"


def test_a_worker_that_only_reads_the_queue_never_imports_tensorflow(start):
    worker = start().ready()
    maps = Path(f"/proc/{worker.popen.pid}/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    assert "tensorflow" not in maps.read_text()


def test_check_server_is_satisfied_by_the_embedded_one(valkey):
    with valkey.client() as client:
        assert check_server(client) >= (7, 0)
