"""Events through Bolt into the queue: enqueued before acknowledged, or not acknowledged."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr
from slack_bolt import App, BoltRequest

from bot.app import make_app, make_client
from bot.listeners import register
from bot.settings import Mode, ReplyMode, Settings
from bot.tagger import Tagger
from tests.bot.conftest import for_sandbox
from tests.conftest import Broker, wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import MAX_TEXT, Job, Keys, Kind, StreamName

TS = "1700000000.000100"


def wrapped(event: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An event as Slack delivers it."""
    grant = {"enterprise_id": None, "team_id": "T0SANDBOX", "user_id": "U0BOT", "is_bot": True}
    outer = {"type": "event_callback", "team_id": "T0SANDBOX", "api_app_id": "A0SANDBOX", "event_id": "Ev1"}
    return {**outer, "event_time": 1_700_000_000, "authorizations": [grant], "event": event, **more}


def message(text: str = "great", **more: Any) -> dict[str, Any]:
    return {"type": "message", "channel": "C024BE91L", "user": "U0ADA", "text": text, "ts": TS} | more


@dataclass
class Intake:
    """A Bolt app with the tagger, its poster and heartbeat running, and a look into its queue."""

    app: App
    tagger: Tagger
    broker: Broker
    keys: Keys

    def hear(self, event: dict[str, Any], **more: Any) -> int:
        """The status Slack would get; in Socket Mode only 200 is an acknowledgement."""
        return self.app.dispatch(BoltRequest(body=wrapped(event, **more), mode="socket_mode")).status

    def jobs(self) -> list[Job]:
        with self.broker.client() as client:
            rows: Any = client.xrange(self.keys.stream(StreamName.JOBS))
        return [Job.decode(fields) for _, fields in rows]

    def count(self, outcome: str) -> float:
        return self.tagger.metrics.registry.get_sample_value("clf_bot_events_total", {"outcome": outcome}) or 0


@pytest.fixture
def make_intake(
    sandbox: SandboxClient, settings: Settings, valkey: Broker, keys: Keys
) -> Iterator[Callable[..., Intake]]:
    running: list[Intake] = []

    def make(mode: Mode = Mode.SOCKET, before: Callable[[App], None] = lambda _: None, **more: object) -> Intake:
        ours = for_sandbox(settings, sandbox, **more)
        app = make_app(ours, make_client(ours))
        before(app)
        running.append(Intake(app, register(app, ours, mode=mode), valkey, keys))
        return running[-1]

    yield make
    for one in running:
        one.tagger.stop()


@pytest.fixture
def intake(make_intake: Callable[..., Intake]) -> Intake:
    return make_intake()


def test_an_event_is_in_the_queue_when_it_is_acknowledged(intake: Intake):
    assert intake.hear(message()) == 200
    (job,) = intake.jobs()
    assert (job.team, job.channel, job.ts, job.text) == ("T0SANDBOX", "C024BE91L", TS, "great")


HOSTILE = {
    "40,000 characters": "x" * 40_000,
    "NULs": "gr\0eat\0",
    "a lone surrogate": "great \ud83d",
    "zalgo": "g" + "\u0301" * 500 + "reat",
    "bidi overrides": "\u202egreat\u202c",
    "emoji only": ":tada: 🎉",
    "growing under NFKC": "\ufdfa" * 10_000,
}


def test_hostile_texts_are_queued_clean_and_short(intake: Intake):
    for number, text in enumerate(HOSTILE.values()):
        assert intake.hear(message(text, ts=f"1700000000.{number:06}")) == 200
    jobs = intake.jobs()
    assert len(jobs) == len(HOSTILE)
    assert max(len(job.text) for job in jobs) == MAX_TEXT
    assert not any("\0" in job.text or "\ud83d" in job.text for job in jobs)


def test_message_and_mention_of_one_post_make_one_job(intake: Intake):
    text = "<@U0BOT> great"
    assert intake.hear(message(text, type="app_mention")) == 200
    assert intake.hear(message(text)) == 200
    (job,) = intake.jobs()
    assert (job.kind, job.text) == (Kind.MENTION, "great")
    assert (intake.count("queued"), intake.count("dup")) == (1, 1)


def test_slacks_own_retries_make_one_job(intake: Intake):
    assert [intake.hear(message()) for _ in range(4)] == [200] * 4
    assert len(intake.jobs()) == 1


NOT_OURS = [
    message(subtype="channel_join"),
    message(subtype="channel_topic"),
    message(bot_id="B0SANDBOX", user="U0BOT"),
    message(bot_id="B0OTHERBOT"),
    message(subtype="message_changed", hidden=True, message={"text": "new"}),
    message(subtype="message_deleted", hidden=True, deleted_ts=TS),
    message("   "),
    {"type": "member_joined_channel", "user": "U0BOT", "channel": "C1"},
    {"type": "an_event_of_tomorrow"},
    {"type": "line\nbreak"},
]


def test_everything_else_is_acknowledged_and_left_alone(intake: Intake):
    assert [intake.hear(event) for event in NOT_OURS] == [200] * len(NOT_OURS)
    assert intake.jobs() == []


