"""A channel where more waits than can be answered one by one: less room for each, and back again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.choices import Choice
from bot.crowd import Crowding
from bot.digest import counted_in, digest_metadata, digest_text
from bot.lanes import DIGEST_HOLDS, LANE_HOLDS, Held, Lanes
from bot.pacing import Limits, Pace
from bot.poster import Posting
from bot.replies import Counted, Form, Reaction, Silent, ThreadPost, Whisper, in_crowd, reply_to
from bot.settings import ReplyMode, Settings
from tests.bot.conftest import Labeller, for_sandbox, running_bot
from tests.bot.test_crashes import put_in_queue
from tests.bot.test_lanes import Clock, fill, held
from tests.bot.test_posting_faults import results_left
from tests.bot.test_replies import result
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Job, Keys, Kind, Outcome, Result, message_id
from worker.stream import Queue

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("minutes", "before", "form"),
    [
        (2, Form.THREAD, Form.THREAD),
        (2.1, Form.THREAD, Form.REACTION),
        (1.1, Form.REACTION, Form.REACTION),
        (1, Form.REACTION, Form.THREAD),
        (10.1, Form.THREAD, Form.DIGEST),
        (10, Form.REACTION, Form.REACTION),
        (5.1, Form.DIGEST, Form.DIGEST),
        (5, Form.DIGEST, Form.REACTION),
        (0, Form.DIGEST, Form.THREAD),
    ],
)
def test_replies_take_less_room_from_a_wait_on_and_again_more_at_half_of_it(minutes: float, before: Form, form: Form):
    assert Crowding().form(minutes * MINUTE, before) is form


def test_whoever_asked_gets_an_answer_of_their_own_and_nobody_a_louder_one_than_was_set():
    post, reaction = reply_to(result(), Choice()), reply_to(result(thread_ts="1.0"), Choice())
    assert isinstance(in_crowd(post, result(), Form.DIGEST), Counted)
    assert isinstance(in_crowd(reaction, result(), Form.DIGEST), Counted)
    chosen = reply_to(result(), Choice(reply=ReplyMode.REACTION))
    assert in_crowd(chosen, result(), Form.DIGEST) is chosen
    assert in_crowd(post, result(), Form.REACTION) == Reaction("smile")
    assert in_crowd(post, result(), Form.THREAD) is post
    for kind in (Kind.MENTION, Kind.COMMAND, Kind.SHORTCUT):
        assert in_crowd(post, result(kind=kind), Form.DIGEST) is post
    for quiet in (Silent(), Whisper("U0ADA", "", "text")):
        assert in_crowd(quiet, result(), Form.DIGEST) is quiet


def crowd(number: int, **more: object) -> list[Result]:
    return [result(ts=f"17000000{n:02}.000100", user=f"U{n % 3}", **more) for n in range(number)]


def test_a_digest_counts_labels_and_names_nobody():
    results = [*crowd(3), *crowd(2, label="<!here> & co", emoji=""), *crowd(1, outcome=Outcome.UNSURE)]
    assert digest_text(results) == (
        ":bar_chart: Too much was said here at once to answer each message. 6 messages were labelled: "
        ":smile: positive 3, &lt;!here&gt; &amp; co 2, :thinking_face: unsure 1."
    )


@pytest.mark.parametrize("results", [crowd(4), [result(user=f"U{n % 2}") for n in range(9)], [result(user="")] * 9])
def test_a_digest_of_few_messages_or_people_says_no_labels(results: list[Result]):
    assert digest_text(results) == (
        f":bar_chart: Too much was said here at once to answer each message. {len(results)} messages were labelled."
    )


def test_a_digest_tells_which_messages_it_stands_for_if_it_is_a_bots():
    results = crowd(DIGEST_HOLDS)
    post: dict[str, Any] = {"ts": "1700000100.0", "bot_id": "B1", "metadata": digest_metadata(results)}
    assert counted_in(post, "T0", "C1") == {message_id("T0", "C1", one.ts) for one in results}
    assert counted_in(post | {"bot_id": None}, "T0", "C1") == set()
    assert counted_in({"ts": "1", "bot_id": "B1"}, "T0", "C1") == set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lanes(clock: Clock) -> Lanes:
    """A post a second in a channel, reactions from 40 s of wait, digests from 100 s."""
    crowding = Crowding(reaction=timedelta(seconds=40), digest=timedelta(seconds=100))
    limits = Limits(channel_per_second=1, channel_burst=1, calls_per_minute={})
    return Lanes(Pace(limits), crowding, clock=clock)


def arrive(lanes: Lanes, number: int) -> None:
    for one in range(number):
        lanes.add(held(f"e{one}"))


def taken(lanes: Lanes) -> list[Held]:
    group = lanes.take()
    for one in group:
        lanes.done(one)
    return group


def test_a_lane_counts_those_it_sent_away(lanes: Lanes):
    arrive(lanes, 41)
    assert len(lanes.entries()) == LANE_HOLDS
    (first,) = taken(lanes)
    assert first.reply == Reaction("smile")
    assert lanes.crowded() == {"C1": Form.REACTION}


def test_a_crowd_gets_one_post_and_the_next_one_later(lanes: Lanes, clock: Clock):
    arrive(lanes, 101)
    group = taken(lanes)
    assert [one.entry for one in group] == [f"e{number}" for number in range(LANE_HOLDS)]
    assert {one.reply.form for one in group} == {Form.DIGEST}
    arrive(lanes, 101)
    assert len(lanes.entries()) == DIGEST_HOLDS
    fill(lanes, held("other", "C2"))
    assert [one.entry for one in taken(lanes)] == ["other"], "C1 has had its post of these ten seconds"
    clock.now += 10
    assert len(taken(lanes)) == DIGEST_HOLDS


def test_whoever_asked_is_answered_between_two_digests(lanes: Lanes, clock: Clock):
    asked = held("asked")
    asked.result = result(kind=Kind.MENTION)
    fill(lanes, asked)
    arrive(lanes, 101)
    assert len(taken(lanes)) == LANE_HOLDS - 1
    clock.now += 1
    assert taken(lanes) == [asked]
    assert isinstance(asked.reply, ThreadPost)


def test_a_channel_comes_back_to_replies(lanes: Lanes, clock: Clock):
    arrive(lanes, 41)
    taken(lanes)
    clock.now += 40  # those sent away are expected back by now and went to another bot
    while len(lanes.entries()) > LANE_HOLDS - 1:
        taken(lanes)
    (one,) = taken(lanes)
    assert isinstance(one.reply, ThreadPost)
    assert lanes.crowded() == {}


@pytest.fixture
def flooded() -> Posting:
    """Twenty posts a second, digests from a second of wait: from twenty results on."""
    crowding = Crowding(
        reaction=timedelta(seconds=0.5), digest=timedelta(seconds=1), digest_every=timedelta(seconds=0.2)
    )
    limits = Limits(channel_per_second=20, channel_burst=1, posts_per_minute=10_000, calls_per_minute={})
    return Posting(limits=limits, crowding=crowding)


@pytest.fixture
def waiting(
    sandbox: SandboxClient, labeller: Labeller, make_queue: Callable[..., Queue], valkey: Broker, keys: Keys
) -> dict[str, Job]:
    """Forty results of three people in one channel, by the ts of their messages; nobody posts yet."""
    sandbox.clock(100)
    queue = make_queue()
    people = ["ada", "grace", "linus"]
    found = dict(put_in_queue(sandbox, queue, f"great {number}", people[number % 3]) for number in range(40))
    wait_until(lambda: results_left(valkey, keys) == 40, "the results")
    return found


def answers(sandbox: SandboxClient) -> dict[str, list[str]]:
    """For each message of the channel by ts: the forms in which it was answered."""
    everything = sandbox.messages("general")
    found: dict[str, list[str]] = {one["ts"]: [] for one in everything if "bot_id" not in one}
    for one in everything:
        kind = (one.get("metadata") or {}).get("event_type")
        if kind == "sentiment_reply":
            found[one["thread_ts"]].append("thread")
        if kind == "sentiment_digest":
            for ts in one["metadata"]["event_payload"]["messages"].split(","):
                found[ts].append("digest")
        if "bot_id" not in one and one.get("reactions"):
            found[one["ts"]].append("reaction")
    return found


def test_a_flood_is_answered_each_message_once_and_the_channel_recovers(
    sandbox: SandboxClient,
    settings: Settings,
    waiting: dict[str, Job],
    flooded: Posting,
    valkey: Broker,
    keys: Keys,
):
    with running_bot(for_sandbox(settings, sandbox), posting=flooded) as bot:
        wait_until(lambda: results_left(valkey, keys) == 0, "the end of the flood", 30)
        wait_until(lambda: bot.tagger.poster.crowded == {}, "the recovery")
        given = {ts: answers(sandbox)[ts] for ts in waiting}
        assert [len(forms) for forms in given.values()] == [1] * 40, given
        assert ["digest"] in given.values()
        ts = sandbox.post("general", "ada", "great again")
        wait_until(lambda: answers(sandbox)[ts] == ["thread"], "a reply of its own")


def test_where_reactions_are_set_a_crowd_brings_no_post(
    sandbox: SandboxClient,
    settings: Settings,
    waiting: dict[str, Job],
    flooded: Posting,
    valkey: Broker,
    keys: Keys,
):
    with running_bot(for_sandbox(settings, sandbox, clf_reply=ReplyMode.REACTION), posting=flooded):
        wait_until(lambda: results_left(valkey, keys) == 0, "the end of the flood", 30)
    assert {tuple(answers(sandbox)[ts]) for ts in waiting} == {("reaction",)}


@pytest.mark.parametrize("fault", ["accept_then_drop", "reset_before", "server_error"])
def test_a_digest_whose_answer_got_lost_is_looked_for_before_it_is_posted_again(
    sandbox: SandboxClient,
    settings: Settings,
    waiting: dict[str, Job],
    flooded: Posting,
    valkey: Broker,
    keys: Keys,
    fault: str,
):
    sandbox.fault(fault, method="chat.postMessage", count=1)
    with running_bot(for_sandbox(settings, sandbox), posting=flooded):
        wait_until(lambda: results_left(valkey, keys) == 0, "the end of the flood", 30)
    given = {ts: answers(sandbox)[ts] for ts in waiting}
    assert [len(forms) for forms in given.values()] == [1] * 40, given


def test_what_a_digest_stands_for_is_not_answered_again_by_catch_up_after_redis_was_wiped(
    sandbox: SandboxClient,
    settings: Settings,
    waiting: dict[str, Job],
    flooded: Posting,
    valkey: Broker,
    keys: Keys,
):
    with running_bot(for_sandbox(settings, sandbox), posting=flooded):
        wait_until(lambda: results_left(valkey, keys) == 0, "the end of the flood", 30)
    with valkey.client() as client:
        client.delete(*client.scan_iter(f"{{{keys.prefix}}}:*"))
    with running_bot(for_sandbox(settings, sandbox)) as bot:
        wait_until(lambda: bot.tagger.metrics.history.labels("answered")._value.get() >= 40, "catch-up")
        wait_until(lambda: results_left(valkey, keys) == 0, "whatever it found")
    given = {ts: answers(sandbox)[ts] for ts in waiting}
    assert [len(forms) for forms in given.values()] == [1] * 40, given
