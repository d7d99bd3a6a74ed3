"""Many messages as fast as the door takes them: none lost, none answered twice, memory bounded."""

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from clfadmin.sandbox.log import MAX_ENTRIES, Envelope, Log
from tests.conftest import wait_until
from tests.sandbox.conftest import Wire, connected, make_bolt, opened
from tests.sandbox_client import SandboxClient

MIXED = (
    "great work, the release went out without a hitch",
    "this is broken *again*, see https://ci.example/job/17?a=1&b=2",
    "ok",
    ":tada: :tada:",
    "naïve café 好的 ☕",
    "if a < b && c > d: `raise`",
    "@here lunch in #dev?",
    "x" * 3000,
)


@pytest.fixture
def acker(sandbox: SandboxClient) -> Iterator[Counter[str]]:
    """A bare app that only acknowledges; counts what it got by text."""
    got: Counter[str] = Counter()

    def read(wire: Wire) -> None:
        try:
            while True:
                frame = wire.frame(60)
                wire.ack(frame)
                got[frame["payload"]["event"]["text"]] += 1
        except ConnectionClosed:
            return

    with opened(sandbox) as wire:
        thread = threading.Thread(target=read, args=(wire,))
        thread.start()
        yield got
        wire.connection.close()
        thread.join(10)


def test_two_hundred_messages_in_twenty_channels_are_answered_once_each(sandbox: SandboxClient) -> None:
    sandbox.clock(1000)  # or the replies take seven seconds
    channels = [sandbox.channel(f"room-{number}") for number in range(20)]
    with connected(sandbox, make_bolt(sandbox, [])):
        posted = {
            (channels[number % 20], sandbox.post(channels[number % 20], "ada", MIXED[number % len(MIXED)]))
            for number in range(200)
        }
        wait_until(lambda: sandbox.counts().get("calls:chat.postMessage:200", 0) >= 200, "200 replies", 60)

    def answered() -> Counter[tuple[str, str]]:
        every = [(channel, message) for channel in channels for message in sandbox.messages(channel)]
        return Counter((channel, message["thread_ts"]) for channel, message in every if "bot_id" in message)

    assert answered().keys() == posted
    assert set(answered().values()) == {1}
    assert sandbox.duplicates() == 0


def test_two_thousand_messages_from_many_hands_arrive(sandbox: SandboxClient, acker: Counter[str]) -> None:
    texts = [f"{number}: {MIXED[number % 6]}" for number in range(2000)]
    with ThreadPoolExecutor(8) as hands:
        stamps = list(hands.map(lambda text: sandbox.post("general", "ada", text), texts))
    assert len(set(stamps)) == 2000
    wait_until(lambda: sandbox.counts().get("acked", 0) == 2000, "2000 acknowledgements", 60)
    assert len(sandbox.messages("general")) == 2000
    assert sum(acker.values()) == sandbox.counts()["attempts"]
    assert set(acker.values()) == {1}


def test_the_log_is_capped_and_counts_on() -> None:
    log = Log()
    for number in range(MAX_ENTRIES + 7):
        log.envelope(Envelope("events_api", {"event_id": f"Ev{number}"}))
        log.call({"method": "chat.postMessage", "status": 200})
    told: dict[str, Any] = log.json()
    assert len(told["envelopes"]) == len(told["calls"]) == MAX_ENTRIES
    assert told["counts"]["envelopes"] == told["counts"]["calls"] == MAX_ENTRIES + 7
    assert told["dropped"] == {"envelopes": 7, "calls": 7}
    assert told["envelopes"][0]["event_id"] == "Ev7"


@pytest.fixture(autouse=True)
def no_request_logs() -> None:
    """A line for each of thousands of requests would be kept by pytest."""
    for name in ("httpx", "uvicorn", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)
