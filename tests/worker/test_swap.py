"""Swaps under traffic, with several workers in this process and the operator's own code. Jobs are counted."""

import threading
import time
from collections import Counter
from datetime import timedelta

import pytest

from clfadmin.swapping import State, Swap
from tests.conftest import wait_until
from tests.worker.conftest import Traffic
from tests.worker.keyword_model import SHA, KeywordPredictor, load_words, words
from worker import fleet as fleet_module
from worker.fleet import Fleet

OTHER = "1" * 64
TIMEOUT = timedelta(seconds=20)


@pytest.fixture
def operator(valkey, keys):
    """operator() is one run of the command; each has its own connection."""
    fleets: list[Fleet] = []

    def make(timeout: timedelta = TIMEOUT) -> Swap:
        fleets.append(Fleet(valkey.admin, keys=keys))
        return Swap(fleets[-1], timeout=timeout, watch=lambda rows: None)

    yield make
    for one in fleets:
        one.close()


def same_scores(result, *, sharp: bool) -> bool:
    predictor = KeywordPredictor(sharp=sharp)
    return result.scores == predictor.predict(predictor.encode(["good build"]))[0].scores


def test_every_message_sent_during_a_swap_is_answered_once_and_by_one_version(bot, make_worker, operator):
    for _ in range(3):
        make_worker().ready()
    with Traffic(bot) as traffic:
        outcome = operator().to("words-b", OTHER)
        wait_until(lambda: any(result.version == "words-b" for result in bot.collect()), "an answer of the new version")
        results = traffic.stop()
    assert outcome.state is State.ACTIVE
    assert [row.state for row in outcome.workers.values()] == ["active"] * 3
    by_version = Counter(result.version for result in results.values())
    assert by_version.keys() == {"words", "words-b"}
    for result in results.values():
        assert result.gen == {"words": 1, "words-b": 2}[result.version]
        assert same_scores(result, sharp=result.version == "words-b"), "label and version are of one model"


def test_no_job_that_began_after_the_command_ended_is_answered_by_the_old_version(bot, make_worker, operator):
    for _ in range(2):
        make_worker().ready()
    operator().to("words-b", OTHER)
    results = bot.wait_for(bot.send_many(50))
    assert {result.version for result in results.values()} == {"words-b"}


def test_without_traffic_the_canary_texts_are_the_first_batch(bot, make_worker, operator):
    predictor = KeywordPredictor(sharp=True)
    make_worker(load=load_words(words=KeywordPredictor, words_b=lambda: predictor)).ready()
    before = len(predictor.batches)
    assert operator().to("words-b", OTHER).state is State.ACTIVE
    assert len(predictor.batches) > before


def test_ten_swaps_and_rollbacks_under_load_lose_nothing(bot, make_worker, operator):
    for _ in range(2):
        make_worker().ready()
    with Traffic(bot) as traffic:
        for number in range(5):
            version, sha256 = (("words-b", OTHER), ("words", SHA))[number % 2]
            assert operator().to(version, sha256).state is State.ACTIVE
            assert operator().back().state is State.ACTIVE
            assert operator().to(version, sha256).state is State.ACTIVE
        results = traffic.stop()
    assert {result.version for result in results.values()} == {"words", "words-b"}


def test_a_rollback_returns_to_the_version_before_and_back_again(make_worker, operator, fleet):
    make_worker().ready()
    operator().to("words-b", OTHER)
    back = operator().back()
    assert (back.before, back.to, back.state) == ("words-b", "words", State.ACTIVE)
    again = operator().back()
    assert (again.before, again.to) == ("words", "words-b")
    assert fleet.model().gen == 4


def test_one_worker_that_refuses_stops_the_swap_and_all_go_on_with_the_old_version(bot, make_worker, operator, fleet):
    make_worker().ready()
    make_worker(load=words()).ready()
    outcome = operator().to("broken", OTHER)
    assert outcome.state is State.REFUSED
    assert "sha256" in outcome.reason
    assert {row.state for row in outcome.workers.values()} >= {"failed"}
    job = bot.send("good")
    assert bot.wait_for([job])[job].version == "words"
    assert fleet.model().gen == 1
    assert not fleet.model().next_version, "the proposal is taken back"


def test_a_version_missing_on_one_host_aborts_and_names_the_host(make_worker, operator):
    make_worker().ready()
    lacking = make_worker(load=load_words(words=KeywordPredictor)).ready()
    outcome = operator().to("words-b", OTHER)
    assert outcome.state is State.ABORTED
    assert "missing" in outcome.reason
    assert lacking.service.host in outcome.reason
    assert outcome.workers[lacking.service.name].state == "failed"


def test_a_worker_that_does_not_get_ready_in_time_aborts(make_worker, operator, fleet):
    gate = threading.Event()

    def load(name, sha256):
        if name == "words-b":
            gate.wait(10)
        return words()(name, sha256)

    make_worker(load=load).ready()
    outcome = operator(timedelta(seconds=3)).to("words-b", OTHER)
    gate.set()
    assert outcome.state is State.ABORTED
    assert "Not ready within 3 s" in outcome.reason
    assert fleet.model().gen == 1


