"""Reading a channel: what is new, what is answered, what is left out; Slack's answers given by hand."""

from typing import Any

import pytest

from bot import history
from bot.history import HISTORY, THREAD, Reading, Unreadable, read_channel
from bot.identity import Identity
from worker.jobs import message_id

ME = Identity(team="T1", bot_user="U0BOT", bot_id="B0BOT")
SINCE = "1700000100.000000"


def ts(seconds: int) -> str:
    return f"{1_700_000_000 + seconds}.000000"


def said(seconds: int, **more: Any) -> dict[str, Any]:
    return {"ts": ts(seconds), "user": "U1", "text": "great", **more}


def parent(seconds: int, *, replied: int, by: str = "U2") -> dict[str, Any]:
    return said(seconds, latest_reply=ts(replied), reply_users=[by], reply_users_count=1, reply_count=1)


class Slack:
    """Answers `call` from what it was given; a thread it does not have is gone."""

    def __init__(self, top: list[dict[str, Any]], threads: dict[str, list[dict[str, Any]]] | None = None) -> None:
        self.top, self.threads, self.read = top, threads or {}, list[str]()

    def __call__(self, method: str, **fields: object) -> dict[str, Any]:
        if method == HISTORY:
            return {"messages": [dict(one) for one in sorted(self.top, key=lambda one: one["ts"], reverse=True)]}
        assert method == THREAD
        self.read.append(str(fields["ts"]))
        if fields["ts"] not in self.threads:
            raise Unreadable("thread_not_found")
        return {"messages": [{"ts": fields["ts"]}, *self.threads[str(fields["ts"])]]}


def read(slack: Slack, *known: int) -> Reading:
    ids = {message_id("T1", "C1", ts(seconds)) for seconds in known}
    return read_channel(slack, ME, "C1", since=SINCE, is_known=lambda message: message in ids)


def times(reading: Reading) -> list[str]:
    return [message["ts"] for message in reading.messages]


def test_what_is_older_is_left_alone_and_the_rest_comes_oldest_first():
    assert times(read(Slack([said(300), said(50), said(200)]))) == [ts(200), ts(300)]


def test_replies_in_an_old_thread_are_found():
    reading = read(Slack([parent(50, replied=200)], {ts(50): [said(200, thread_ts=ts(50))]}))
    assert times(reading) == [ts(200)]
    assert reading.newest == ts(200)


def test_a_thread_that_is_gone_by_now_does_not_cost_the_channels_other_messages():
    reading = read(Slack([parent(50, replied=200), said(300)]))
    assert times(reading) == [ts(300)]


def test_a_thread_where_only_we_replied_is_read_only_for_a_message_nobody_knows():
    top = [
        parent(50, replied=200, by="U0BOT"),
        parent(150, replied=210, by="U0BOT"),
        parent(160, replied=220, by="U0BOT"),
    ]
    slack = Slack(top, {ts(160): [{"ts": ts(220), "user": "U0BOT", "bot_id": "B0BOT"}]})
    reading = read(slack, 150)
    assert slack.read == [ts(160)]
    assert reading.answered == {message_id("T1", "C1", ts(160)): None}


def test_of_very_many_messages_the_newest_are_kept_and_the_others_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history, "MOST_MESSAGES", 2)
    reading = read(Slack([said(seconds) for seconds in (200, 300, 400, 500)]))
    assert (times(reading), reading.skipped, reading.newest) == ([ts(400), ts(500)], 2, ts(500))


def test_a_channel_that_is_closed_to_us_is_said_to_be():
    def closed(method: str, **_: object) -> dict[str, Any]:
        raise Unreadable("not_in_channel")

    with pytest.raises(Unreadable, match="not_in_channel"):
        read_channel(closed, ME, "C1", since=SINCE, is_known=lambda _: False)
