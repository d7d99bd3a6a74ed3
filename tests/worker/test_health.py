"""/healthz, /readyz and /metrics."""

import re
import urllib.error
import urllib.request

from tests.conftest import wait_until
from tests.worker.keyword_model import words
from worker.loading import LoadFailed


def get(worker, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.service.health.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_worker_is_ready_once_its_model_is_loaded_and_alive_before(make_worker):
    def late(name, sha256):
        if not allowed:
            raise LoadFailed("missing", "not yet")
        return words()(name, sha256)

    allowed = []
    worker = make_worker(load=late, http_port=0)
    wait_until(lambda: worker.service.health, "the port")
    wait_until(lambda: worker.service.slot.report().code, "the failure")
    assert get(worker, "/healthz") == (200, "ok\n")
    assert get(worker, "/readyz") == (503, "no model loaded yet\n")
    allowed.append(True)
    worker.service.slot._failed.clear()
    worker.ready()
    assert get(worker, "/readyz") == (200, "ok\n")
    assert get(worker, "/nothing")[0] == 404


def test_a_loop_that_stands_still_is_not_alive(make_worker, monkeypatch):
    worker = make_worker(http_port=0).ready()
    monkeypatch.setattr("worker.service.STUCK_SECONDS", -1.0)
    assert get(worker, "/healthz") == (503, "the loop is stuck\n")


def test_a_part_that_crashes_takes_the_worker_with_it_and_its_log_does_not_quote_the_error(
    make_worker, monkeypatch, capsys
):
    def crash():
        raise KeyError("a confidential text")

    worker = make_worker().ready()
    monkeypatch.setattr(worker.service.loop, "turn", crash)
    wait_until(lambda: worker.code is not None, "the end")
    assert worker.code == 1
    said = capsys.readouterr().out
    assert "KeyError" in said
    assert "in crash" in said, "where it happened"
    assert said.count("confidential") == 1, "in the line of code alone"


def test_metrics_count_what_was_done(make_worker, bot):
    worker = make_worker(http_port=0).ready()

    def counted(name):
        found = re.findall(rf"^{re.escape(name)} (.*)$", get(worker, "/metrics")[1], re.MULTILINE)
        return float(found[0]) if found else 0.0

    names = (
        'clf_worker_jobs_total{outcome="ok",version="words"}',
        'clf_worker_dead_letters_total{reason="unreadable"}',
    )
    before = [counted(name) for name in names]
    bot.add_raw({"v": "1"})
    bot.wait_for(bot.send_many(3))
    wait_until(bot.dead, "the dead letter")
    wait_until(lambda: [counted(name) for name in names] == [before[0] + 3, before[1] + 1], "the counters")
    assert counted("clf_worker_gen") == 1
    assert counted('clf_worker_candidate{clf_worker_candidate="none"}') == 1
    assert counted('clf_worker_tokens_total{kind="text"}') >= 3 * len(["[CLS]", "word", "[SEP]"])
    assert counted("clf_worker_waited_seconds_count") >= 3
