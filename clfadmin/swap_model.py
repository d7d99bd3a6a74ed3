"""`clfadmin swap-model` and `rollback`: move the running workers to another version without a message lost."""

from contextlib import closing, contextmanager
from dataclasses import KW_ONLY, asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classifier.errors import ClassifierError
from clfadmin import console, shadowing
from clfadmin.candidate import adopt, checked, loaded_here
from clfadmin.gate import refusal, weigh
from clfadmin.gate import show as show_gate
from clfadmin.options import Home, Json, LabelColumn, RedisUrl, TextColumn
from clfadmin.swapping import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from classifier.registry import Registry
    from classifier.rows import Columns
    from clfadmin.settings import Settings
    from clfadmin.swapping import Row, Swap
    from worker.fleet import Fleet, Model

SWAP_EXAMPLE = "Example: clfadmin swap-model team-2"
ROLLBACK_EXAMPLE = "Example: clfadmin rollback"
FAILED, REFUSED, INTERRUPTED = 1, 3, 130

# Under the five minutes after which an unfinished proposal expires by itself.
LONGEST, TIMEOUT = 240, 120
Timeout = Annotated[
    int, typer.Option("--timeout", metavar="SECONDS", min=1, max=LONGEST, help="How long each phase may take.")
]


def swap_model(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="What shall be served, see `clfadmin models`.")],
    *,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", metavar="FILE", show_default=False, help="Labelled texts to weigh it on. Repeatable."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Replay recent messages; swap nothing.")] = False,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", metavar="ID", show_default="all", help="With --dry-run: whose messages. Repeatable."),
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Let it label live traffic unseen; `clfadmin status` compares.")
    ] = False,
    stop_shadow: Annotated[bool, typer.Option("--stop-shadow", help="End that.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Swap although the evidence says it is worse.")] = False,
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    timeout: Timeout = TIMEOUT,
    home: Home = None,
    redis_url: RedisUrl = None,
    json: Json = False,
) -> None:
    """Load VERSION on every worker beside the old one, check it there, then switch all between two batches.

    Refused where it is significantly worse than the one served, on held-out corrections or on --data.
    """
    from classifier.registry import Registry
    from classifier.rows import Columns
    from clfadmin import settings

    if dry_run + shadow + stop_shadow > 1:
        raise typer.BadParameter("Choose one of --dry-run, --shadow and --stop-shadow.")
    if channel and not dry_run:
        raise typer.BadParameter("--channel goes with --dry-run.")
    chosen = settings.load(home=home, redis_url=redis_url)
    registry = Registry(chosen.home)
    with _swap(chosen, timeout) as swap, _refusal_shown(swap.fleet, version, json=json):
        if stop_shadow:
            shadowing.stop(swap.fleet, version, json=json)
        elif shadow:
            shadowing.start(swap.fleet, version, checked(registry, version), json=json)
        else:
            weighed = _Weighed(chosen, registry, version, swap, json=json)
            gate = weighed.gate(data or (), Columns(text_column, label_column), force=force)
            weighed.replay(channel or [], gate) if dry_run else weighed.go_on(gate)


@dataclass(frozen=True)
class _Weighed:
    """One swap from the evidence on; what it says goes to standard error before the change, and then to its end."""

    settings: "Settings"
    registry: "Registry"
    version: str
    swap: "Swap"
    _: KW_ONLY
    json: bool

    def gate(self, data: "Sequence[Path]", columns: "Columns", *, force: bool) -> "dict[str, object]":
        """The evidence as a document. Ends the command with 3 where it says worse, unless that is overridden."""
        weighed = weigh(self.settings, self.registry, self.version, self._served(), data, columns)
        if not self.json:
            show_gate(weighed)
        why = refusal(weighed, self.version)
        if why and not force:
            refused = Outcome(self._served(), self.version, State.REFUSED, 0.0, reason=why)
            _end(refused, self.swap, self.registry, gate=weighed.to_dict(), json=self.json)
        return weighed.to_dict(forced=bool(why))

    def go_on(self, gate: "dict[str, object]") -> None:
        """Swap, and end the command."""
        outcome = self.swapped()
        _end(outcome, self.swap, self.registry, gate=gate, json=self.json)

    def swapped(self) -> Outcome:
        swap, sha256 = self.swap, checked(self.registry, self.version)
        unattended = not swap.live()
        if unattended:
            loaded_here(self.registry, self.version, sha256)
            adopt(swap.fleet, self.registry, by=swap.by)
        outcome = _outcome(swap, lambda: swap.to(self.version, sha256, unattended=unattended))
        if swap.committed:
            self._note_learned()
        return outcome

    def replay(self, channels: list[str], gate: "dict[str, object]") -> None:
        """What the version would have said of recent messages. Nothing is changed or stored."""
        from clfadmin.replay import replay, show

        checked(self.registry, self.version)
        found = replay(self.settings, self.registry, self.version, self._served(), channels)
        if not self.json:
            show(found)
            return
        head = {"from": self._served(), "to": self.version, "state": State.WOULD_SWAP, "seconds": found.seconds}
        console.document({**head, "workers": {}, "gate": gate, "replay": found.to_dict()})

    def _served(self) -> str:
        active = self.registry.active()
        return self.swap.fleet.model().version or (active.version if active else "")

    def _note_learned(self) -> None:
        """So that the bot tells those whose corrections are in it. The swap is done: nothing of this may undo that."""
        from clfadmin.learning import note_learned
        from worker.connection import QueueError

        try:
            note_learned(self.settings, self.registry, self.version)
        except (ClassifierError, QueueError) as error:
            console.note(f"Those whose corrections are in {self.version} are not told: {error}")


def swap_to(settings: "Settings", version: str) -> Outcome:
    """The swap alone, for whoever weighed the version before. Raises VersionRefused and what the command raises."""
    from classifier.registry import Registry

    registry = Registry(settings.home)
    with _swap(settings, TIMEOUT) as swap:
        outcome = _Weighed(settings, registry, version, swap, json=False).swapped()
        if swap.committed:
            _remember(registry, swap.fleet.model())
        return outcome


def rollback(*, timeout: Timeout = TIMEOUT, home: Home = None, redis_url: RedisUrl = None, json: Json = False) -> None:
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


def _check_if_here(registry: "Registry", model: "Model") -> None:
    """Refuse to return to a version whose files were damaged meanwhile; on another machine they may be missing."""
    if model.prev_version in registry.names():
        checked(registry, model.prev_version)


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

    try:
        yield
    except VersionRefused as error:
        if json:
            _document(Outcome(fleet.model().version, name, State.REFUSED, 0.0, reason=str(error)))
        raise


def _end(
    outcome: "Outcome", swap: "Swap", registry: "Registry", *, gate: "dict[str, object] | None" = None, json: bool
) -> None:
    if swap.committed:
        _remember(registry, swap.fleet.model())
    if json:
        _document(outcome, gate)
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


def _document(outcome: "Outcome", gate: "dict[str, object] | None" = None) -> None:
    """`gate` is what the comparison with the version served found; empty where none was made."""
    fields: dict[str, object] = asdict(outcome)
    console.document({"from": fields.pop("before"), **fields, "gate": gate or {}})


def _show(outcome: "Outcome") -> None:
    if outcome.workers:
        rows = [[id, row.state, f"{row.seconds:.1f}", row.reason] for id, row in sorted(outcome.workers.items())]
        console.table(("worker", "state", "seconds", "reason"), rows, right=("seconds",))
    console.say(_summary(outcome))


def _summary(outcome: "Outcome") -> str:
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