@pytest.mark.parametrize("outer", [{"api_app_id": "A0OTHER"}, {"team_id": "T0OTHER", "authorizations": []}])
def test_an_event_for_another_app_or_workspace_is_refused(intake: Intake, outer: dict[str, Any]):
    assert intake.hear(message(), **outer) == 401
    assert intake.jobs() == []


def test_a_shared_channel_bears_the_other_team_and_is_ours_all_the_same(intake: Intake):
    assert intake.hear(message(team="T0OTHER"), team_id="T0OTHER") == 200
    assert intake.jobs()[0].team == "T0SANDBOX"


def test_what_a_full_queue_does_not_take_is_left_to_slacks_history(make_intake: Callable[..., Intake]):
    intake = make_intake(clf_max_queue=2)
    events = [message(ts=f"1700000000.00010{number}") for number in range(4)]
    assert [intake.hear(event) for event in events] == [200] * 4
    assert intake.tagger.workspace.gaps.look("C024BE91L").since == "1700000000.000102"
    assert intake.hear(events[0]) == 200, "what it has taken before is no news"
    assert len(intake.jobs()) == 2
    assert (intake.count("full"), intake.count("dup")) == (2, 1)


def test_whose_messages_find_the_queue_full_is_told_once(sandbox: SandboxClient, make_intake: Callable[..., Intake]):
    intake = make_intake(clf_max_queue=1)
    for number, user in enumerate(["U0ADA", "U0ADA", "U0ADA", "U0GRACE"]):
        assert intake.hear(message(ts=f"1700000000.00010{number}", channel="C0GENERAL", user=user)) == 200
    calls = wait_until(
        lambda: len(sandbox.calls("chat.postEphemeral")) == 2 and sandbox.calls("chat.postEphemeral"), ""
    )
    assert calls
    assert [call["arguments"]["user"] for call in calls] == ["U0ADA", "U0GRACE"]
    assert all("wait" in call["arguments"]["text"] for call in calls)


def test_what_a_redis_without_memory_does_not_take_is_left_to_slacks_history(intake: Intake):
    with intake.broker.client() as client:
        client.config_set("maxmemory", "1")
        try:
            assert intake.hear(message()) == 200
        finally:
            client.config_set("maxmemory", "0")
    assert intake.jobs() == []
    assert intake.tagger.workspace.gaps.look("C024BE91L").since == TS
    assert intake.hear(message()) == 200
    assert len(intake.jobs()) == 1
    assert (intake.count("full"), intake.count("queued")) == (1, 1)


def test_a_mark_moves_with_every_message_but_not_while_a_gap_is_open(intake: Intake):
    def mark() -> bytes | None:
        with intake.broker.client() as client:
            return client.hget(intake.keys.marks, "T0SANDBOX:C024BE91L")

    intake.hear(message())
    assert mark() is None
    gaps = intake.tagger.workspace.gaps
    gaps.close("C024BE91L", gaps.look("C024BE91L"))
    intake.hear(message(ts="1700000000.000300"))
    intake.hear(message(ts="1700000000.000200"))
    assert mark() == b"1700000000.000300"


def test_what_redis_did_not_take_is_not_acknowledged(make_intake: Callable[..., Intake]):
    intake = make_intake(clf_redis_url=SecretStr("redis://127.0.0.1:1/0"))
    assert intake.hear(message()) == 503
    assert intake.hear(message(subtype="channel_join")) == 200
    assert intake.count("failed") == 1


def test_slacks_own_limit_is_heard_of(intake: Intake):
    body = {"type": "app_rate_limited", "team_id": "T0SANDBOX", "minute_rate_limited": 1, "api_app_id": "A0SANDBOX"}
    assert intake.app.dispatch(BoltRequest(body=body, mode="socket_mode")).status == 200
    assert intake.count("rate_limited") == 1


def test_who_only_names_the_bot_gets_one_hint_that_nobody_else_sees(sandbox: SandboxClient, intake: Intake):
    channel, ada = sandbox.channel("talk", members=["ada"]), "U0ADA"
    mention = message("<@U0BOT>", type="app_mention", channel=channel, user=ada)
    for twin in (mention, mention, mention | {"type": "message", "channel_type": "channel"}):
        assert intake.hear(twin) == 200
    (whisper,) = wait_until(lambda: sandbox.calls("chat.postEphemeral"), "the hint")
    assert whisper["answer"]["ok"]
    assert intake.jobs() == []
    assert (intake.count("hint"), intake.count("dup")) == (1, 1)


def test_no_hint_where_nothing_shall_be_shown(make_intake: Callable[..., Intake]):
    intake = make_intake(clf_reply=ReplyMode.NONE)
    assert intake.hear(message("<@U0BOT>", type="app_mention")) == 200
    assert (intake.count("hint"), intake.count("ignored")) == (0, 1)


def test_in_somebody_elses_app_foreign_events_pass_and_its_listeners_still_run(make_intake: Callable[..., Intake]):
    heard: list[str] = []

    def listen(app: App) -> None:
        app.event("message")(lambda event: heard.append(event["text"]))

    intake = make_intake(Mode.PLUGIN, before=listen)
    assert intake.hear(message("ours")) == 200
    assert intake.hear(message("theirs"), team_id="T0OTHER", authorizations=[]) == 200
    assert heard == ["ours", "theirs"]
    assert [job.text for job in intake.jobs()] == ["ours"]
