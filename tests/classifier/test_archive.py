"""A version as one tar file: carried to another home unchanged, and unpacked without trusting it."""

import io
import tarfile

import pytest

from classifier.archive import export_version, import_version
from classifier.errors import DataError, VersionExists, VersionRefused
from classifier.registry import Registry
from tests.plain_version import files_of, store


@pytest.fixture
def here(tmp_path):
    return Registry(tmp_path / "here")


@pytest.fixture
def there(tmp_path):
    return Registry(tmp_path / "there")


@pytest.fixture
def exported(here, tmp_path):
    export_version(store(here, "team-1"), tmp_path / "team-1.tar")
    return tmp_path / "team-1.tar"


def tar_of(path, *members: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(path, "w") as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))


def file_member(name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(data), kind, "/etc/passwd"
    return member, data


def is_empty(registry: Registry) -> bool:
    return not registry.root.exists() or [e.name for e in registry.root.iterdir() if "lock" not in e.name] == []


def test_an_imported_version_equals_the_exported_one(here, there, exported):
    imported = import_version(there, exported)
    original = here.get("team-1")
    assert (imported.manifest, imported.config) == (original.manifest, original.config)
    assert imported.read_verified() == original.read_verified()
    assert (imported.path / "report" / "metrics.json").read_bytes() == files_of()["report/metrics.json"]


def test_the_same_version_gives_the_same_archive(here, exported, tmp_path):
    export_version(here.get("team-1"), tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == exported.read_bytes()


def test_an_import_may_take_another_name_but_no_taken_one(there, exported):
    import_version(there, exported, name="other")
    import_version(there, exported)
    with pytest.raises(VersionExists):
        import_version(there, exported)
    assert there.names() == ["other", "team-1"]


def test_a_damaged_version_is_not_exported_and_no_file_appears(here, tmp_path):
    version = store(here, "team-1")
    (version.path / "tokenizer.json").write_bytes(b"[]")
    with pytest.raises(VersionRefused):
        export_version(version, tmp_path / "team-1.tar")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["here"]


def test_a_flipped_byte_on_the_way_is_refused_and_nothing_is_stored(there, exported):
    data = bytearray(exported.read_bytes())
    data[data.index(b"fine")] ^= 1
    exported.write_bytes(data)
    with pytest.raises(VersionRefused) as refusal:
        import_version(there, exported)
    assert refusal.value.code == "sha256"
    assert is_empty(there)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_an_archive_cut_off_on_the_way_is_refused_and_nothing_is_stored(there, exported, share):
    data = exported.read_bytes().rstrip(b"\0")  # the padding at the end may be missing
    exported.write_bytes(data[: int(len(data) * share)])
    with pytest.raises((DataError, VersionRefused)):
        import_version(there, exported)
    assert is_empty(there)


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (file_member("../evil"), "extra"),
        (file_member("/etc/evil"), "extra"),
        (file_member("v/../../evil"), "extra"),
        (file_member("v/model.pkl"), "extra"),
        (file_member("v/report/../config.json"), "extra"),
        (file_member("other/config.json"), "extra"),
        (file_member("v/config.json", b"", tarfile.SYMTYPE), "links"),
        (file_member("v/config.json", b"", tarfile.LNKTYPE), "links"),
        (file_member("v/config.json", b"", tarfile.FIFOTYPE), "links"),
        (file_member("v/config.json", b"", tarfile.CHRTYPE), "links"),
        (file_member("v/config.json", b"x" * (1 << 20) + b"x"), "size"),
    ],
)
def test_members_that_no_version_has_are_refused_and_nothing_is_stored(there, tmp_path, member, code):
    tar_of(tmp_path / "evil.tar", file_member("v/tokenizer.json"), member)
    with pytest.raises(VersionRefused) as refusal:
        import_version(there, tmp_path / "evil.tar")
    assert refusal.value.code == code
    assert is_empty(there)
    assert not (tmp_path / "evil").exists()


def test_the_same_file_twice_is_refused(there, tmp_path):
    tar_of(tmp_path / "evil.tar", file_member("v/config.json"), file_member("v/config.json"))
    with pytest.raises(VersionRefused) as refusal:
        import_version(there, tmp_path / "evil.tar")
    assert refusal.value.code == "extra"


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b" + b"\0" * 600, b"\0" * 10240])
def test_what_is_no_archive_is_said_so(there, tmp_path, content):
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(DataError, match="archive"):
        import_version(there, tmp_path / "x.tar")


def test_a_missing_file_and_a_folder_are_said_so(there, tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        import_version(there, tmp_path / "x.tar")
    with pytest.raises(DataError, match="is a folder"):
        import_version(there, tmp_path)
