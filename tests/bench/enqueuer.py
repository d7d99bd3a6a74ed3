"""`python -m tests.bench.enqueuer URL PREFIX`: puts jobs into the queue as fast as it takes them, until it is ended."""

import itertools
import sys
import time

from tests.bench import part, rig
from tests.bench.texts import benchmark_texts
from worker.jobs import Keys
from worker.stream import Enqueued, enqueuer

# What may wait: enough that the worker never runs dry.
LIMIT = 20_000


def main() -> None:
    url, prefix = sys.argv[1:]
    texts, _ = benchmark_texts(2000, part.settings().data)
    queue = enqueuer(url, keys=Keys(prefix))
    for job in rig.jobs(itertools.cycle(texts)):
        while queue.enqueue(job, limit=LIMIT) is Enqueued.FULL:
            time.sleep(0.01)


if __name__ == "__main__":
    main()
