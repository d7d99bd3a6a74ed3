"""A poster in a process of its own that dies at a named point: `python doomed_poster.py REDIS PREFIX API POINT`."""

import os
import sys
import time
from datetime import timedelta

from bot.metrics import Metrics
from bot.poster import Poster, Posting
from bot.slack_client import Slack, quiet_web_client
from tests.sandbox_client import BOT_TOKEN
from worker.jobs import Keys


def main(url: str, prefix: str, api: str, point: str) -> None:
    def die_here(name: str) -> None:
        if name == point:
            os._exit(9)

    posting = Posting(lease=timedelta(seconds=60), at=die_here)
    slack = Slack(quiet_web_client(BOT_TOKEN, api))
    now_ms = lambda: int(time.time() * 1000)  # noqa: E731
    poster = Poster(
        url, slack, Metrics(), keys=Keys(prefix), consumer=f"doomed-{os.getpid()}", now_ms=now_ms, posting=posting
    )
    poster.start()
    time.sleep(20)  # longer than the test waits: it must have died before


if __name__ == "__main__":
    main(*sys.argv[1:])
