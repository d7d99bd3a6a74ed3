"""The model registry of the home a command works on."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifier.registry import Registry
    from classifier.version import Version
    from clfadmin.settings import Settings


def open_registry(settings: "Settings") -> "Registry":
    """The registry, with the starter version installed first where nothing is active yet."""
    from classifier.registry import Registry
    from clfadmin import console

    registry = Registry(settings.home)
    if registry.active() is None:
        console.note("First use of this home: installing the starter version.")
        from classifier.starter import ensure_active

        ensure_active(registry)
    return registry


def choose_version(registry: "Registry", name: str | None) -> "Version":
    """The version of that name, else the active one. Raises VersionNotFound, VersionRefused."""
    from classifier.errors import VersionNotFound

    active = registry.active()
    if name is None and active is None:
        raise VersionNotFound(f"No version is active in {registry.root}. Name one, or train one.")
    return registry.get(name or (active.version if active else ""))
