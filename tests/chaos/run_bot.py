"""The bot as `python -m bot` runs it, but for its patience: `run_bot.py --speed 50 --lease 6 [--dies POINT --nth N]`.

`--speed` multiplies Slack's limits as the sandbox's clock does; `--lease` is that of results, which has no setting.
"""

import argparse
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from bot import process, reconcile
from bot.history import HISTORY
from bot.listeners import register
from bot.log import quieten
from bot.pacing import REACT, READ, WHISPER, Limits
from bot.poster import Posting
from bot.settings import Settings
from worker import log

CALLS_PER_MINUTE = {REACT: 50, READ: 50, WHISPER: 100, HISTORY: 50}


def hurried(speed: float) -> Limits:
    """Slack's limits, a little below what it allows as the real ones are, times `speed`."""
    usual = Limits()
    return Limits(
        channel_per_second=usual.channel_per_second * speed,
        posts_per_minute=int(usual.posts_per_minute * speed),
        calls_per_minute={method: int(number * speed) for method, number in CALLS_PER_MINUTE.items()},
    )


def dying(point: str, nth: int) -> Callable[[str], None]:
    """Kills this process when `point` is reached the nth time."""
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        seen += name == point
        if name == point and seen >= nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--lease", type=float, default=60.0)
    parser.add_argument("--settle", type=float, default=10.0, help="how long a post may take to show up in its thread")
    parser.add_argument(
        "--dies", default="", choices=["", "before begin", "after begin", "after send", "before finish"]
    )
    parser.add_argument("--nth", type=int, default=1)
    options = parser.parse_args()
    posting = Posting(
        limits=hurried(options.speed),
        lease=timedelta(seconds=options.lease),
        call_takes=timedelta(seconds=min(10.0, options.lease / 3)),
        at=dying(options.dies, options.nth),
    )
    # bot.process takes them by these names; there is no setting, since nobody but a test should change them.
    process.register = partial(register, posting=posting)
    reconcile.SETTLE = timedelta(seconds=options.settle)
    settings = Settings.load()
    log.configure(settings.clf_log_level, settings.clf_log_format, settings.secrets)
    quieten()
    process.run(settings)


if __name__ == "__main__":
    main()