def test_of_two_operators_one_gets_conflict_and_the_other_the_fleet(make_worker, operator, fleet):
    make_worker().ready()
    swaps, outcomes = [operator(), operator()], {}

    def run(number):
        outcomes[number] = swaps[number].to("words-b", OTHER)

    threads = [threading.Thread(target=run, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.state for outcome in outcomes.values()) == [State.ACTIVE, State.CONFLICT]
    assert fleet.model().gen == 2


def test_row_14_an_operator_who_vanishes_before_the_commit_changes_nothing_and_blocks_nobody_for_long(
    bot, make_worker, operator, fleet, monkeypatch
):
    monkeypatch.setattr(fleet_module, "CANDIDATE_TTL", timedelta(seconds=1.5))
    make_worker().ready()
    assert fleet.propose(gen=1, by="killed", version="words-b", sha256=OTHER)
    wait_until(lambda: fleet.workers()[0].candidate == "prepared", "preparation")
    assert operator().to("words-b", OTHER).state is State.CONFLICT, "while the proposal lives"
    wait_until(lambda: not fleet.workers()[0].candidate, "the candidate being dropped")
    job = bot.send("good")
    assert bot.wait_for([job])[job].version == "words"
    monkeypatch.undo()
    assert operator().to("words-b", OTHER).state is State.ACTIVE


def test_row_14_a_worker_that_vanishes_during_a_swap_does_not_stop_it(make_worker, make_process, operator, fleet):
    make_worker().ready()
    victim = make_process().ready()
    wait_until(lambda: len(fleet.workers()) == 2, "two workers")
    swap = operator()
    thread = threading.Thread(target=lambda: outcomes.append(swap.to("words-b", OTHER)))
    outcomes = []
    victim.popen.kill()
    thread.start()
    thread.join(30)
    assert outcomes
    assert outcomes[0].state is State.ACTIVE, "after three missed beats it no longer counts"
    assert len(outcomes[0].workers) == 1


def test_a_worker_that_joins_in_the_middle_of_a_swap_ends_on_the_new_version(bot, make_worker, operator, fleet):
    make_worker().ready()
    outcomes = []
    with Traffic(bot) as traffic:
        thread = threading.Thread(target=lambda: outcomes.append(operator().to("words-b", OTHER)))
        thread.start()
        wait_until(lambda: fleet.model().next_version, "the proposal")
        joined = make_worker()
        thread.join(30)
        joined.ready()
        assert outcomes[0].state is State.ACTIVE
        wait_until(lambda: {beat.served_gen for beat in fleet.workers()} == {2}, "one gen everywhere")
        traffic.stop()


def test_a_worker_that_starts_after_a_swap_serves_what_was_committed(bot, make_worker, operator):
    first = make_worker().ready()
    operator().to("words-b", OTHER)
    first.stop()
    make_worker().ready()
    job = bot.send("good")
    assert (bot.wait_for([job])[job].version, bot.results[-1].gen) == ("words-b", 2)


def test_a_start_whose_committed_version_is_unreadable_serves_the_one_before(bot, make_worker, fleet):
    assert fleet.propose(gen=1, by="x", version="broken", sha256=OTHER)
    assert fleet.commit(gen=1, by="x")
    make_worker().ready()
    job = bot.send("good")
    assert (bot.wait_for([job])[job].version, bot.results[-1].gen) == ("words", 1)
    (beat,) = fleet.workers()
    assert beat.code == "sha256"


def test_a_worker_with_nothing_to_serve_takes_no_job_until_it_has(bot, make_worker, fleet, operator):
    for gen in (1, 2):
        assert fleet.propose(gen=gen, by="x", version=f"broken-{gen}", sha256=OTHER)
        assert fleet.commit(gen=gen, by="x")
    worker = make_worker()
    job = bot.send("good")
    wait_until(lambda: any(beat.code for beat in fleet.workers()), "the complaint")
    assert worker.service.not_ready() == "no model loaded yet"
    time.sleep(1)
    assert not bot.pending()
    assert operator().to("words", SHA).state is State.ACTIVE
    assert bot.wait_for([job])[job].version == "words"


def test_interrupted_before_the_commit_the_proposal_is_taken_back(make_worker, operator, fleet):
    make_worker().ready()
    swap = operator()

    def interrupt(rows):
        raise KeyboardInterrupt

    swap._watch = interrupt
    with pytest.raises(KeyboardInterrupt):
        swap.to("words-b", OTHER)
    assert not swap.committed
    assert not fleet.model().next_version
    assert operator().to("words-b", OTHER).state is State.ACTIVE, "and at once"


def test_ctrl_c_while_the_answer_to_the_proposal_is_on_its_way_takes_it_back(fleet, make_worker, operator, monkeypatch):
    make_worker().ready()
    swap = operator()
    propose = swap.fleet.propose

    def interrupted(**proposal: object) -> bool:
        assert propose(**proposal)
        raise KeyboardInterrupt

    monkeypatch.setattr(swap.fleet, "propose", interrupted)
    with pytest.raises(KeyboardInterrupt):
        swap.to("words-b", OTHER)
    assert (fleet.model().next_version, fleet.model().version) == ("", "words")
