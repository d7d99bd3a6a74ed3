"""Which events become jobs: the pure part, with events as Slack sends them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.identity import Identity
from bot.listeners import Hint, to_job
from worker.jobs import MAX_TEXT, Job, Kind, Origin, message_id

ME = Identity(team="T0", bot_user="U0BOT", bot_id="B0SANDBOX", app="A0", name="sentiment")
TS = "1700000000.000100"


def event(**more: Any) -> dict[str, Any]:
    plain = {"type": "message", "channel": "C024BE91L", "channel_type": "channel", "user": "U0ALICE"}
    return {**plain, "text": "great", "ts": TS, "event_ts": TS, "team": "T0", **more}


def job_of(**more: Any) -> Job:
    found = to_job(event(**more), ME, now_ms=5)
    assert isinstance(found, Job)
    return found


def test_a_plain_message_becomes_a_job_of_our_installation():
    expected = message_id("T0", "C024BE91L", TS)
    assert job_of(team="T0OTHER") == Job(
        id=expected,
        message=expected,
        team="T0",
        channel="C024BE91L",
        ts=TS,
        user="U0ALICE",
        text="great",
        kind=Kind.MESSAGE,
        origin=Origin.LIVE,
        enq_ms=5,
    )


def test_the_two_events_of_a_mention_make_the_same_job():
    twin = event(type="app_mention", text="<@U0BOT> great")
    del twin["channel_type"]
    assert to_job(twin, ME, now_ms=5) == job_of(text="<@U0BOT> great")
    assert job_of(text="<@U0BOT> great").kind is Kind.MENTION
    assert job_of(text="<@U0BOT> great").text == "great"


@pytest.mark.parametrize("kind", ["channel", "group", "im", "mpim"])
def test_channels_private_ones_and_direct_messages_count_alike(kind: str):
    assert job_of(channel_type=kind).text == "great"


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message"])
def test_what_people_write_by_other_means_counts(subtype: str):
    assert job_of(subtype=subtype, files=[{"id": "F1", "url_private": "https://x"}]).text == "great"


@pytest.mark.parametrize(
    "subtype",
    ["channel_join", "channel_topic", "bot_message", "message_changed", "message_deleted", "unheard_of", 7, ["x"]],
)
def test_joins_topics_edits_and_deletions_are_left_alone(subtype: Any):
    assert to_job(event(subtype=subtype), ME) is None


@pytest.mark.parametrize(
    "who",
    [
        {"user": "U0BOT"},
        {"bot_id": "B0SANDBOX"},
        {"bot_id": "B0OTHERBOT", "user": "U0OTHER"},
        {"bot_profile": {"id": "B1"}},
        {"user": "USLACKBOT"},
        {"user": None},
        {"hidden": True},
    ],
)
def test_our_own_and_other_bots_posts_are_left_alone(who: dict[str, Any]):
    assert to_job(event(**who), ME) is None


def test_a_reply_knows_its_thread_and_a_parent_is_none():
    assert job_of(thread_ts="1700000000.000001").thread_ts == "1700000000.000001"
    assert job_of(thread_ts=TS).thread_ts == ""


@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\0\0"])
def test_a_message_without_text_is_no_job(text: str):
    assert to_job(event(text=text), ME) is None
    assert to_job(event(text=text, subtype="file_share"), ME) is None


def test_only_a_mention_asks_for_a_hint_once():
    named = {"text": "<@U0BOT>", "thread_ts": "1700000000.000001"}
    hint = Hint(message_id("T0", "C024BE91L", TS), "C024BE91L", "U0ALICE", "1700000000.000001")
    assert to_job(event(type="app_mention", **named), ME) == hint
    assert to_job(event(**named), ME) is None  # its app_mention is on the way
    assert to_job(event(channel_type="im", **named), ME) == hint  # here there is none
    assert to_job(event(type="app_mention", text=""), ME) is None


def test_a_text_too_long_is_cut():
    assert job_of(text="a" * 40_000).text == "a" * MAX_TEXT


@pytest.mark.parametrize(
    "wrong",
    [
        {"ts": 1700000000.0001},
        {"ts": "tomorrow"},
        {"ts": "99999999999999999.000100"},
        {"ts": None},
        {"channel": None},
        {"channel": ["C1"]},
        {"channel": "C" * 300},
        {"thread_ts": "x"},
        {"user": {"id": "U1"}},
        {"text": 7, "blocks": None},
        {"text": None, "blocks": "none"},
        {"blocks": [[[[]]]], "text": None},
    ],
)
def test_an_event_of_the_wrong_shape_is_no_job(wrong: dict[str, Any]):
    assert to_job(event(**wrong), ME) is None
    assert to_job({}, ME) is None


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_fields = ("type", "subtype", "channel", "user", "bot_id", "text", "ts", "thread_ts", "blocks", "hidden")


@settings(deadline=None)  # a busy machine is no failure
@given(st.dictionaries(st.sampled_from(_fields), _anything))
def test_no_event_makes_it_raise_and_every_job_can_be_queued(parts: dict[str, Any]):
    found = to_job(event(**parts), ME)
    if isinstance(found, Job):
        assert Job.decode({b"v": b"1", b"data": found.encode().encode()}) == found
