"""The starter version: there at once, on any fresh home, made of nothing but its card's sources."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from classifier import starter, starter_build
from classifier.behaviour import load_cases, score
from classifier.canary import run_canary
from classifier.errors import VersionRefused
from classifier.predictor import load_predictor
from classifier.registry import Active, Registry
from classifier.starter_card import page
from classifier.starter_scores import TALK
from classifier.starter_sources import ALL, GROUPS, TRAIN, check_sources

DATA = Path(__file__).parents[2].parent / "shared" / "data"
# What the starter shall reach at least, and at most: four in five of every ability.
ABILITIES = {"negation", "sarcasm", "emoji", "politeness", "technical"}
LEAST_RATE = 0.8
MOST_ECE = 0.05
INSTALL = (
    "import sys; from pathlib import Path; from classifier.registry import Registry;"
    "from classifier.starter import ensure_active; active = ensure_active(Registry(Path(sys.argv[1])));"
    "print(active.version, active.gen, 'tensorflow' in sys.modules)"
)


def install(home: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-c", INSTALL, str(home)], stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A home whose starter three processes asked for at the same moment."""
    home = tmp_path_factory.mktemp("starter") / "home"
    answers = [process.communicate(timeout=120)[0] for process in [install(home) for _ in range(3)]]
    assert answers == ["starter 0 False\n"] * 3
    return home


@pytest.fixture(scope="module")
def card() -> dict:
    return starter.read_card(starter.FOLDER)


def test_three_processes_at_once_install_one_starter_without_tensorflow(home):
    registry = Registry(home)
    assert registry.names() == ["starter"]
    assert registry.active() == Active("starter", 0, None)
    assert [path.name for path in registry.root.iterdir() if path.name.startswith(".staging-")] == [".staging-lock"]


def test_the_starter_reproduces_its_canary_and_labels_what_people_write(home):
    version = Registry(home).get("starter")
    predictor = load_predictor(version)
    run_canary(predictor, version)
    texts = ["Great work, thank you so much!", "This is terrible, I hate it.", "The meeting is at 3 pm in room 12."]
    assert [prediction.label for prediction in predictor.classify(texts)] == ["positive", "negative", "neutral"]
    assert predictor.labels == ("negative", "neutral", "positive")


def test_a_home_that_serves_a_version_keeps_it(tiny_home):
    registry = Registry(tiny_home)
    assert starter.ensure_active(registry) == registry.active()
    assert registry.names() == ["tiny", "tiny-b"]


def test_the_starters_manifest_names_every_source_with_its_sha256(home, card):
    origin = Registry(home).get("starter").manifest.provenance
    assert {file.name: file.sha256 for file in origin.data} == {source.file: source.sha256 for source in TRAIN}
    assert origin.base_sha256 == card["base_sha256"]
    assert origin.macro_f1 == card["metrics"]["macro_f1"]


def test_the_card_states_data_licences_seed_and_scores_by_source(card):
    assert all(source["licence"] and source["origin"] and len(source["sha256"]) == 64 for source in card["sources"])
    assert card["seed"] == starter_build.SEED
    assert {"chat", "tweets and reviews"} <= set(card["held_out"]) <= set(GROUPS)
    for scores in card["held_out"].values():
        assert all(0.4 < score < 1 for score in scores["recipe"].values())
        assert set(scores["recipe"]) <= {str(seed) for seed in starter_build.SEEDS}


@pytest.mark.parametrize("form", ["float32", "int8"])
def test_every_ability_is_there_in_four_of_five_behavioural_cases(card, form):
    """As measured when it was trained; the same cases are put to the installed starter below."""
    rates = {group: counts["rate"] for group, counts in card["behaviour"][form].items()}
    assert rates.keys() == ABILITIES
    assert {group: rate for group, rate in rates.items() if rate < LEAST_RATE} == {}


def test_confidence_is_honest_on_a_source_that_was_never_seen(card):
    """Expected calibration error of the group left out, with the temperature of the other of TALK."""
    assert {group: card["held_out"][group]["ece"] for group in TALK if card["held_out"][group]["ece"] >= MOST_ECE} == {}


def test_the_installed_starter_answers_the_behavioural_cases_as_its_card_says(home, card):
    """Within one case or two: other processors round differently."""
    predictor, cases = load_predictor(Registry(home).get("starter")), load_cases()
    labels = [prediction.label for prediction in predictor.classify([case.text for case in cases])]
    form = "int8" if predictor.runtime == "onnx" else "float32"
    for group, counts in score(cases, labels).items():
        assert counts["rate"] == pytest.approx(card["behaviour"][form][group]["rate"], abs=0.03)


def test_the_page_for_people_says_what_the_card_says(card):
    config = json.loads((starter.FOLDER / "config.json").read_text())
    assert (starter.FOLDER / starter_build.PAGE).read_text() == page(card, config)


def test_the_adapter_takes_at_most_two_megabytes_and_is_the_cards():
    data = (starter.FOLDER / starter.ADAPTER).read_bytes()
    assert len(data) <= 2_000_000
    assert hashlib.sha256(data).hexdigest() == starter.read_card(starter.FOLDER)["adapter_sha256"]


def test_a_damaged_adapter_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "starter"
    shutil.copytree(starter.FOLDER, folder)
    data = bytearray((folder / starter.ADAPTER).read_bytes())
    data[-1] ^= 1
    (folder / starter.ADAPTER).write_bytes(data)
    monkeypatch.setattr(starter, "FOLDER", folder)
    registry = Registry(tmp_path / "home")
    with pytest.raises(VersionRefused, match="was changed"):
        starter.ensure_active(registry)
    assert registry.names() == []
    assert registry.active() is None


def test_other_files_than_the_cards_are_refused(tmp_path, capfd):
    if not DATA.exists():
        pytest.skip("the shared data is not there")
    shutil.copytree(DATA, tmp_path / "data", copy_function=lambda a, b: Path(b).write_bytes(Path(a).read_bytes()))
    with (tmp_path / "data" / "senti4sd" / "train.jsonl").open("a") as file:
        file.write(json.dumps({"text": "one more", "label": "neutral"}) + "\n")
    assert starter_build.main([str(tmp_path / "data")]) == 1
    assert "has sha256" in capfd.readouterr().err
    assert starter_build.main([str(tmp_path)]) == 1
    assert "cannot be read" in capfd.readouterr().err


def test_the_rows_the_card_names_are_the_rows_there_are():
    if not DATA.exists():
        pytest.skip("the shared data is not there")
    check_sources(DATA)
    for source in ALL:
        assert len((DATA / source.file).read_bytes().splitlines()) == source.rows
