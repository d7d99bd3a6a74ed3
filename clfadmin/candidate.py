"""What is looked at here before a version is proposed: its files, and without a worker its canary texts."""

from contextlib import suppress
from typing import TYPE_CHECKING

from classifier.errors import ClassifierError
from clfadmin import console

if TYPE_CHECKING:
    from classifier.registry import Registry
    from worker.fleet import Fleet


def checked(registry: "Registry", name: str) -> str:
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


def loaded_here(registry: "Registry", name: str, sha256: str) -> None:
    """Without a worker nobody else would try the canary texts. Raises VersionRefused."""
    from classifier.errors import VersionRefused
    from worker.loading import LoadFailed, loader

    console.note("No worker is running: trying the version here.")
    try:
        loader(registry, runtime="auto", threads=None)(name, sha256)
    except LoadFailed as error:
        raise VersionRefused(error.code, error.reason) from error


def adopt(fleet: "Fleet", registry: "Registry", *, by: str) -> None:
    """On a fresh broker, first commit what this home serves: a rollback shall have somewhere to go."""
    from worker.home import adopt as adopt_active

    if not fleet.model().gen and registry.active():
        # A damaged active version is a good reason to swap, not one to refuse it.
        with suppress(ClassifierError):
            adopt_active(fleet, registry, None, by=by)
