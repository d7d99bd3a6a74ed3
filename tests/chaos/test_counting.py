"""What the verdict rests on: counting at the sandbox, and a table that hides nothing."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import report
from tests.chaos.ledger import TEAM, Ledger, delays_in, replies_in, slowest_percent
from tests.chaos.scene import BUSY, Row
from tests.sandbox_client import SandboxClient
from tests.waiting import Stuck, until
from worker.jobs import message_id


def reply(ts: str, about: str, room: str = "C1") -> dict[str, Any]:
    payload = {"message": message_id(TEAM, room, about)}
    return {"ts": ts, "thread_ts": about, "bot_id": "B0", "metadata": {"event_payload": payload}}


def digest(ts: str, *about: str) -> dict[str, Any]:
    return {"ts": ts, "bot_id": "B0", "metadata": {"event_payload": {"messages": ",".join(about)}}}


def test_replies_reactions_and_digests_count_once_each():
    messages: list[dict[str, Any]] = [{"ts": f"{number}.000000"} for number in range(1, 5)]
    messages[1]["reactions"] = [{"name": "tada", "users": ["U0ADA", "U0BOT"]}]
    messages += [reply("5.000000", "1.000000"), digest("6.000000", "3.000000")]
    counted = replies_in(messages, "C1")
    assert {ts: counted[ts] for ts in ("1.000000", "2.000000", "3.000000", "4.000000")} == {
        "1.000000": 1,
        "2.000000": 1,
        "3.000000": 1,
        "4.000000": 0,
    }


def test_a_reaction_and_a_reply_to_one_message_are_two():
    message: dict[str, Any] = {"ts": "1.000000", "reactions": [{"name": "tada", "users": ["U0BOT"]}]}
    assert replies_in([message, reply("2.000000", "1.000000")], "C1")["1.000000"] == 2


def test_what_people_write_in_a_thread_is_no_reply_of_ours():
    assert replies_in([{"ts": "1.000000"}, {"ts": "2.000000", "thread_ts": "1.000000"}], "C1")["1.000000"] == 0


def test_the_first_reply_decides_how_long_it_took():
    messages = [{"ts": "1.000000"}, reply("3.500000", "1.000000"), reply("9.000000", "1.000000")]
    assert delays_in(messages) == {"1.000000": 2.5}


def test_the_slowest_percent_leaves_out_one_of_a_hundred():
    assert slowest_percent([1.0] * 198 + [50.0, 60.0]) == 50.0
    assert slowest_percent([]) == 0.0


@pytest.fixture
def ledger(sandbox: SandboxClient) -> Ledger:
    return Ledger(sandbox, rooms=2, seed=1)


def as_bot(sandbox: SandboxClient, room: str, ts: str) -> None:
    """Post as our bot does, through the Web API."""
    payload = {"event_type": "sentiment_reply", "event_payload": {"message": message_id(TEAM, room, ts)}}
    body = {"channel": room, "thread_ts": ts, "text": "positive", "metadata": payload}
    headers = {"Authorization": "Bearer xoxb-sandbox"}
    assert sandbox.http.post(f"{sandbox.api_url}chat.postMessage", json=body, headers=headers).json()["ok"]


def test_lost_and_doubled_messages_are_found_in_the_sandbox(sandbox: SandboxClient, ledger: Ledger):
    sandbox.clock(100)
    fine, doubled, _ = (ledger.post() for _ in range(3))
    for room, ts in (fine, doubled, doubled):
        as_bot(sandbox, room, ts)
    count = ledger.count()
    assert (count.messages, count.lost, count.duplicates) == (3, 1, 1)
    with pytest.raises(Stuck, match="1 messages without a reply, and none came"):
        ledger.wait(0.3)


def test_a_reply_to_a_message_that_was_to_get_none_is_one_too_many(sandbox: SandboxClient, ledger: Ledger):
    (room, ts), silent = ledger.post(), ledger.post()
    for one in (ts, silent[1]):
        ledger.expect_silence(one)
    as_bot(sandbox, room, ts)
    count = ledger.count()
    assert (count.lost, count.duplicates) == (0, 1)


def test_waiting_names_what_did_not_come():
    started = time.monotonic()
    with pytest.raises(Stuck, match="the sun: not within"):
        until(lambda: False, "the sun", 0.2)
    assert time.monotonic() - started < 5


ROW = Row("F1", "a fault", 3, messages=1_200, seconds=4.25, target=12.0, note="with care").document()
MACHINE = {"cores": 2, "memory_gb": 8.0, "python": "3.11.7", "valkey": "9.0.0"}
DOCUMENT = {"date": "2026-01-02", "quick": True, "seed": 1, "minutes": 1.5, "machine": MACHINE, "rows": [ROW]}


def test_a_row_shows_its_counts_its_time_and_how_it_was_measured():
    shown = report.table([ROW], busy=0.2)
    assert "F1 a fault" in shown
    assert "1,200" in shown
    assert "4.2" in shown
    assert "F1: with care." in shown


def test_missed_targets_stand_under_the_table_late_ones_with_what_the_machine_did():
    row = ROW | {"missed": ["it never came"], "late": ["too slow"], "busy": 0.5}
    shown = report.remarks(row, busy=0.2)
    assert "F1: MISSED: it never came." in shown
    assert "F1: MISSED: too slow. The machine was busy with other work (50%)." in shown


def test_anything_lost_doubled_missed_or_late_is_not_fine():
    assert Row("F1", "a fault", 1).fine
    for wrong in ({"lost": 1}, {"duplicates": 1}, {"missed": ["x"]}, {"late": ["x"]}):
        assert not Row("F1", "a fault", 1, **wrong).fine  # pyright: ignore


def test_a_fault_that_was_not_played_shows_no_figures():
    assert report.cells(ROW | {"skipped": "in small"})[0] == "F1 a fault: not run, in small"


def test_the_page_keeps_what_is_written_by_hand_and_says_what_was_not_run_in_full():
    text = f"# Head\n\n{report.BEGIN}\nold\n{report.END}\n\nfoot\n"
    page = report.page(text, {"kills": DOCUMENT}, busy=0.2)
    assert page.startswith("# Head\n")
    assert page.endswith(f"{report.END}\n\nfoot\n")
    assert "old" not in page
    assert "2026-01-02, **in small**, not yet in full, seed 1" in page
    assert "Not run at all so far: broker, slack, swap, input, soak." in page
    assert report.page(page, {"kills": DOCUMENT}, busy=0.2) == page


def test_a_fault_played_again_takes_its_place_in_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "FULL", tmp_path / "full")
    monkeypatch.setattr(report, "SMALL", tmp_path / "small")
    again = ROW | {"messages": 7}
    assert report.amend("kills", again, quick=True, date="2026-01-03") is None, "nothing to amend"
    report.write("kills", DOCUMENT | {"rows": [ROW, ROW | {"fault": "F2"}]})
    assert report.amend("kills", again, quick=True, date="2026-01-03")
    first, second = report.read()["kills"]["rows"]
    assert (first["messages"], second["messages"]) == (7, 1_200)
    assert report.remarks(first, busy=0.2)[1] == "F1: played again by itself, 2026-01-03."


def test_a_run_in_small_does_not_replace_one_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "FULL", tmp_path / "full")
    monkeypatch.setattr(report, "SMALL", tmp_path / "small")
    report.write("kills", DOCUMENT | {"quick": False, "seed": 8})
    report.write("kills", DOCUMENT | {"quick": True, "seed": 9})
    assert report.read()["kills"]["seed"] == 8


def test_the_page_shows_the_figures_that_are_kept():
    """Those of full runs stand beside the code, so that one run played anew leaves the others as they are."""
    kept = {name: found for name, found in report.read().items() if not found["quick"]}
    text = report.PAGE.read_text()
    assert set(kept) == set(report.RUNS)
    assert report.page(text, kept, busy=BUSY) == text


def test_there_is_a_module_for_each_run():
    import importlib

    for name in report.RUNS:
        assert importlib.import_module(f"tests.chaos.{name}").FAULTS
