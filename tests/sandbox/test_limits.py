"""Rate limits: by method, by channel, by workspace; told as 429 with Retry-After."""

import time

from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from clfadmin.sandbox.clock import Clock
from clfadmin.sandbox.limits import BURST, Limits, Tier
from tests.sandbox_client import BOT_TOKEN, SandboxClient

BEARER = {"Authorization": f"Bearer {BOT_TOKEN}"}


class StoppedClock(Clock):
    """Moves only when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds


def passed(limits: Limits, clock: StoppedClock, channel: str, *, seconds: int, tries_a_second: int = 4) -> int:
    """How many posts get through when one tries all the time."""
    count = 0
    for tick in range(seconds * tries_a_second):
        clock.seconds += 1 / tries_a_second if tick else 0
        count += limits.post("T1", channel) == 0
    return count


def test_a_channel_takes_three_at_once_and_then_one_a_second() -> None:
    clock = StoppedClock()
    limits = Limits(clock)
    assert [limits.post("T1", "C1") for _ in range(5)] == [0, 0, 0, 1, 1]
    assert passed(limits, clock, "C1", seconds=10) == 9
    assert limits.post("T1", "C2") == 0


def test_a_workspace_takes_three_hundred_posts_a_minute() -> None:
    clock = StoppedClock()
    limits = Limits(clock)
    answers = [limits.post("T1", f"C{number}") for number in range(310)]
    assert answers.count(0) == 300
    assert answers[300:] == [60] * 10
    assert limits.post("T2", "C1") == 0
    clock.seconds = 60
    assert limits.post("T1", "C1") == 0


def test_methods_have_a_burst_and_then_the_rate_of_their_tier() -> None:
    clock = StoppedClock()
    limits = Limits(clock)
    waits = [limits.method("T1", "reactions.remove", Tier.TWO) for _ in range(BURST + 1)]
    assert waits == [0] * BURST + [3]
    clock.seconds = 60
    again = [limits.method("T1", "reactions.remove", Tier.TWO) for _ in range(30)]
    assert again.count(0) == 20


def test_waiting_times_shrink_with_the_clock_but_stay_whole_seconds() -> None:
    clock = StoppedClock()
    clock.set_speed(10)
    limits = Limits(clock)
    for _ in range(BURST):
        limits.method("T1", "apps.connections.open", Tier.ONE)
    assert limits.method("T1", "apps.connections.open", Tier.ONE) == 6


def test_the_fourth_post_in_a_row_is_refused_with_429(sandbox: SandboxClient) -> None:
    url = f"{sandbox.api_url}chat.postMessage"
    answers = [sandbox.http.post(url, headers=BEARER, json={"channel": "general", "text": "x"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "1"
    assert answers[3].json() == {"ok": False, "error": "ratelimited"}
    assert len(sandbox.messages("general")) == 3


def test_the_sdk_waits_as_told_and_gets_through(sandbox: SandboxClient) -> None:
    web = WebClient(BOT_TOKEN, base_url=sandbox.api_url, retry_handlers=[RateLimitErrorRetryHandler(1)])
    began = time.monotonic()
    for _ in range(4):
        web.chat_postMessage(channel="general", text="x")
    assert time.monotonic() - began >= 1
    assert [call["status"] for call in sandbox.calls("chat.postMessage")] == [200, 200, 200, 429, 200]


def test_a_hurried_clock_lets_posts_through_sooner(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.clock(1000)
    for _ in range(20):
        web.chat_postMessage(channel="general", text="x")
        time.sleep(0.002)
    assert len(sandbox.messages("general")) == 20
