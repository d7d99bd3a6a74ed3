"""Keeps the leases of what the lanes hold, whatever the reader waits for."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from bot.lanes import Lanes
from worker.connection import QueueError
from worker.jobs import StreamName
from worker.stream import Queue


def renew_forever(queue: Queue, lanes: Callable[[], list[Lanes]], lease: timedelta, stopping: threading.Event) -> None:
    """Until `stopping`, with a connection of its own. What was lost to others is dropped from its lane."""
    every = lease.total_seconds() / 4
    wait = every
    while not stopping.wait(wait):
        wait = every
        now = lanes()
        held = {entry for one in now for entry in one.entries()}
        if not held:
            continue
        at = time.monotonic()
        try:
            lost = queue.renew(StreamName.RESULTS, held)
        except QueueError:
            wait = min(1.0, every)  # the reader logs it
            continue
        for one in now:
            one.renewed(held - lost, at)
            one.drop(lost)
