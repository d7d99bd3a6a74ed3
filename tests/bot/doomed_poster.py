"""A poster in a process of its own that dies at a named point: `python doomed_poster.py REDIS PREFIX API POINT`.

At the point "frozen before the send" it stops instead, as a suspended machine does, until it gets SIGCONT.
"""

import os
import signal
import sys
import time
from datetime import timedelta
from typing import Any

from bot.answering import Answering
from bot.identity import Identity
from bot.listening import Listening
from bot.metrics import Metrics
from bot.pacing import POST
from bot.poster import Poster, Posting
from bot.slack_client import Slack, quiet_web_client
from bot.store import Store
from tests.sandbox_client import BOT_TOKEN
from worker.jobs import Keys


class FreezingSlack(Slack):
    """Stops this process where nothing looks at the lease any more."""

    def call(self, method: str, **fields: object) -> dict[str, Any]:
        if method == POST:
            os.kill(os.getpid(), signal.SIGSTOP)
        return super().call(method, **fields)


def main(url: str, prefix: str, api: str, point: str) -> None:
    def die_here(name: str) -> None:
        if name == point:
            os._exit(9)

    posting = Posting(lease=timedelta(seconds=60), at=die_here)
    slack = (FreezingSlack if point == "frozen before the send" else Slack)(quiet_web_client(BOT_TOKEN, api))
    now_ms = lambda: int(time.time() * 1000)  # noqa: E731
    memory = Store(url, keys=Keys(prefix)).of("T0SANDBOX")
    poster = Poster(url, Metrics(), keys=Keys(prefix), consumer=f"doomed-{os.getpid()}", now_ms=now_ms, posting=posting)
    poster.open(slack, Answering(Listening(memory.channels), Identity(memory.team, "U0BOT")), memory)
    poster.start()
    time.sleep(20)  # longer than the test waits: it must have died before


if __name__ == "__main__":
    main(*sys.argv[1:])
