"""feedback, the gate of swap-model, shadow, dry run and loop, on a real broker with the tiny model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.store import Store
from classifier.corrections import Correction, learned_messages
from classifier.registry import Registry
from tests.clfadmin.conftest import Answer, operator
from tests.clfadmin.votes import TEAM, vote
from tests.conftest import Broker
from tests.tiny_model import LABELS, NEGATIVE, POSITIVE, make_version, tiny_config
from worker.fleet import Fleet
from worker.jobs import Keys
from worker.loading import fingerprint

Run = Callable[..., Answer]
GOOD = [f"{'the ' * (number % 20)}build is {POSITIVE[number % 5]}" for number in range(100)]


@pytest.fixture
def clf(command: Run, valkey: Broker, keys: Keys) -> Run:
    return lambda *arguments: command(*arguments, **operator(valkey, keys))


@pytest.fixture(scope="module")
def made(shared_tiny_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with "tiny", "tiny-b" and "wrong", which takes good for bad and bad for good."""
    home = shutil.copytree(shared_tiny_home, tmp_path_factory.mktemp("feedback") / "home")
    make_version(Registry(home), "wrong", config=tiny_config(labels=tuple(reversed(LABELS))))
    return home


@pytest.fixture
def registry(made: Path, home: Path, valkey: Broker, keys: Keys) -> Registry:
    """A home of the test's own; "tiny" serves."""
    registry = Registry(shutil.copytree(made, home))
    registry.activate("tiny", gen=1)
    fleet = Fleet(valkey.admin, keys=keys)
    fleet.adopt(gen=1, by="test", version="tiny", sha256=fingerprint(registry.get("tiny")))
    fleet.close()
    return registry


@pytest.fixture
def votes(valkey: Broker, keys: Keys) -> Callable[..., list[str]]:
    return lambda texts, labels, **more: vote(valkey, keys, texts, labels, **more)


def test_what_people_say_is_listed_with_disagreements_and_without_names(clf: Run, votes):
    votes(["good build"], {"U1": "positive", "U2": "positive", "U3": "negative"})
    votes(["secret words"], {"U1": "negative", "U2": "positive"}, kept=False, first=2)
    rows = {row["ts"]: row for row in clf("feedback", "list", "--json").json}
    assert rows["1.000001"]["label"] == "positive"
    assert rows["1.000001"]["votes"] == {"positive": 2, "negative": 1}
    assert rows["1.000001"]["text"] == "good build"
    assert (rows["2.000001"]["label"], rows["2.000001"]["text"]) == (None, None)
    told = clf("feedback", "list", "--disputed").out
    assert "not kept" in told
    assert "U1" not in told + json.dumps(list(rows.values()))
    assert "UAUTHOR" not in told + json.dumps(list(rows.values()))


def test_only_agreed_labels_with_a_kept_text_are_exported_for_the_owner_alone(clf: Run, votes, tmp_path: Path):
    votes(["good build", "bad build"], {"U1": "positive"})
    votes(["tied"], {"U1": "negative", "U2": "positive"}, first=3)
    votes(["not kept"], {"U1": "negative"}, kept=False, first=4)
    file = tmp_path / "out.jsonl"
    assert clf("feedback", "export", file).code == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted((row["text"], row["label"]) for row in rows) == [
        ("bad build", "positive"),
        ("good build", "positive"),
    ]
    assert [row["held_out"] for row in rows] == [Correction(row["message"], "", "").held_out for row in rows]
    assert file.stat().st_mode & 0o077 == 0


def test_figures_count_confirmed_corrected_and_how_honest_the_confidence_was(clf: Run, votes):
    votes(GOOD[:9], {"U1": "neutral"}, kept=False)
    votes(GOOD[:3], {"U1": "negative"}, first=10)
    votes(GOOD[:1], {"U1": "negative"}, confidence=0.6, first=20)
    found = clf("feedback", "stats", "--json").json
    assert (found["judged"], found["confirmed"], found["corrected"], found["with_text"]) == (13, 9, 4, 4)
    assert found["changes"] == [{"from": "neutral", "to": "negative", "messages": 4}]
    assert (found["honesty"]["cases"], found["honesty"]["right"]) == (12, 9)
    told = clf("feedback", "stats").out
    assert "Of 12 judged labels given with 90 % or more, 9 were right" in told
    assert "correct what is wrong more often" in told
    assert clf("status", "--json").json["judged"]["right"] == 9


def test_a_version_worse_on_held_out_corrections_is_refused_and_nothing_changes(clf: Run, votes, registry, home: Path):
    votes(GOOD, {"U1": "positive"})
    answer = clf("swap-model", "wrong", "--json")
    assert answer.code == 3
    assert (answer.json["state"], answer.json["gate"]["verdict"]) == ("refused", "worse")
    (evidence,) = answer.json["gate"]["evidence"]
    assert evidence["on"] == "corrections"
    assert evidence["against"]["high"] < 0
    assert "--force" in answer.err
    assert registry.active().version == "tiny"
    forced = clf("swap-model", "wrong", "--force", "--json").json
    assert (forced["state"], forced["gate"]["forced"], forced["gate"]["verdict"]) == ("committed", True, "worse")


