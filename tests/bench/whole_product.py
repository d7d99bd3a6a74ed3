"""`python -m tests.bench.whole_product`: people write as fast as they can, and everything runs on the same cores."""

import itertools
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import psutil

from clfadmin import broker
from tests.bench import models, part
from tests.bench.part import Part, Table
from tests.bench.texts import benchmark_texts
from tests.e2e.conftest import Installation, start, stop
from worker.connection import connect
from worker.jobs import Keys, StreamName

COMMAND = "python -m tests.bench.whole_product"
CHANNELS, HANDS = 20, 8
# The worker's batches have found their size by then.
WARM_UP = 3.0
PARTS = {"worker": "worker", "bot": "bot", "clfadmin.sandbox": "local Slack", "clfadmin.broker_server": "broker"}


@contextmanager
def people(installation: Installation, texts: list[str]) -> Iterator[list[int]]:
    """Post without a pause, in all channels; yields a list that grows with every post."""
    channels = [f"room{number}" for number in range(CHANNELS)]
    for channel in channels:
        installation.door("POST", "channels", name=channel)
    posts = zip(itertools.cycle(channels), itertools.cycle(texts), strict=False)
    done: list[int] = []
    lock, enough = threading.Lock(), threading.Event()

    def hand() -> None:
        with httpx.Client(base_url=installation.url, timeout=30) as client:
            while not enough.is_set():
                with lock:
                    channel, text = next(posts)
                body = {"channel": channel, "user": "ada", "text": text}
                client.post("/_sandbox/messages", json=body).raise_for_status()
                done.append(1)

    with ThreadPoolExecutor(HANDS) as pool:
        hands = [pool.submit(hand) for _ in range(HANDS)]
        try:
            yield done
        finally:
            enough.set()
    for one in hands:
        one.result()


def processes(installation: Installation) -> dict[str, psutil.Process]:
    """Those that do the work, by what they are; Valkey is a child of the broker's process."""
    found = {title: installation.children(module)[0] for module, title in PARTS.items()}
    (found["broker"],) = found["broker"].children()
    return found | {"people": psutil.Process()}


def cpu(found: dict[str, psutil.Process]) -> dict[str, float]:
    """Seconds of processor time so far."""
    return {f"cores, {title}": sum(process.cpu_times()[:2]) for title, process in found.items()}


def watched(installation: Installation, texts: list[str], seconds: float) -> dict[str, float]:
    """Messages posted, enqueued and labelled a second, and the cores each process used."""
    found = processes(installation)
    with closing(connect(str(broker.find_url(installation.home)))) as client, people(installation, texts) as posted:

        def look() -> dict[str, float]:
            counts = {
                name: client.xinfo_stream(Keys().stream(stream))["entries-added"]
                for name, stream in (("enqueued", StreamName.JOBS), ("labelled", StreamName.RESULTS))
            }
            return {"time": time.perf_counter(), "posted": len(posted)} | counts | cpu(found)

        time.sleep(WARM_UP)
        before = look()
        time.sleep(seconds)
        after = look()
    span = after.pop("time") - before["time"]
    return {name: (value - before[name]) / span for name, value in after.items()}


def measure(folder: Path, settings: part.Settings) -> Part:
    texts, what = benchmark_texts(2000, settings.data)
    home = folder / "home"
    models.install_starter(home)
    installation = start(home, CLF_THREADS=str(settings.threads), TMPDIR=os.environ.get("TMPDIR", "/tmp"))
    try:
        found = watched(installation, texts, 5 if settings.quick else 20)
    finally:
        # A second Ctrl-C: thousands of replies wait for Slack's pace, and nobody for them.
        threading.Timer(1, installation.process.send_signal, [signal.SIGINT]).start()
        stop(installation)
    part.say(f"whole product: {found}")
    rows = [
        *([f"messages {name} /s", f"{found[name]:,.0f}"] for name in ("posted", "enqueued", "labelled")),
        *([name, f"{value:.2f}"] for name, value in found.items() if name.startswith("cores")),
    ]
    return Part(
        title="Everything on the same cores",
        command=COMMAND,
        text=[
            f"`clfadmin up` with the local Slack: {HANDS} hands post without a pause in {CHANNELS} channels, the bot "
            "takes the events and enqueues, the worker labels, the bot answers at Slack's pace. The local Slack and "
            f"the hands, which a real workspace would not run here, take their share of the cores. {what}.",
        ],
        tables=[Table(("", "figure"), rows)],
        figures=dict(found),
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="clf-bench-") as folder:
        part.write("whole", measure(Path(folder), part.settings()))


if __name__ == "__main__":
    main()
