"""The worker as `python -m worker` runs it, with a model that misbehaves as told. Settings as usual.

`--takes 0.2` makes each batch that much slower and `--each 0.03` each text, so that a fault finds work in hand; with
`--killable` a text with the word "kills" ends the process; `--fails VERSION` fails on every text but the canaries.
"""

import argparse
import os
import signal
import time
from collections.abc import Sequence
from typing import Any

from classifier.encoding import Encoded
from classifier.predictor import Prediction
from classifier.registry import Registry
from worker import log, settings
from worker.__main__ import run
from worker.loading import Load, Loaded, Predictor, loader
from worker.service import Service

KILLS = "kills"


class Touchy:
    """A predictor with a fault around the real one."""

    def __init__(self, real: Predictor, *, takes: float, each: float, killable: bool, fails: bool) -> None:
        self._real, self._takes, self._each, self._killable, self._fails = real, takes, each, killable, fails
        known = real.encode([canary.text for canary in real.canaries])
        self._canaries = {tuple(one.ids) for one in known}

    def __getattr__(self, name: str) -> Any:
        """Whatever else a worker asks of its predictor, the real one tells."""
        return getattr(self._real, name)

    def encode(self, texts: Sequence[str]) -> Sequence[Encoded]:
        if self._killable and any(KILLS in text for text in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        return self._real.encode(texts)

    def predict(self, encoded: Sequence[Encoded]) -> Sequence[Prediction]:
        time.sleep(self._takes + self._each * len(encoded))
        if self._fails and not all(tuple(one.ids) in self._canaries for one in encoded):
            raise ValueError("this version fails on live texts")
        return self._real.predict(encoded)


def touchy(load: Load, options: argparse.Namespace) -> Load:
    def load_one(name: str, sha256: str) -> Loaded:
        loaded = load(name, sha256)
        fails = name.startswith(options.fails) if options.fails else False
        how = {"takes": options.takes, "each": options.each, "killable": options.killable}
        predictor = Touchy(loaded.predictor, fails=fails, **how)
        return Loaded(loaded.name, loaded.sha256, predictor)

    return load_one


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--takes", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--each", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--killable", action="store_true")
    parser.add_argument("--fails", default="", metavar="VERSION", help="versions whose names begin so")
    options = parser.parse_args()
    chosen = settings.load()
    log.configure(chosen.log_level, chosen.log_format, [chosen.redis_url.get_secret_value()])
    load = loader(Registry(chosen.home), runtime=chosen.runtime, threads=chosen.threads)
    os._exit(run(Service(chosen, load=touchy(load, options))))
