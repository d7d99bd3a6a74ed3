"""Which version a worker serves: loads candidates beside it, follows commits, switches between two batches.

One thread tells it what the fleet wants (`observe`), one takes what to serve (`serving`), a third loads; none waits for
another. What is wanted is always read from the model hash anew, so a lost or late word changes nothing.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from worker.fleet import Model, Prepared
from worker.loading import Load, Loaded, LoadFailed, Predictor, labels_of
from worker.log import where

# A version that can't be loaded is tried again after this: its files may have arrived meanwhile.
RETRY_SECONDS = 60.0

Key = tuple[str, str]  # version and sha256

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Serving:
    """A loaded version under the number of the commit that made it active."""

    loaded: Loaded
    gen: int

    @property
    def version(self) -> str:
        return self.loaded.name

    @property
    def predictor(self) -> Predictor:
        return self.loaded.predictor

    @property
    def key(self) -> Key:
        return self.loaded.name, self.loaded.sha256


@dataclass(frozen=True)
class Failure:
    code: str
    reason: str
    at: float


@dataclass(frozen=True)
class Report:
    """What a heartbeat says of the model; field names are those of WorkerBeat."""

    version: str = ""
    gen: int = 0
    runtime: str = ""
    labels: str = ""
    languages: str = ""
    candidate_gen: int = 0
    candidate_by: str = ""
    candidate: Prepared = Prepared.NONE
    code: str = ""
    reason: str = ""
    seconds: float = 0.0
    served_gen: int = 0


class ModelSlot:
    """Holds at most the active and the previous version, and a candidate in preparation."""

    def __init__(self, load: Load, *, on_change: Callable[[], None], clock: Callable[[], float] = time.monotonic):
        self._load = load
        self._on_change = on_change
        self._clock = clock
        self._lock = threading.RLock()
        self._model = Model()
        self._memory: dict[Key, Loaded] = {}
        self._failed: dict[Key, Failure] = {}
        self._loading: Key | None = None
        self._active: Serving | None = None
        self._next: Serving | None = None
        self._previous: Key | None = None
        self._served_gen = 0
        self._candidate_since = 0.0
        self._candidate_seconds = 0.0

    def serving(self) -> Serving | None:
        """What the next batch is answered with: the place where the switch happens. None until a version is loaded."""
        with self._lock:
            if self._next is not None:
                self._switch(self._next)
            return self._active

    def served(self, serving: Serving) -> None:
        """A batch was answered with `serving` from end to end."""
        with self._lock:
            if serving.gen == self._served_gen:
                return
            self._served_gen = serving.gen
        self._on_change()

    def unproven(self, serving: Serving) -> None:
        """The canary texts came out wrong although they were right before the switch: the fleet's table shows it."""
        log.error("canary texts came out wrong after the switch", version=serving.version, gen=serving.gen)
        with self._lock:
            reason = f"{serving.version!r} fails its canary texts since the switch. Go back with `clfadmin rollback`."
            self._failed[serving.key] = Failure("canary", reason, self._clock())
        self._on_change()

    def to_prove(self, serving: Serving) -> bool:
        """Whether no batch has shown yet that this commit is really served."""
        return self._served_gen != serving.gen and serving.key not in self._failed

    def active(self) -> Serving | None:
        """What is served now; unlike `serving` it never switches."""
        return self._active

    def before(self) -> Serving | None:
        """What was served until the last switch, as long as it is in memory."""
        with self._lock:
            loaded = self._memory.get(self._previous) if self._previous else None
            return Serving(loaded, self._active.gen - 1) if loaded and self._active else None

    def changing(self) -> bool:
        """Whether a candidate is on the table or a commit not served yet: somebody waits for news."""
        model = self._model
        return bool(model.next_gen) or (self._served_gen != model.gen and _commit(model) not in self._failed)

    def observe(self, model: Model, *, now_ms: int) -> None:
        """Do what this model hash asks for; `now_ms` is the server's clock. Returns at once."""
        with self._lock:
            if model.next_until <= now_ms:
                model = replace(model, next_gen=0, next_version="", next_sha256="", next_by="", next_until=0)
            if (model.next_gen, model.next_by) != (self._model.next_gen, self._model.next_by):
                self._new_candidate(model)
            self._model = model
            self._settle()

    def report(self) -> Report:
        with self._lock:
            active, model = self._active, self._model
            report = Report(served_gen=self._served_gen, candidate_gen=model.next_gen, candidate_by=model.next_by)
            if active:
                report = replace(report, version=active.version, gen=active.gen, runtime=active.predictor.runtime)
                labels, languages = "\n".join(labels_of(active.predictor)), " ".join(active.predictor.languages)
                report = replace(report, labels=labels, languages=languages)
            if model.next_gen:
                report = replace(report, candidate=self._prepared(), seconds=round(self._candidate_seconds, 2))
            failure = self._failed.get(_candidate(model)) or self._failed.get(_commit(model))
            return replace(report, code=failure.code, reason=failure.reason) if failure else report

    def _new_candidate(self, model: Model) -> None:
        # Another proposal of the same version is a fresh try: its files may have been mended.
        self._failed.pop(_candidate(model), None)
        self._candidate_since = self._clock()
        self._candidate_seconds = 0.0

    def _prepared(self) -> Prepared:
        key = _candidate(self._model)
        if key in self._memory:
            return Prepared.PREPARED
        return Prepared.FAILED if key in self._failed else Prepared.LOADING

    def _settle(self) -> None:
        """Bring what is in memory in line with the model hash. Called with the lock held."""
        self._follow_commit()
        keep = {_candidate(self._model), _commit(self._model), self._previous, self._loading}
        keep |= {serving.key for serving in (self._active, self._next) if serving}
        for key in self._memory.keys() - keep:
            del self._memory[key]
        if self._loading is None and (wanted := self._wanted()):
            self._loading = wanted
            threading.Thread(target=self._load_one, args=[wanted], name="loader", daemon=True).start()

    def _follow_commit(self) -> None:
        model = self._model
        if not model.gen or (self._active and self._active.gen == model.gen):
            self._next = None
            return
        if loaded := self._memory.get(_commit(model)):
            self._next = Serving(loaded, model.gen)
        elif self._active is None and _commit(model) in self._failed and (spare := self._memory.get(_spare(model))):
            # Served under the number before: that is the commit which made it active.
            self._next = Serving(spare, model.gen - 1)

    def _wanted(self) -> Key | None:
        """The one version to load next, the most urgent first."""
        model, wanted = self._model, list[Key]()
        if model.gen and not (self._active and self._active.gen == model.gen):
            wanted.append(_commit(model))
            if self._active is None and self._next is None and _commit(model) in self._failed:
                wanted.append(_spare(model))
        if model.next_gen:
            wanted.append(_candidate(model))
        return next((key for key in wanted if key[0] and key not in self._memory and self._may_try(key)), None)

    def _may_try(self, key: Key) -> bool:
        failure = self._failed.get(key)
        if failure is None:
            return True
        # A candidate is tried once: the operator is waiting for the answer.
        return key != _candidate(self._model) and self._clock() - failure.at >= RETRY_SECONDS

    def _load_one(self, key: Key) -> None:
        """The loader thread: one version, then settle again."""
        started = self._clock()
        try:
            outcome = self._load(*key)
        except LoadFailed as error:
            outcome = Failure(error.code, error.reason, self._clock())
            log.error("version not loaded, the one before serves on", version=key[0], code=error.code, why=error.reason)
        # Whatever else a library raises must be reported as this version's failure, not end the thread unseen.
        except Exception as error:
            outcome = Failure("error", f"{type(error).__name__} while loading {key[0]!r}, see the log.", self._clock())
            why = f"{str(error)[:300]} {where(error)}"
            log.error("version not loaded, the one before serves on", version=key[0], code="error", why=why)
        with self._lock:
            self._loading = None
            if isinstance(outcome, Failure):
                self._failed[key] = outcome
            else:
                self._failed.pop(key, None)
                self._memory[key] = outcome
                log.info("version loaded", version=key[0], seconds=round(self._clock() - started, 2))
            if key == _candidate(self._model):
                self._candidate_seconds = self._clock() - self._candidate_since
            self._settle()
        self._on_change()

    def _switch(self, serving: Serving) -> None:
        before, self._active, self._next = self._active, serving, None
        if before and before.key != serving.key:
            self._previous = before.key
        log.info("switched", version=serving.version, gen=serving.gen, before=before.version if before else "")


def _commit(model: Model) -> Key:
    return model.version, model.sha256


def _spare(model: Model) -> Key:
    return model.prev_version, model.prev_sha256


def _candidate(model: Model) -> Key:
    return model.next_version, model.next_sha256
