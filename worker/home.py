"""What a worker asks of its home: something to serve at the first start, and a note of what it serves."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context

import structlog

from classifier.errors import ClassifierError
from classifier.registry import Active, Registry
from classifier.starter import ensure_active
from classifier.version import Version
from worker.fleet import Fleet, Model
from worker.loading import fingerprint
from worker.model_slot import Serving

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def adopt(fleet: Fleet, registry: Registry, serving: Serving | None, *, by: str) -> Model:
    """Where nothing is committed (first start, broker flushed): commit what we serve, or what our home says.

    Returns the model hash after it; another worker may have been first. Raises QueueError, ClassifierError.
    """
    if serving:
        name, sha256, gen = serving.version, serving.loaded.sha256, serving.gen
    else:
        active = active_version(registry)
        version = _first_sound(registry, active)
        name, sha256, gen = version.name, fingerprint(version), active.gen
    # A higher number than any that results carry already.
    if fleet.adopt(gen=gen + 1, by=by, version=name, sha256=sha256):
        log.info("committed what this home serves", version=name, gen=gen + 1)
    return fleet.model()


def active_version(registry: Registry) -> Active:
    """What this home serves; in a home that serves nothing yet, the starter. Raises ClassifierError."""
    active = registry.active()
    if active:
        return active
    # In a process of its own: making the starter takes several times the memory that serving it does.
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(ensure_active, registry).result()
    except BrokenProcessPool as error:
        raise ClassifierError(
            "The starter version was not made: the process that did it was killed, perhaps for lack of memory. "
            "Free some, or import a version with `clfadmin models import`."
        ) from error


def _first_sound(registry: Registry, active: Active) -> Version:
    """The active version, else the previous one. Raises the active one's ClassifierError when neither is sound."""
    try:
        return _sound(registry, active.version)
    except ClassifierError as error:
        if active.previous is None:
            raise
        log.error("active version can't be served, trying the one before", version=active.version, why=str(error))
        with suppress(ClassifierError):
            return _sound(registry, active.previous)
        raise


def _sound(registry: Registry, name: str) -> Version:
    version = registry.get(name)
    # Read whole before the fleet is told to serve it: nobody could undo that commit.
    version.read_verified(without=version.manifest.files)
    return version


def remember(registry: Registry, name: str, gen: int, *, previous: str | None) -> None:
    """Note in ACTIVE that `name` is served under `gen`. Several processes of one home do this; the highest gen stays.

    Raises ClassifierError.
    """
    with registry.lock():
        now = registry.active()
        if now is None or now.gen < gen:
            registry.activate(name, gen, previous=previous)


class ActiveFile:
    """Keeps ACTIVE at what is served, so that offline commands and a flushed broker find it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._written = 0

    def follow(self, serving: Serving, model: Model) -> None:
        """Write it where it is behind: once for each commit, whatever comes of it."""
        if serving.gen == self._written or serving.gen != model.gen:
            return
        self._written = serving.gen
        try:
            remember(self._registry, serving.version, serving.gen, previous=model.prev_version or None)
        except (ClassifierError, OSError) as error:
            log.warning("ACTIVE not written, offline commands still see the version before", why=str(error))
