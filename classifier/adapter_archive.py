"""A version trained with LoRA as a file of a megabyte or two: all of it but what its base checkpoint holds anyway.

The tar file of a whole export (archive.py) without the weights, the compiled form and the tokenizer. Its import makes
them anew from the same base, byte for byte on a machine that adds and multiplies alike.
"""

import hashlib

from classifier import verify
from classifier.adapter import merge, read_adapter
from classifier.base import Base, load_base
from classifier.compiling import compile_network
from classifier.errors import DataError, VersionRefused
from classifier.manifest import ADAPTER, MANIFEST, QUANTISATION, SERVING, WEIGHTS, Manifest
from classifier.quantisation import read_inputs
from classifier.staging import Staging
from classifier.version import Version, read_version
from classifier.weights import read_tensors, version_shapes, write_tensors

# What an import makes anew.
LEFT_OUT = (WEIGHTS, SERVING, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def check_adapter(version: Version) -> None:
    """Raises DataError for a version that was not trained with LoRA."""
    if ADAPTER not in version.manifest.files:
        raise DataError(
            f"Version {version.name!r} has no adapter: it was not trained with --lora. Export it without --adapter."
        )


def is_adapter(staging: Staging) -> bool:
    """Whether what was unpacked there has to be completed from a base."""
    return (staging.path / ADAPTER).is_file() and not (staging.path / WEIGHTS).exists()


def complete(staging: Staging, base: str | None) -> Version:
    """Merge the unpacked adapter into `base`, by default the one its manifest names, and publish the version.

    Its compiled form is made anew too, where it had one. Raises BaseNotFound, VersionRefused when the base is another
    one or a file was changed, StorageError.
    """
    folder, version = staging.path, read_version(staging.path, staging.target.name)
    manifest = version.manifest
    verify.check_strangers(folder, manifest)
    kept = {name: entry for name, entry in manifest.files.items() if name not in LEFT_OUT}
    for name, entry in kept.items():
        verify.check_entry(folder, name, entry)
    found = load_base(base or manifest.provenance.base)
    _check_base(found, manifest)
    files = {**found.files, **_made_anew(found, version)}
    (folder / MANIFEST).unlink()
    for name, data in files.items():
        staging.write(name, data)
    return staging.publish(manifest.provenance)


def _made_anew(base: Base, version: Version) -> dict[str, bytes]:
    """Weights and compiled form."""
    try:
        weights = write_tensors(merge(base.tensors, read_adapter(verify.read_file(version.path, ADAPTER))))
        tensors = read_tensors(weights, version_shapes(version.config))
        if QUANTISATION not in version.manifest.files:
            return {WEIGHTS: weights}
        inputs = read_inputs(verify.read_file(version.path, QUANTISATION))
        return {WEIGHTS: weights, SERVING: compile_network(version.config, tensors, inputs, weights)}
    except VersionRefused:
        raise
    except Exception as error:  # of safetensors, or of shapes that do not fit
        raise VersionRefused("adapter", f"The adapter does not fit its base ({str(error)[:100]}).") from error


def _check_base(base: Base, manifest: Manifest) -> None:
    """The adapter fits the very checkpoint and tokenizer it was trained on, and no other."""
    if base.sha256 != manifest.provenance.base_sha256:
        raise VersionRefused(
            "adapter",
            f"The adapter belongs to a base whose weights have sha256 {(manifest.provenance.base_sha256 or '')[:12]}…; "
            f"those of {base.name!r} have {base.sha256[:12]}…. Give --base the folder with the right one.",
        )
    for name, data in base.files.items():
        entry = manifest.files.get(name)
        if entry is None or entry.sha256 != hashlib.sha256(data).hexdigest():
            raise VersionRefused("adapter", f"The base {base.name!r} has another {name} than the adapter's own base.")
