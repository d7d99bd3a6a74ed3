"""Corrections as data: the fixed fifth, weights beside base data, and a version that continues another."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.anchors import OWN, OWN_FILE, OWN_SENTENCES
from classifier.behaviour import load_cases
from classifier.corrections import (
    MOST,
    NAME,
    Correction,
    Corrections,
    learned_file,
    learned_messages,
    mixed,
    weight_beside,
    weights_of,
)
from classifier.dataset import load
from classifier.errors import DataError
from classifier.predictor import load_predictor
from classifier.recipe import EpochEnd, TrainConfig
from classifier.registry import Registry
from classifier.starter_sentences import bare
from clfadmin.learning import lines
from tests.tiny_model import NEGATIVE, POSITIVE, make_version
from tests.tiny_training import write_rows
from worker.jobs import message_id

FEW = 10
LABELS = ("negative", "neutral", "positive")


def correction(number: int, text: str = "", label: str = "neutral") -> Correction:
    return Correction(message_id("T1", "C1", f"{number}.000001"), text or f"today is {number}", label)


def many(count: int, text: str = "", label: str = "neutral") -> Corrections:
    return Corrections.of([correction(number, text, label) for number in range(count)])


def test_a_fifth_is_held_out_and_stays_so_whatever_comes_later():
    few, more = many(500), many(1000)
    assert 70 <= len(few.held_out) <= 130
    assert {row.message for row in few.held_out.rows} <= {row.message for row in more.held_out.rows}
    assert not {row.message for row in few.to_learn.rows} & {row.message for row in more.held_out.rows}


def test_corrections_beside_base_data_count_a_tenth_of_it_and_none_more_than_ten_texts():
    assert weight_beside(9_000, 250) == pytest.approx(4.0)
    assert weight_beside(100_000, 5) == MOST
    assert weight_beside(100, 1_000) == 1.0


def test_what_people_corrected_is_not_learned_with_its_old_label_too_and_what_is_held_out_not_at_all(tmp_path: Path):
    base = load([write_rows(tmp_path / "base.jsonl", 40)])
    learned = next(number for number in range(50) if not correction(number).held_out)
    held_out = next(number for number in range(50) if correction(number).held_out)
    known = base.texts[0], base.texts[1]
    corrections = Corrections.of([correction(learned, known[0], "bad"), correction(held_out, known[1], "bad")])
    both = mixed(base, corrections)
    assert [both.labels[row] for row, text in enumerate(both.texts) if text == known[0]] == ["bad"]
    assert known[1] not in both.texts
    weights = weights_of(both, {NAME: 3.0})
    assert weights.tolist() == [1.0] * (len(both) - 1) + [3.0]
    assert both.files[-1].name == NAME


def test_a_version_names_the_messages_it_learned_from_and_no_text():
    corrections = many(20)
    written = learned_file(corrections)
    assert set(learned_messages(written)) == {row.message for row in corrections.to_learn.rows}
    assert b"today" not in written
    assert learned_messages(b"[]") == learned_messages(b"no json") == []


@pytest.fixture
def anchors(tmp_path: Path) -> Path:
    """Sentences of the tiny vocabulary with the labels the tiny version gives them."""
    rows = []
    for number in range(120):
        word = (*POSITIVE, *NEGATIVE)[number % 10]
        label = "positive" if word in POSITIVE else "negative"
        rows.append(json.dumps({"text": f"{'the ' * (number // 10)}build is {word}", "label": label}))
    path = tmp_path / "anchors.jsonl"
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def continued(tmp_path: Path, anchors: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """continued(corrections) continues the tiny version on them; what it reported comes along."""
    monkeypatch.setattr("classifier.anchors.EXAMPLES", tmp_path / "none.csv")
    # To a model of ten words most sentences look alike: a hundred would say that nothing may change.
    monkeypatch.setattr("classifier.continuing.OWN_SENTENCES", FEW)
    registry = Registry(tmp_path / "home")
    parent = make_version(registry)

    def run(corrections: Corrections):
        from classifier.continuing import continue_version

        config = TrainConfig(
            data=(), name="next", feedback=True, anchor=[anchors], lora=4, learning_rate=5e-3, epochs=12
        )
        config = replace(config, batch_size=16, precision="float32")
        news: list[object] = []
        return parent, continue_version(parent, corrections, config, registry, report=news.append), news

    return run


def test_a_continued_version_learns_what_was_corrected_and_keeps_the_rest(continued: Callable):
    """ "it is today" was neutral; people say it is negative here. The anchors hold everything else."""
    corrections = Corrections.of(
        [correction(number, f"it is today {'it ' * number}", "negative") for number in range(24)]
    )
    parent, outcome, news = continued(corrections)
    before, after = load_predictor(parent), load_predictor(outcome.version)
    held_out = [row.text for row in corrections.held_out.rows]
    assert {one.label for one in before.classify(held_out)} == {"neutral"}
    assert {one.label for one in after.classify(held_out)} == {"negative"}
    texts = [f"the build is {word}" for word in (*POSITIVE, *NEGATIVE)]
    assert [one.label for one in after.classify(texts)] == [one.label for one in before.classify(texts)]
    assert [event.best for event in news if isinstance(event, EpochEnd)] == [False] * 11 + [True]
    _says_what_it_learned(parent, outcome, corrections)


def _says_what_it_learned(parent, outcome, corrections: Corrections) -> None:
    version = outcome.version
    assert (version.config.temperature, version.config.threshold) == (
        parent.config.temperature,
        parent.config.threshold,
    )
    learned = [row.message for row in corrections.to_learn.rows]
    assert learned_messages(version.read_verified()["corrections.json"]) == learned
    assert version.manifest.provenance.training["corrections"] == len(learned)
    assert version.manifest.provenance.parent is not None
    found = outcome.to_dict()["feedback"]
    assert (found["mode"], found["parent"]) == ("continued", parent.name)
    assert [source["name"] for source in found["sources"]] == [NAME, "anchors"]
    assert found["anchors"] == {"anchors.jsonl": found["sources"][1]["rows"] - FEW, OWN: FEW}
    assert f"{OWN} ({FEW} texts)" in " ".join(lines(outcome.feedback))
    assert (OWN_FILE, FEW) in [(file.name, file.rows) for file in version.manifest.provenance.data]
    assert found["corrections"] == {"learned": len(learned), "held_out": len(corrections.held_out), "other_labels": 0}


def test_without_corrections_or_with_labels_it_lacks_nothing_is_trained(continued: Callable):
    with pytest.raises(DataError, match="No corrections are kept"):
        continued(Corrections())
    with pytest.raises(DataError, match="labels must be among negative, neutral, positive"):
        continued(many(20, label="furious"))


def test_too_few_texts_to_hold_it_to_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from classifier.anchors import read_anchors
    from classifier.rows import Columns

    monkeypatch.setattr("classifier.anchors.EXAMPLES", tmp_path / "none.csv")
    with pytest.raises(DataError, match="--anchor"):
        read_anchors([], Columns(), LABELS)


def test_the_example_texts_are_anchors_and_a_fifth_of_them_is_kept_apart():
    from classifier.anchors import read_anchors
    from classifier.rows import Columns

    found = read_anchors([], Columns(), LABELS)
    assert len(found.held) + len(found.valid) == 150
    assert 15 <= len(found.valid) <= 45
    assert not set(found.held) & set(found.valid.texts)


def test_the_starters_sentences_are_anchors_beside_the_files_and_none_of_them_is_a_behavioural_case():
    from classifier.anchors import read_anchors
    from classifier.rows import Columns

    files, both = read_anchors([], Columns(), LABELS), read_anchors([], Columns(), LABELS, own=OWN_SENTENCES)
    assert both.held[: len(files.held)] == files.held
    added = both.held[len(files.held) :]
    assert len(set(added)) == both.sources[OWN] == OWN_SENTENCES
    assert both.valid.texts == files.valid.texts, "nothing is measured on them"
    assert not {bare(text) for text in added} & {bare(case.text) for case in load_cases()}
    assert read_anchors([], Columns(), LABELS, own=OWN_SENTENCES).held == both.held, "the same in each round"
    corrected = read_anchors([], Columns(), LABELS, without=added[:1], own=OWN_SENTENCES)
    assert added[0] not in corrected.held


def test_a_version_that_reads_no_english_is_not_held_to_english_sentences(tmp_path: Path):
    from classifier.continuing import reads_english

    parent = make_version(Registry(tmp_path / "home"))
    read = {
        codes: replace(parent, config=replace(parent.config, languages=codes)) for codes in ((), ("de", "en"), ("de",))
    }
    assert [reads_english(version) for version in read.values()] == [True, True, False]
