"""`clfadmin models`: what there is, what it is made of, and taking it to another host."""

import pytest

from classifier.registry import Registry
from tests.plain_version import store


@pytest.fixture
def registry(home):
    """Three versions; the second is active, the first is where a rollback goes."""
    registry = Registry(home)
    for name in ("one", "two", "three"):
        store(registry, name)
    registry.activate("one", 1)
    registry.activate("two", 2)
    return registry


def test_as_a_process_it_prints_the_agreed_json_and_nothing_else(clfadmin, registry):
    answer = clfadmin("models", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert {row["version"]: row["state"] for row in answer.json} == {
        "one": "previous",
        "two": "active",
        "three": "available",
    }
    one = next(row for row in answer.json if row["version"] == "one")
    assert one | {"created": ""} == {
        "version": "one",
        "created": "",
        "base": "all-MiniLM-L6-v2",
        "labels": ["negative", "positive"],
        "macro_f1": 0.75,
        "state": "previous",
        "size_bytes": registry.get("one").size_bytes,
        "runtime": "keras",
        "reason": None,
    }


def test_list_and_no_subcommand_are_the_same(command, registry):
    assert command("models", "list") == command("models")
    assert command("models", "list", "--json") == command("models", "--json")
    lines = command("models").out.splitlines()
    assert lines[0].split()[:2] == ["version", "state"]
    assert any(line.split()[:2] == ["two", "active"] and "0.750" in line for line in lines)


def test_a_damaged_version_is_listed_with_the_reason(command, registry):
    (registry.root / "three" / "config.json").write_text("{}")
    damaged = next(row for row in command("models", "--json").json if row["version"] == "three")
    assert damaged["state"] == "damaged"
    assert "three/config.json has 2 bytes instead of" in damaged["reason"]
    assert "damaged" in command("models").out


def test_show_tells_all_that_is_known(command, registry):
    shown = command("models", "show", "two").out
    for fact in ("active", "all-MiniLM-L6-v2", ":slightly_frowning_face:", "chat.csv, 150 rows", "epochs = 3", "0.75"):
        assert fact in shown
    known = command("models", "show", "two", "--json").json
    assert known["config"] == registry.get("two").config.to_dict()
    assert known["manifest"]["files"]["tokenizer.json"]["size"] == 2
    assert known["state"] == "active"


def test_remove_deletes_what_is_not_in_use_and_refuses_the_rest(command, registry):
    assert command("models", "remove", "three").out == "Removed three.\n"
    assert registry.names() == ["one", "two"]
    refused = command("models", "remove", "two")
    assert refused.code == 1
    assert refused.err.startswith("error: Version 'two' is active.")
    assert registry.names() == ["one", "two"]


def test_a_version_travels_to_another_home(command, registry, tmp_path):
    file = tmp_path / "three.tar"
    assert command("models", "export", "three", file).code == 0
    answer = command("models", "import", file, "--home", tmp_path / "there", "--name", "theirs")
    assert answer.out == "Imported theirs. Serve it with: clfadmin swap-model theirs\n"
    assert Registry(tmp_path / "there").get("theirs").manifest == registry.get("three").manifest


def test_an_unfinished_training_is_told_beside_the_list_and_does_not_get_in_its_way(command, registry):
    (registry.home / "training" / "four").mkdir(parents=True)
    answer = command("models")
    assert "--resume four`, or drop it with `clfadmin train --discard four`." in answer.err
    assert "four" not in answer.out
    assert command("models", "--json").err == ""


def test_a_version_without_adapter_is_not_exported_as_one(command, registry, tmp_path):
    answer = command("models", "export", "three", tmp_path / "three.tar", "--adapter")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "was not trained with --lora" in answer.err
    assert not (tmp_path / "three.tar").exists()


def test_an_import_that_was_changed_on_the_way_is_refused(command, registry, tmp_path):
    file = tmp_path / "three.tar"
    command("models", "export", "three", file)
    file.write_bytes(file.read_bytes().replace(b'"fine"', b'"good"'))
    answer = command("models", "import", file, "--home", tmp_path / "there")
    assert answer.code == 3
    assert answer.err.startswith("error: refused (sha256): ")
    assert Registry(tmp_path / "there").names() == []


def test_a_home_that_serves_nothing_yet_gets_the_starter_first(command, home, monkeypatch):
    def install(registry: Registry) -> None:
        store(registry, "starter")
        registry.activate("starter", 0)

    monkeypatch.setattr("classifier.starter.ensure_active", install)
    answer = command("models", "--json")
    assert answer.err == "First use of this home: installing the starter version.\n"
    assert [(row["version"], row["state"]) for row in answer.json] == [("starter", "active")]
    assert command("models").err == ""
