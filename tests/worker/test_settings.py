"""Each setting has an effect that can be seen."""

import time
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest

from classifier.cpu import cores
from tests.conftest import REPOSITORY, wait_until
from tests.worker.keyword_model import SHA
from worker.fleet import Fleet
from worker.jobs import Keys
from worker.renewer import Held
from worker.settings import Settings, SettingsError, load

URL = "redis://user:hunter2@127.0.0.1:1/0"


@pytest.fixture
def environment(monkeypatch):
    """environment(CLF_X=...) loads the settings from these variables alone."""
    import os

    for name in [name for name in os.environ if name.startswith("CLF_")]:
        monkeypatch.delenv(name)

    def loaded(**variables: str) -> Settings:
        for name, value in ({"CLF_REDIS_URL": URL} | variables).items():
            monkeypatch.setenv(name, value)
        return load()

    return loaded


def test_only_the_url_has_to_be_given(environment):
    settings = environment()
    assert settings.home.name == "clf"
    assert (settings.prefix, settings.runtime, settings.bind, settings.http_port) == ("clf", "auto", "127.0.0.1", None)
    assert settings.lease == timedelta(seconds=30)
    assert settings.cores == cores()


def test_empty_means_not_given(environment):
    assert environment(CLF_THREADS="", CLF_HTTP_PORT="", CLF_LOG_FORMAT="").http_port is None


def test_a_home_may_begin_with_a_tilde(environment):
    assert environment(CLF_HOME="~/somewhere").home == Path.home() / "somewhere"


def test_the_url_is_shown_nowhere(environment):
    assert "hunter2" not in repr(environment())
    with pytest.raises(SettingsError) as refused:
        environment(CLF_THREADS="hunter2")
    assert "hunter2" not in str(refused.value)


def test_the_prefix_keeps_installations_on_one_redis_apart(make_worker, bot, valkey):
    other = Fleet(valkey.admin, keys=Keys(bot.keys.prefix + "x"))
    other.adopt(gen=1, by="test", version="words", sha256=SHA)
    stranger = make_worker(prefix=other.keys.prefix).ready()
    bot.send("good")
    time.sleep(1)
    assert bot.left() == 1
    make_worker()
    wait_until(lambda: bot.left() == 0, "its own worker")
    stranger.stop()
    other.close()
    for key in bot.client.scan_iter(f"{{{bot.keys.prefix}x}}:*"):
        bot.client.delete(key)


def test_threads_and_budget_are_told_to_the_fleet(make_worker, fleet):
    make_worker(threads=3, token_budget=777).ready()
    (beat,) = wait_until(lambda: fleet.workers(), "the heartbeat")
    assert (beat.threads, beat.token_budget) == (3, 777)


def test_bind_chooses_the_address(make_worker):
    worker = make_worker(http_port=0, bind="127.0.0.2").ready()
    port = worker.service.health.port
    with urllib.request.urlopen(f"http://127.0.0.2:{port}/healthz", timeout=5) as answer:
        assert answer.status == 200
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)


def test_the_lease_decides_how_often_it_is_renewed_and_when_a_batch_is_given_up():
    now = [0.0]
    held = Held(clock=lambda: now[0])
    with held.batch():
        now[0] = 10.1
        assert held.batch_older_than(timedelta(seconds=30) / 3)
        assert not held.batch_older_than(timedelta(seconds=60) / 3)
    assert not held.batch_older_than(timedelta(0))


def test_of_two_batches_at_work_the_older_one_counts_and_neither_ends_the_other():
    now = [0.0]
    held = Held(clock=lambda: now[0])
    with held.batch():
        now[0] = 8.0
        with held.batch():
            now[0] = 10.1
            assert held.batch_older_than(timedelta(seconds=10))
        assert held.busy()
        assert held.batch_older_than(timedelta(seconds=10))
    assert not held.busy()


def test_no_other_file_of_the_worker_reads_the_environment():
    for path in (REPOSITORY / "worker").glob("*.py"):
        if path.name != "settings.py":
            assert "os.environ" not in path.read_text(), path
