"""`clfadmin models`: the versions of this home, listed, shown, removed, carried to other hosts."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clfadmin import console
from clfadmin.actions import recorded
from clfadmin.options import Home, Json
from worker.language_names import names_of

if TYPE_CHECKING:
    from classifier.registry import Active, Registry
    from classifier.version import Version

EXAMPLE = "Example: clfadmin models export team-2 team-2.tar, then on the other host clfadmin models import team-2.tar"

app = typer.Typer(rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="VERSION", help="Name of a version, as `clfadmin models` lists it.")]


@dataclass(frozen=True)
class Listed:
    """One entry of `models --json`; `reason` says why a version is damaged."""

    version: str
    created: str | None = None
    base: str | None = None
    labels: tuple[str, ...] = ()
    macro_f1: float | None = None
    state: str = "available"
    size_bytes: int | None = None
    runtime: str | None = None
    reason: str | None = None


@app.callback(invoke_without_command=True)
def models(context: typer.Context, *, home: Home = None, json: Json = False) -> None:
    """The model versions of this home; without a subcommand, list them."""
    if context.invoked_subcommand is None:
        list_versions(home=home, json=json)


@app.command("list", epilog="Example: clfadmin models list --json")
def list_versions(*, home: Home = None, json: Json = False) -> None:
    """Every version with its base, labels, score and whether it is active."""
    from classifier.resume import unfinished
    from clfadmin import settings
    from clfadmin.home import open_registry

    registry = open_registry(settings.load(home=home))
    found = [_listed(registry, name, registry.active()) for name in registry.names()]
    found.sort(key=lambda listed: (listed.created or "", listed.version))
    if json:
        console.document([asdict(listed) for listed in found])
        return
    columns = ("version", "state", "created", "base", "labels", "macro-F1", "size", "runtime")
    console.table(columns, [_cells(listed) for listed in found], right=("macro-F1", "size"))
    for name in unfinished(registry):
        console.note(
            f"{name}: its training is under way or was interrupted. Go on with `clfadmin train --resume {name}`, "
            f"or drop it with `clfadmin train --discard {name}`."
        )


@app.command(epilog="Example: clfadmin models show starter")
def show(version: Name, *, home: Home = None, json: Json = False) -> None:
    """All that is known of one version: network, labels, data, options, sha256 of its files."""
    from clfadmin import settings
    from clfadmin.home import open_registry

    registry = open_registry(settings.load(home=home))
    chosen = registry.get(version)
    listed = _listed(registry, version, registry.active())
    if json:
        details = {"config": chosen.config.to_dict(), "manifest": chosen.manifest.to_dict()}
        console.document(asdict(listed) | details)
        return
    console.table(("what", "value"), _facts(chosen, listed.state))


@app.command(epilog="Example: clfadmin models remove team-1")
@recorded("models remove")
def remove(version: Name, *, home: Home = None) -> None:
    """Delete a version that is neither active nor the one a rollback returns to."""
    from classifier.registry import Registry
    from clfadmin import settings

    Registry(settings.load(home=home).home).remove(version)
    console.say(f"Removed {version}.")


@app.command(epilog="Example: clfadmin models export team-2 team-2.tar")
def export(
    version: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The tar file to write.")],
    *,
    adapter: Annotated[
        bool, typer.Option("--adapter", help="Only what --lora learned: small, and needs the same base where it goes.")
    ] = False,
    home: Home = None,
) -> None:
    """Write a version to one tar file, after checking every sha256."""
    from classifier.adapter_archive import LEFT_OUT, check_adapter
    from classifier.archive import export_version
    from clfadmin import settings
    from clfadmin.home import open_registry

    chosen = open_registry(settings.load(home=home)).get(version)
    if adapter:
        check_adapter(chosen)
    export_version(chosen, file, without=LEFT_OUT if adapter else ())
    console.say(f"Wrote {version} to {file}. On the other host: clfadmin models import {file.name}")


@app.command("import", epilog="Example: clfadmin models import team-2.tar")
@recorded("models import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A tar file written by `models export`.")],
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="VERSION", help="Store it under another name.", show_default=False)
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", metavar="B", help="An adapter's base: hub name or folder.", show_default="as trained"),
    ] = None,
    home: Home = None,
) -> None:
    """Add a version exported on another host, after checking every sha256."""
    from classifier.archive import import_version
    from classifier.registry import Registry
    from clfadmin import settings

    version = import_version(Registry(settings.load(home=home).home), file, name=name, base=base)
    console.say(f"Imported {version.name}. Serve it with: clfadmin swap-model {version.name}")


def _listed(registry: "Registry", name: str, active: "Active | None") -> Listed:
    """One entry of `models --json`. A version that can't be trusted is listed too, with the reason."""
    from classifier.errors import ClassifierError

    try:
        version = registry.get(name)
    except ClassifierError as error:
        return Listed(name, state="damaged", reason=str(error))
    return Listed(
        version=name,
        created=version.manifest.created,
        base=version.manifest.provenance.base,
        labels=version.config.labels,
        macro_f1=version.manifest.provenance.macro_f1,
        state=_state(name, active),
        size_bytes=version.size_bytes,
        runtime=version.runtime,
    )


def _state(name: str, active: "Active | None") -> str:
    if active is None:
        return "available"
    return {active.previous: "previous", active.version: "active"}.get(name, "available")


def _cells(listed: Listed) -> list[str]:
    return [
        listed.version,
        listed.state,
        (listed.created or "")[:16].replace("T", " "),
        listed.base or "",
        ", ".join(listed.labels),
        "" if listed.macro_f1 is None else f"{listed.macro_f1:.3f}",
        "" if listed.size_bytes is None else f"{listed.size_bytes / 1e6:,.1f} MB",
        listed.runtime or "",
    ]


def _facts(version: "Version", state: str) -> list[list[str]]:
    config, provenance = version.config, version.manifest.provenance
    facts = {
        "version": version.name,
        "state": state,
        "created": version.manifest.created,
        "base": provenance.base,
        "parent": provenance.parent or "none",
        "labels": ", ".join(f"{label} {config.emoji[label]}" for label in config.labels),
        "macro-F1 (validation)": provenance.macro_f1 if provenance.macro_f1 is not None else "unknown",
        "sure from": f"{config.threshold:.2f}",
        "network": f"{config.architecture.layers} layers of {config.architecture.hidden_size}",
        "languages": names_of(config.languages) or "nobody said; every text is labelled",
        "head": f"{config.pooling} pooling, {'-'.join(map(str, config.head.hidden)) or 'no hidden layer'}",
        "reads": f"up to {config.max_length} tokens",
        "size": f"{version.size_bytes / 1e6:,.1f} MB",
        "runtime": version.runtime,
        "seed": provenance.seed,
    }
    rows = [[name, str(value)] for name, value in facts.items()]
    rows += [["trained on", f"{file.name}, {file.rows:,} rows, sha256 {file.sha256[:12]}…"] for file in provenance.data]
    rows += [["option", f"{name} = {value}"] for name, value in sorted(provenance.training.items())]
    rows += [["file", f"{name}, sha256 {entry.sha256}"] for name, entry in sorted(version.manifest.files.items())]
    return rows