def test_a_version_worse_on_the_old_test_set_is_refused_too(clf: Run, registry, tmp_path: Path):
    data = tmp_path / "old.jsonl"
    data.write_text("\n".join(json.dumps({"text": text, "label": "positive"}) for text in GOOD[:40]))
    assert clf("swap-model", "wrong", "--data", data).code == 3
    told = clf("swap-model", "tiny-b", "--data", data)
    assert told.code == 0
    assert "old.jsonl (40 texts)" in told.err
    assert "inconclusive" in told.err


def test_a_few_corrections_prove_nothing_and_that_is_said(clf: Run, votes, registry):
    votes(GOOD[:9], {"U1": "positive"})
    answer = clf("swap-model", "wrong", "--json")
    assert answer.code == 0
    assert answer.json["gate"]["verdict"] == "inconclusive"
    assert answer.json["gate"]["evidence"][0]["n"] == 4


def test_a_dry_run_swaps_nothing_and_says_why_it_replays_nothing(clf: Run, registry):
    answer = clf("swap-model", "tiny-b", "--dry-run", "--json")
    assert answer.code == 0
    assert answer.json["state"] == "would-swap"
    assert "no token" in answer.json["replay"]["why"]
    assert registry.active().version == "tiny"


def test_a_shadow_is_begun_shown_and_ended(clf: Run, registry):
    assert clf("swap-model", "tiny", "--shadow").code == 1
    assert "unseen" in clf("swap-model", "tiny-b", "--shadow").out
    found = clf("status", "--json").json["shadow"]
    assert (found["version"], found["texts"], found["agreement"]) == ("tiny-b", 0, None)
    assert "tiny-b in the shadow: no text labelled yet" in clf("status").out
    assert clf("swap-model", "wrong", "--stop-shadow").code == 1
    assert clf("swap-model", "tiny-b", "--stop-shadow", "--json").json["state"] == "stopped"
    assert clf("status", "--json").json["shadow"] is None
    assert registry.active().version == "tiny"


def test_evaluation_on_held_out_corrections(clf: Run, votes, registry):
    votes(GOOD, {"U1": "positive"})
    found = clf("evaluate", "wrong", "--feedback", "--against", "tiny", "--json").json
    assert found["accuracy"] == 0
    assert found["against"]["verdict"] == "worse"
    assert clf("evaluate", "wrong").code == 2


def test_the_loop_waits_for_enough_new_corrections(clf: Run, votes, registry):
    votes(GOOD[:5], {"U1": "negative"})
    answer = clf("loop", "--json", "--yes")
    assert (answer.code, answer.json["state"]) == (0, "waiting")
    assert clf("loop", "--every", "soon").code == 2


def test_the_loop_learns_proves_and_swaps_and_leaves_word_for_those_who_corrected(
    clf: Run, votes, registry, tmp_path: Path, valkey: Broker, keys: Keys, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("classifier.anchors.EXAMPLES", tmp_path / "none.csv")
    # To a model of ten words most sentences look alike: a hundred would say that nothing may change.
    monkeypatch.setattr("classifier.continuing.OWN_SENTENCES", 10)
    monkeypatch.setattr("classifier.continuing.EPOCHS", 40)
    monkeypatch.setattr("classifier.continuing.LEARNING_RATE", 5e-3)
    anchors = tmp_path / "anchors.jsonl"
    many = range(60)
    rows = [(f"{'the ' * (number // 5)}build is {POSITIVE[number % 5]}", "positive") for number in many]
    rows += [(f"{'the ' * (number // 5)}build is {NEGATIVE[number % 5]}", "negative") for number in many]
    anchors.write_text("\n".join(json.dumps({"text": text, "label": label}) for text, label in rows))
    messages = votes([f"it is today {'it ' * number}" for number in range(60)], {"U1": "negative"})
    answer = clf("loop", "--anchor", anchors, "--yes", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["state"] == "committed"
    assert answer.json["gate"]["verdict"] == "better"
    assert "step 4 of 4" in answer.err
    assert "weight" in answer.err
    said = " ".join(answer.err.split())
    assert "said about anchors.jsonl (" in said
    assert "the starter's sentences (10 texts)" in said
    learned = learned_messages((registry.root / answer.json["version"] / "corrections.json").read_bytes())
    assert set(learned) < set(messages)
    store = Store(valkey.admin, keys=keys)
    left = store.of(TEAM).errands.done(f"learned:{answer.json['version']}:")
    store.close()
    assert {word.rsplit(":", 1)[1] for word in left} == set(learned)
    assert clf("loop", "--yes", "--json").json["state"] == "waiting"
