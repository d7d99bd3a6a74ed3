"""pause and resume: said to every bot through Redis, with the operator's rights."""

from collections.abc import Callable
from contextlib import closing

from tests.clfadmin.conftest import Answer, operator
from tests.conftest import Broker
from worker.fleet import Fleet
from worker.jobs import Keys


def test_pause_says_why_and_resume_lifts_it(clfadmin: Callable[..., Answer], valkey: Broker, keys: Keys):
    with closing(Fleet(valkey.bot, keys=keys)) as fleet:
        paused = clfadmin("pause", "--why", "moving\nhouse", **operator(valkey, keys))
        assert (paused.code, "resume" in paused.out) == (0, True)
        assert fleet.paused().startswith("Paused by the operator since 20")
        assert fleet.paused().endswith(": moving house"), "one line"
        resumed = clfadmin("resume", **operator(valkey, keys))
        assert (resumed.code, resumed.out) == (0, "Posting goes on, 0 replies wait.\n")
        assert fleet.paused() == ""


def test_resuming_what_was_not_paused_is_no_error(command: Callable[..., Answer], valkey: Broker, keys: Keys):
    assert command("resume", **operator(valkey, keys)).out == "Posting was not paused.\n"
