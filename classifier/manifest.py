"""manifest.json of a version: what belongs to it, with size and sha256 of each file, and where it came from."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from classifier.errors import VersionRefused
from classifier.fields import Fields

SCHEMA = 1
MANIFEST = "manifest.json"
CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
SERVING = "serving.onnx"
# What LoRA learned, and how the compiled form rounds: enough to make weights and compiled form anew from the base.
ADAPTER, QUANTISATION = "adapter.safetensors", "quantisation.safetensors"
METRICS = "report/metrics.json"
# Which messages it learned from, where it learned from corrections: ids alone.
CORRECTIONS = "corrections.json"

MIB = 1 << 20
# The most each file may take, and so the most memory a version can claim before it is checked.
LIMITS: Mapping[str, int] = {
    MANIFEST: MIB,
    CONFIG: MIB,
    "tokenizer.json": 64 * MIB,
    "special_tokens_map.json": MIB,
    "tokenizer_config.json": MIB,
    WEIGHTS: 4096 * MIB,
    SERVING: 4096 * MIB,
    ADAPTER: 1024 * MIB,
    QUANTISATION: 64 * MIB,
    "canary.jsonl": 4 * MIB,
    CORRECTIONS: 16 * MIB,
}
REQUIRED = (CONFIG, "tokenizer.json", WEIGHTS, "canary.jsonl")
REPORT_LIMIT = 64 * MIB
MAX_FILES = 100
REPORT = re.compile(r"report/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")

# What an option on the command line can be.
Plain = str | int | float | bool | None


@dataclass(frozen=True)
class FileEntry:
    """One file as the manifest knows it; size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class DataFile:
    """One file a version was trained on."""

    name: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Provenance:
    """Where a version came from: everything the manifest says besides its files.

    `base_sha256` is that of the base's weights; `training` are the options used; `libraries` name -> version.
    """

    base: str
    base_sha256: str | None = None
    parent: str | None = None
    data: tuple[DataFile, ...] = ()
    seed: int = 0
    macro_f1: float | None = None
    training: Mapping[str, Plain] = field(default_factory=dict[str, Plain])
    libraries: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Manifest:
    """`created` is UTC in ISO 8601, to the second. A version's name is that of its folder, so it isn't in here."""

    created: str
    files: Mapping[str, FileEntry]
    provenance: Provenance

    @property
    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.files.values())

    def to_dict(self) -> dict[str, object]:
        files = {name: asdict(entry) for name, entry in sorted(self.files.items())}
        return {"schema": SCHEMA, "created": self.created, "files": files, **asdict(self.provenance)}

    @classmethod
    def parse(cls, data: bytes, *, where: str = MANIFEST) -> "Manifest":
        """Raises VersionRefused: "schema" when it is newer than this program, else "manifest" or "missing"."""
        fields = Fields.parse(data, where=where, code="manifest")
        schema = fields.integer("schema", 1, 1_000_000)
        if schema > SCHEMA:
            raise VersionRefused(
                "schema", f"{where} has schema {schema}, this program reads up to {SCHEMA}. Update it first."
            )
        fields.only(("schema", "created", "files", *Provenance.__dataclass_fields__))
        return cls(fields.text("created", 40), _files(fields.object("files")), _provenance(fields))


def limit_of(name: str) -> int | None:
    """The most bytes a file of this name may have; None when no version holds such a file."""
    if REPORT.fullmatch(name):
        return REPORT_LIMIT
    return LIMITS.get(name)


def _files(fields: Fields) -> dict[str, FileEntry]:
    missing = [name for name in REQUIRED if name not in fields.values]
    if missing:
        raise VersionRefused("missing", f"{fields.where} doesn't name {', '.join(missing)}.")
    if len(fields.values) > MAX_FILES:
        raise VersionRefused("manifest", f"{fields.where} names more than {MAX_FILES} files.")
    return {name: _entry(fields, name) for name in fields.values}


def _entry(fields: Fields, name: str) -> FileEntry:
    limit = limit_of(name)
    if limit is None or name == MANIFEST:
        raise VersionRefused("extra", f"{fields.where} names {name[:60]!r}, which no version holds.")
    entry = fields.object(name).only(("sha256", "size"))
    sha256 = entry.text("sha256", 64)
    if not SHA256.fullmatch(sha256):
        raise VersionRefused("manifest", f"{entry.where}: sha256 should be 64 hexadecimal digits.")
    size = entry.integer("size", 0, 1 << 60)
    if size > limit:
        raise VersionRefused("size", f"{entry.where} has {size:,} bytes, at most {limit:,} are allowed.")
    return FileEntry(sha256, size)


def _provenance(fields: Fields) -> Provenance:
    return Provenance(
        base=fields.text("base", 1000),
        base_sha256=fields.text_or_null("base_sha256", 64),
        parent=fields.text_or_null("parent", 64),
        data=tuple(_data_file(item.only(("name", "sha256", "rows"))) for item in fields.objects("data", 10_000)),
        seed=fields.integer("seed", 0, (1 << 63) - 1),
        macro_f1=fields.number_or_null("macro_f1", 0.0, 1.0),
        training=_training(fields.object("training")),
        libraries=_libraries(fields.object("libraries")),
    )


def _data_file(fields: Fields) -> DataFile:
    return DataFile(fields.text("name", 1000), fields.text("sha256", 64), fields.integer("rows", 0, 1 << 60))


def _training(fields: Fields) -> dict[str, Plain]:
    options: dict[str, Plain] = {}
    for name, value in fields.values.items():
        if value is not None and not isinstance(value, (str, int, float, bool)):
            raise VersionRefused("manifest", f"{fields.where}: {name[:60]!r} should be a plain value.")
        options[name] = value
    return options


def _libraries(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name, 100) for name in fields.values}
