"""A worker process that can be made to die at a named point: `run_worker.py --dies-after read`. Settings as usual.

`--model words` (the default) needs neither TensorFlow nor files; `--model real` loads versions from CLF_HOME.
"""

import argparse
import os
import signal
from collections.abc import Callable

from tests.worker.keyword_model import SLOW_SECONDS, words
from worker import log, settings
from worker.__main__ import run
from worker.service import Service


def dying(point: str | None, nth: int) -> Callable[[str], None]:
    """A hook that kills this process, as SIGKILL or the memory killer would, when `point` is reached the nth time."""
    seen = 0

    def at(name: str) -> None:
        nonlocal seen
        seen += name == point
        if name == point and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dies-after", choices=["read", "encoded", "predicted", "finished"])
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--model", choices=["words", "real"], default="words")
    parser.add_argument("--slow", type=float, default=SLOW_SECONDS, help="seconds a text with that word takes")
    options = parser.parse_args()
    chosen = settings.load()
    log.configure(chosen.log_level, chosen.log_format, [chosen.redis_url.get_secret_value()])
    load = words(options.slow) if options.model == "words" else None
    os._exit(run(Service(chosen, load=load, at=dying(options.dies_after, options.nth))))
