"""`clfadmin swap-model` and `rollback`: move the running workers to another version without a message lost."""

from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from classifier.errors import ClassifierError
from clfadmin import console
from clfadmin.options import Home, Json, RedisUrl

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from classifier.registry import Registry
    from clfadmin.settings import Settings
    from clfadmin.swapping import Outcome, Row, Swap
    from worker.fleet import Fleet, Model

SWAP_EXAMPLE = "Example: clfadmin swap-model team-2"
ROLLBACK_EXAMPLE = "Example: clfadmin rollback"
FAILED, REFUSED, INTERRUPTED = 1, 3, 130

# Under the five minutes after which an unfinished proposal expires by itself.
LONGEST = 240
Timeout = Annotated[
    int, typer.Option("--timeout", metavar="SECONDS", min=1, max=LONGEST, help="How long each phase may take.")
]


def swap_model(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="What shall be served, see `clfadmin models`.")],
    *,
    timeout: Timeout = 120,
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Load VERSION on every worker beside the old one, check it there, then switch all between two batches."""
    from classifier.registry import Registry
    from clfadmin import settings

    chosen = settings.load(home=home, redis_url=redis_url)
    registry = Registry(chosen.home)
    with _swap(chosen, timeout) as swap, _refusal_shown(swap.fleet, version, json=json):
        sha256 = _checked(registry, version)
        unattended = not swap.live()
        if unattended:
            _loaded_here(registry, version, sha256)
            _adopt(swap.fleet, registry, by=swap.by)
        _end(_outcome(swap, lambda: swap.to(version, sha256, unattended=unattended)), swap, registry, json=json)


def rollback(*, timeout: Timeout = 120, home: Home = None, redis_url: RedisUrl = None, json: Json = False) -> None:
    """Serve the version before the present one again; running workers still have it in memory."""
    from classifier.registry import Registry
    from clfadmin import settings

    chosen = settings.load(home=home, redis_url=redis_url)
    registry = Registry(chosen.home)
    with _swap(chosen, timeout) as swap:
        model = swap.fleet.model()
        if not model.prev_version:
            raise NothingBefore("There is no version before the present one. Choose one with `clfadmin swap-model`.")
        with _refusal_shown(swap.fleet, model.prev_version, json=json):
            _check_if_here(registry, model)
            _end(_outcome(swap, swap.back), swap, registry, json=json)


class NothingBefore(ClassifierError):
    """Nothing was swapped yet, so there is nothing to return to."""


@contextmanager
def _swap(settings: "Settings", timeout: int) -> "Generator[Swap]":
    from clfadmin.broker import require_url
    from clfadmin.swapping import Swap
    from worker.fleet import Fleet
    from worker.jobs import Keys

    given = settings.redis_url.get_secret_value() if settings.redis_url else None
    with closing(Fleet(require_url(settings.home, given), keys=Keys(settings.prefix))) as fleet:
        yield Swap(fleet, timeout=timedelta(seconds=timeout), watch=_watcher())


def _checked(registry: "Registry", name: str) -> str:
    """The version's sha256, once its files and what they hold are sound. Raises VersionNotFound, VersionRefused."""
    from classifier.encoding import load_tokenizer
    from classifier.predictor import parse_canaries
    from classifier.weights import read_tensors, version_shapes
    from worker.loading import fingerprint

    version = registry.get(name)
    files = version.read_verified()
    read_tensors(files["weights.safetensors"], version_shapes(version.config))
    load_tokenizer(files["tokenizer.json"], max_length=version.config.max_length)
    parse_canaries(files["canary.jsonl"])
    return fingerprint(version)


def _loaded_here(registry: "Registry", name: str, sha256: str) -> None:
    """Without a worker nobody else would try the canary texts. Raises VersionRefused."""
    from classifier.errors import VersionRefused
    from worker.loading import LoadFailed, loader

    console.note("No worker is running: trying the version here.")
    try:
        loader(registry, runtime="auto", threads=None)(name, sha256)
    except LoadFailed as error:
        raise VersionRefused(error.code, error.reason) from error


def _adopt(fleet: "Fleet", registry: "Registry", *, by: str) -> None:
    """On a fresh broker, first commit what this home serves: a rollback shall have somewhere to go."""
    from worker.home import adopt

    if not fleet.model().gen and registry.active():
        # A damaged active version is a good reason to swap, not one to refuse it.
        with suppress(ClassifierError):
            adopt(fleet, registry, None, by=by)


def _check_if_here(registry: "Registry", model: "Model") -> None:
    """Refuse to return to a version whose files were damaged meanwhile; on another machine they may be missing."""
    if model.prev_version in registry.names():
        _checked(registry, model.prev_version)


def _outcome(swap: "Swap", run: "Callable[[], Outcome]") -> "Outcome":
    try:
        return run()
    except KeyboardInterrupt:
        if not swap.committed:
            raise
        # Not an error line: what was asked for happens, we just do not wait for it.
        console.note("interrupted; the change was committed already and the workers go on with it")
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def _refusal_shown(fleet: "Fleet", name: str, *, json: bool) -> "Generator[None]":
    """With --json a version refused before any worker saw it gets its document too; the error goes on up."""
    from classifier.errors import VersionRefused
    from clfadmin.swapping import Outcome, State

    try:
        yield
    except VersionRefused as error:
        if json:
            _document(Outcome(fleet.model().version, name, State.REFUSED, 0.0, reason=str(error)))
        raise


def _end(outcome: "Outcome", swap: "Swap", registry: "Registry", *, json: bool) -> None:
    from clfadmin.swapping import State

    if swap.committed:
        _remember(registry, swap.fleet.model())
    if json:
        _document(outcome)
    else:
        _show(outcome)
    if outcome.reason:
        console.error(outcome.reason)
        raise typer.Exit(REFUSED if outcome.state is State.REFUSED else FAILED)


def _remember(registry: "Registry", model: "Model") -> None:
    """Offline commands of this home follow the fleet, where this home has the version."""
    from worker.home import remember

    if model.version in registry.names():
        remember(registry, model.version, model.gen, previous=model.prev_version or None)


def _document(outcome: "Outcome") -> None:
    fields: dict[str, object] = asdict(outcome)
    # `gate` is what a comparison on data found; none is made yet.
    console.document({"from": fields.pop("before"), **fields, "gate": {}})


def _show(outcome: "Outcome") -> None:
    if outcome.workers:
        rows = [[id, row.state, f"{row.seconds:.1f}", row.reason] for id, row in sorted(outcome.workers.items())]
        console.table(("worker", "state", "seconds", "reason"), rows, right=("seconds",))
    console.say(_summary(outcome))


def _summary(outcome: "Outcome") -> str:
    from clfadmin.swapping import State

    before = outcome.before or "nothing"
    match outcome.state:
        case State.ACTIVE:
            return f"{outcome.to} is active after {outcome.seconds:.1f} s; before: {before}."
        case State.COMMITTED if not outcome.workers:
            return f"No worker is running: {outcome.to} is committed for the next one; before: {before}."
        case State.COMMITTED:
            return f"{outcome.to} is committed; before: {before}."
        case _:
            return f"{outcome.state.value}: {before} goes on serving."


def _watcher() -> "Callable[[dict[str, Row]], None]":
    """Tells each worker's steps as they happen."""
    seen: dict[str, str] = {}

    def watch(rows: "dict[str, Row]") -> None:
        for id, row in rows.items():
            if seen.get(id) != row.state:
                seen[id] = row.state
                console.note(f"{id}: {row.state} ({row.seconds:.1f} s)")

    return watch
