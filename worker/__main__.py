"""`python -m worker`: one worker, set up by the environment alone (see worker/settings.py)."""

import os
import signal
import sys
from types import FrameType

from classifier.errors import ClassifierError
from worker import log, settings
from worker.connection import Misconfigured
from worker.health import PortInUse
from worker.service import Service


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code. What a person must mend is one line on standard error and a 1."""
    try:
        chosen = settings.load()
        log.configure(chosen.log_level, chosen.log_format, [chosen.redis_url.get_secret_value()])
        service = Service(chosen)
        return run(service)
    except (settings.SettingsError, Misconfigured, ClassifierError, PortInUse) as error:
        sys.stderr.write(f"worker: {error}\n")
        return 1


def run(service: Service) -> int:
    """Run this service with the signals of a process connected to it."""

    def stop(number: int, frame: FrameType | None) -> None:
        service.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return service.run()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The model's own threads may still be at work when a batch was given up; Python's exit would wait for them.
    os._exit(code)
