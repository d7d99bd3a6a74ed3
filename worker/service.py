"""One worker from start to end: wires the parts together, joins the fleet, drains and leaves."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import structlog

from classifier.errors import ClassifierError
from classifier.registry import Registry
from worker import metrics
from worker.address import shown
from worker.batches import Pace
from worker.connection import RENEWER, Full, Misconfigured, QueueError, check_server
from worker.fleet import Fleet, Model, WorkerBeat
from worker.guard import Guard
from worker.health import Health
from worker.heart import Heart, ServerClock
from worker.home import ActiveFile, active_version, adopt
from worker.janitor import Janitor
from worker.jobs import Keys
from worker.loading import Load, loader
from worker.log import where
from worker.loop import Loop
from worker.model_slot import ModelSlot
from worker.renewer import DEADLINE_SHARE, Held, Renewer
from worker.settings import Settings
from worker.shadow import Shadower
from worker.shadow_book import ShadowBook
from worker.stream import Queue
from worker.trouble import Trouble

# A service manager usually kills after 30 s; what is not finished by then goes back to the queue.
DRAIN_SECONDS = 20.0
# A loop that has not turned for this long is stuck.
STUCK_SECONDS = 10.0
TICK_SECONDS = 0.1

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def no_hook(point: str) -> None:
    """Outside tests nothing happens at the named points."""


class Service:
    """`load` and `at` are for tests: another model, and what happens at a named point of the loop."""

    def __init__(self, settings: Settings, *, load: Load | None = None, at: Callable[[str], None] = no_hook) -> None:
        url, keys = settings.redis_url.get_secret_value(), Keys(settings.prefix)
        self.settings = settings
        self.host = socket.gethostname()
        # Never reused: the name is the fence between this process and the one before it.
        self.name = f"{self.host}-{os.getpid()}-{secrets.token_hex(4)}"
        self.registry = Registry(settings.home)
        self.stopping = threading.Event()
        self.stopped = threading.Event()
        self.signals = 0
        self.crashed = False
        self.clock = ServerClock()
        self.held = Held()
        self.pace = Pace(settings.token_budget)
        self.guard = Guard(on_verdict=lambda: self.heart.beat_soon())
        self.queue = Queue(url, keys=keys, consumer=self.name)
        self.second_queue = Queue(url, keys=keys, consumer=self.name, patience=RENEWER)
        self.fleet = Fleet(url, keys=keys)
        load = load or loader(self.registry, runtime=settings.runtime, threads=settings.threads)
        self.slot = ModelSlot(load, on_change=lambda: self.heart.beat_soon())
        self.shadow = Shadower(load, worker=self.name)
        self.shadow_book = ShadowBook(self.fleet.client, keys)
        self.active_file = ActiveFile(self.registry)
        self.heart = Heart(
            self.fleet,
            clock=self.clock,
            observe=self._observe,
            compose=self._beat,
            hurried=self.slot.changing,
            stop=self.stopped,
        )
        self.renewer = Renewer(self.second_queue, self.held, lease=settings.lease, stop=self.stopped)
        self.loop = Loop(
            self.queue,
            self.slot,
            self.held,
            lease=settings.lease,
            pace=self.pace,
            guard=self.guard,
            clock=self.clock,
            stop=self.stopping,
            at=at,
            shadow=self.shadow,
        )
        self.health: Health | None = None
        self.problem = ""
        self._threads: list[threading.Thread] = []

    def run(self) -> int:
        """Until `stop`; the exit code. Raises Misconfigured, ClassifierError and PortInUse while starting."""
        if self.settings.http_port is not None:
            self.health = Health(
                self.settings.bind, self.settings.http_port, not_alive=self.not_alive, not_ready=self.not_ready
            )
            self.health.start()
        # Before the model: a wrong password should show at once and not after ten seconds of loading.
        if not self._connect():
            return 0
        janitor = Janitor(self.second_queue, self.fleet, stop=self.stopped)
        self._start("heart", self.heart.run)
        self._start("renewer", self.renewer.run)
        self._start("janitor", janitor.run)
        loop = self._start("loop", self.loop.run)
        self._watch()
        return self._drain(loop)

    def stop(self) -> None:
        """Finish the batch, release the rest, leave. Called again: release everything and leave. Signal-safe."""
        self.signals += 1
        self.stopping.set()

    def not_alive(self) -> str:
        if self.crashed:
            return "a part of this worker crashed, see its log"
        if self._threads and time.monotonic() - self.loop.last_turn > STUCK_SECONDS:
            return "the loop is stuck"
        return ""

    def not_ready(self) -> str:
        if self.stopping.is_set():
            return "stopping"
        if self.slot.active() is None:
            return "no model loaded yet"
        if self.loop.trouble.present:
            return "Redis does not do what it should, see the log"
        return self.not_alive()

    def _connect(self) -> bool:
        """Check server and groups; waits for a Redis that is not there yet. False: told to stop meanwhile."""
        trouble = Trouble()
        while not self.stopping.is_set():
            try:
                check_server(self.queue.client)
                # A full Redis refuses to make groups; where they are there already, it can still be drained.
                with suppress(Full):
                    self.queue.ensure_groups()
                if not self.fleet.model().gen:
                    # Installing the starter takes seconds: not in the heart, which must beat.
                    active_version(self.registry)
            except Misconfigured:
                raise
            except QueueError as error:
                self.stopping.wait(trouble.met(error, held=0))
            else:
                return True
        return False

    def _start(self, name: str, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=self._guarded, args=[name, target], name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _guarded(self, name: str, target: Callable[[], None]) -> None:
        """A part that ends by an error nobody foresaw must take the process with it, or it would be missing unseen."""
        try:
            target()
        except Exception as error:
            log.error(
                "a part of the worker crashed, its process ends, its jobs come back", part=name, where=where(error)
            )
            self.crashed = True
            self.stopping.set()

    def _observe(self) -> None:
        """The heart's errand before each beat."""
        model = self.fleet.model()
        try:
            if not model.gen:
                model = adopt(self.fleet, self.registry, self.slot.active(), by=self.name)
            self.problem = ""
        except (ClassifierError, OSError) as error:
            if str(error) != self.problem:
                log.error("no version to serve, this worker takes no jobs", why=str(error))
            self.problem = str(error)
        model = self._roll_back(model)
        self.slot.observe(model, now_ms=self.clock.now_ms())
        if serving := self.slot.active():
            self.active_file.follow(serving, model)
        self.shadow.observe(self.shadow_book, model.gen)

    def _roll_back(self, model: Model) -> Model:
        """Where the version on trial misbehaves, take its commit back; several workers may try, one succeeds."""
        self.guard.exempt(model.rolled_back_gen)
        why = self.guard.verdict(model.gen)
        if not why or not model.prev_version:
            return model
        if self.fleet.roll_back(gen=model.gen, by=self.name, why=why):
            metrics.rolled_back.inc()
            log.error("rolled back", version=model.version, to=model.prev_version, why=why)
        return self.fleet.model()

    def _beat(self) -> WorkerBeat:
        report = self.slot.report()
        fields: dict[str, Any] = asdict(report)
        if self.problem:
            fields["reason"] = self.problem
        metrics.held.set(len(self.held))
        metrics.gen.set(report.gen)
        metrics.candidate.state(report.candidate.value or "none")
        metrics.budget.set(self.pace.budget)
        return WorkerBeat(
            id=self.name,
            host=self.host,
            pid=os.getpid(),
            state="stopping" if self.stopping.is_set() else "ready" if report.version else "starting",
            in_flight=len(self.held),
            last_finished_ms=self.loop.labeller.last_finished_ms,
            threads=self.settings.cores,
            token_budget=self.pace.budget,
            **fields,
        )

    def _watch(self) -> None:
        """Until told to stop: says once that the worker is ready, ends the process when the model hangs."""
        ready, ticks, batches = False, 0, 0
        lease_ticks = self.settings.lease_seconds * (1 + DEADLINE_SHARE) / TICK_SECONDS
        while not self.stopping.wait(TICK_SECONDS):
            if not ready and self.slot.active():
                ready = True
                self._say_ready()
            # Ticks, not seconds: a process that was frozen wakes up with its batch, and is not hung.
            ticks = ticks + 1 if self.held.batches == batches and self.held.busy() else 0
            batches = self.held.batches
            if ticks > lease_ticks:
                log.error("the model hangs, the process ends; other workers have its jobs", held=len(self.held))
                self.crashed = True
                self.stopping.set()

    def _say_ready(self) -> None:
        report = self.slot.report()
        log.info(
            "worker ready",
            worker=self.name,
            version=report.version,
            gen=report.gen,
            runtime=report.runtime,
            threads=self.settings.cores,
            token_budget=self.pace.budget,
            lease_seconds=self.settings.lease_seconds,
            redis=shown(self.settings.redis_url.get_secret_value()),
            http_port=self.health.port if self.health else None,
        )

    def _drain(self, loop: threading.Thread) -> int:
        """Wait for the loop to finish its batch and release the rest; the exit code."""
        self.heart.beat_soon()
        deadline = time.monotonic() + DRAIN_SECONDS
        while loop.is_alive() and time.monotonic() < deadline and self.signals < 2 and not self.crashed:
            loop.join(TICK_SECONDS)
        if loop.is_alive() and not self.crashed:
            self._abandon()
        self.stopped.set()
        self.heart.leave()
        if self.health:
            self.health.close()
        for thread in self._threads:
            thread.join(1)
        for client in (self.queue, self.second_queue, self.fleet):
            client.close()
        log.info("worker stopped", worker=self.name, held=len(self.held))
        return 1 if self.crashed else 0

    def _abandon(self) -> None:
        """The loop can't be waited for: release what it holds behind its back; what it still answers is fenced off."""
        # A batch beyond its deadline may be what hangs us: that delivery must count, or it would go round for ever.
        counted = self.held.batch_older_than(self.settings.lease * DEADLINE_SHARE)
        log.warning("batch given up, its jobs go back to the queue", held=len(self.held))
        try:
            for delivery in self.held.all():
                self.second_queue.release(delivery, lease=self.settings.lease, counted=counted)
                self.held.forget([delivery.entry])
        except QueueError as error:
            log.warning("jobs not released, they come back when their lease ends", held=len(self.held), why=str(error))
