"""Which version is served: candidates, commits, failures, memory. No Redis: model hashes are values here."""

import threading
from collections.abc import Callable

import pytest

from tests.conftest import wait_until
from tests.worker.keyword_model import KeywordPredictor
from worker.fleet import Model, Prepared
from worker.loading import Loaded, LoadFailed
from worker.model_slot import RETRY_SECONDS, ModelSlot, Serving

NOW, LATER = 1000, 2000
FIRST = Model(gen=1, version="a", sha256="1")
WITH_CANDIDATE = Model(
    gen=1, version="a", sha256="1", next_gen=2, next_version="b", next_sha256="2", next_by="me", next_until=LATER
)
COMMITTED = Model(gen=2, version="b", sha256="2", prev_version="a", prev_sha256="1")
ROLLED_BACK = Model(gen=3, version="a", sha256="1", prev_version="b", prev_sha256="2")


class Shelf:
    """A loader whose versions are named; loading waits while `closed`."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.broken: dict[str, Exception] = {}
        self.loaded: list[str] = []

    def load(self, name: str, sha256: str) -> Loaded:
        assert self.open.wait(10)
        self.loaded.append(name)
        if name in self.broken:
            raise self.broken[name]
        return Loaded(name, sha256, KeywordPredictor())


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def slot(shelf: Shelf, time: Time) -> ModelSlot:
    return ModelSlot(shelf.load, on_change=lambda: None, clock=time)


@pytest.fixture
def serve(slot: ModelSlot) -> Callable[[Model], Serving]:
    """Observe a model hash and wait until its commit is served."""

    def until_served(model: Model) -> Serving:
        slot.observe(model, now_ms=NOW)
        serving = wait_until(lambda: (one := slot.serving()) and one.gen == model.gen and one, "the switch")
        assert isinstance(serving, Serving)
        return serving

    return until_served


def prepared(slot: ModelSlot) -> Prepared:
    return slot.report().candidate


def test_nothing_is_served_before_a_version_is_loaded_and_then_the_committed_one(slot, serve):
    assert slot.serving() is None
    assert serve(FIRST).version == "a"
    assert (slot.report().version, slot.report().gen, slot.report().runtime) == ("a", 1, "keywords")


def test_a_candidate_is_loaded_beside_the_active_version_which_goes_on_serving(slot, shelf, serve):
    serve(FIRST)
    shelf.open.clear()
    slot.observe(WITH_CANDIDATE, now_ms=NOW)
    assert prepared(slot) is Prepared.LOADING
    assert slot.serving().version == "a"
    shelf.open.set()
    wait_until(lambda: prepared(slot) is Prepared.PREPARED, "the candidate")
    assert slot.serving().version == "a", "prepared is not committed"
    assert slot.report().candidate_by == "me"


def test_the_switch_happens_when_the_next_batch_asks_and_needs_no_loading(slot, shelf, serve):
    serve(FIRST)
    slot.observe(WITH_CANDIDATE, now_ms=NOW)
    wait_until(lambda: prepared(slot) is Prepared.PREPARED, "the candidate")
    slot.observe(COMMITTED, now_ms=NOW)
    assert slot.active().version == "a", "not before the loop asks"
    assert slot.serving().version == "b"
    assert shelf.loaded == ["a", "b"]


def test_a_commit_is_reported_as_served_only_after_a_batch(slot, serve):
    serving = serve(FIRST)
    assert slot.report().served_gen == 0
    assert slot.to_prove(serving)
    slot.served(serving)
    assert slot.report().served_gen == 1
    assert not slot.to_prove(serving)


def test_a_rollback_is_a_pointer_and_loads_nothing(slot, shelf, serve):
    serve(FIRST)
    serve(COMMITTED)
    slot.observe(ROLLED_BACK, now_ms=NOW)
    assert slot.serving().version == "a"
    assert slot.serving().gen == 3
    assert shelf.loaded == ["a", "b"]


def test_a_candidate_that_fails_is_reported_with_its_code_and_the_old_version_serves_on(slot, shelf, serve):
    serve(FIRST)
    shelf.broken["b"] = LoadFailed("canary", "a score is off")
    slot.observe(WITH_CANDIDATE, now_ms=NOW)
    wait_until(lambda: prepared(slot) is Prepared.FAILED, "the failure")
    assert (slot.report().code, slot.report().reason) == ("canary", "a score is off")
    slot.observe(WITH_CANDIDATE, now_ms=NOW)
    assert slot.serving().version == "a"
    assert shelf.loaded.count("b") == 1, "a candidate is tried once"


def test_what_a_library_raises_is_a_failure_of_the_version_too(slot, shelf, serve):
    serve(FIRST)
    shelf.broken["b"] = ZeroDivisionError("somewhere deep")
    slot.observe(WITH_CANDIDATE, now_ms=NOW)
    wait_until(lambda: prepared(slot) is Prepared.FAILED, "the failure")
    assert slot.report().code == "error"


def test_another_proposal_of_a_failed_version_is_a_fresh_try(slot, shelf, serve):
    serve(FIRST)
    shelf.broken["b"] = LoadFailed("missing", "not here")
    slot.observe(WITH_CANDIDATE, now_ms=NOW)
    wait_until(lambda: prepared(slot) is Prepared.FAILED, "the failure")
    shelf.broken.clear()
    slot.observe(Model(**{**vars(WITH_CANDIDATE), "next_by": "me again"}), now_ms=NOW)
    wait_until(lambda: prepared(slot) is Prepared.PREPARED, "the second try")
    assert slot.report().code == ""


@pytest.mark.parametrize(("model", "now"), [(FIRST, NOW), (WITH_CANDIDATE, LATER)], ids=["aborted", "expired"])
def test_a_candidate_that_is_off_the_table_is_dropped_from_memory(slot, serve, model, now):
    serve(FIRST)
    slot.observe(WITH_CANDIDATE, now_ms=NOW)
    wait_until(lambda: prepared(slot) is Prepared.PREPARED, "the candidate")
    slot.observe(model, now_ms=now)
    assert slot.report().candidate is Prepared.NONE
    assert slot.report().candidate_gen == 0
    assert set(slot._memory) == {("a", "1")}


def test_at_most_active_previous_and_a_candidate_are_in_memory(slot, serve):
    serve(FIRST)
    for gen in range(2, 8):
        before, now = f"v{gen - 1}" if gen > 2 else "a", f"v{gen}"
        model = Model(gen=gen, version=now, sha256=now, prev_version=before, prev_sha256=before)
        serve(model)
        slot.observe(model, now_ms=NOW)
        assert len(slot._memory) <= 2
    assert {name for name, _ in slot._memory} == {"v6", "v7"}


def test_a_start_with_an_unreadable_commit_serves_the_previous_version_under_its_own_number(slot, shelf):
    shelf.broken["b"] = LoadFailed("truncated", "cut")
    slot.observe(COMMITTED, now_ms=NOW)
    wait_until(lambda: slot.serving(), "the previous version")
    assert (slot.serving().version, slot.serving().gen) == ("a", 1)
    assert slot.report().code == "truncated"


def test_a_start_where_nothing_can_be_read_serves_nothing_until_the_next_commit(slot, shelf, serve):
    shelf.broken.update(a=LoadFailed("missing", ""), b=LoadFailed("sha256", ""))
    slot.observe(COMMITTED, now_ms=NOW)
    wait_until(lambda: shelf.loaded == ["b", "a"], "both tries")
    slot.observe(COMMITTED, now_ms=NOW)
    assert slot.serving() is None
    assert serve(Model(gen=3, version="c", sha256="3", prev_version="b", prev_sha256="2")).version == "c"


def test_a_commit_that_could_not_be_loaded_is_tried_again_after_a_minute(slot, shelf, serve, time):
    serve(FIRST)
    shelf.broken["b"] = LoadFailed("missing", "")
    slot.observe(COMMITTED, now_ms=NOW)
    wait_until(lambda: slot.report().code == "missing", "the failure")
    assert slot.serving().version == "a"
    shelf.broken.clear()
    slot.observe(COMMITTED, now_ms=NOW)
    assert shelf.loaded.count("b") == 1
    time.now += RETRY_SECONDS
    assert serve(COMMITTED).version == "b"
    assert slot.report().code == ""


def test_two_commits_in_a_row_end_with_the_later_one(slot, shelf, serve):
    serve(FIRST)
    shelf.open.clear()
    slot.observe(COMMITTED, now_ms=NOW)
    third = Model(gen=3, version="c", sha256="3", prev_version="b", prev_sha256="2")
    slot.observe(third, now_ms=NOW)
    shelf.open.set()
    assert serve(third).version == "c"
    assert slot.serving().version == "c"


def test_a_version_failing_its_canary_after_the_switch_is_reported_once(slot, serve):
    serving = serve(FIRST)
    slot.unproven(serving)
    assert slot.report().code == "canary"
    assert not slot.to_prove(serving), "not tried again and again"
