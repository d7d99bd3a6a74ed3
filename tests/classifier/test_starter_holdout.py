"""Holding out a group of sources: the whole course on the tiny base, and nothing is measured twice."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from classifier import starter_holdout
from classifier.base import load_base
from classifier.calibration import softmax
from classifier.starter_holdout import Course, Library, Recipe, hold_out, is_measured
from classifier.starter_sources import Source
from tests.tiny_model import NEGATIVE, POSITIVE, make_checkpoint

RECIPE = Recipe(frozen=1, lora=2, courses=(Course(100, 12, 1e-3), Course(30, 12, 1e-3, keeps=True)))


def source(folder: Path, name: str, words: tuple[str, ...]) -> Source:
    """Forty rows: twenty of which somebody says how they feel, twenty of which nobody does."""
    rows = [{"text": f"{'the ' * (n // 5)}build is {words[n % 5]}", "rating": 2 * (-1) ** n} for n in range(20)]
    rows += [{"text": f"{'it ' * n}is today", "rating": 0.1} for n in range(20)]
    named = [{**row, "label": "positive" if row["rating"] > 1 else "neutral"} for row in rows]
    labelled = [{**row, "label": "negative"} if row["rating"] < -1 else row for row in named]
    data = "\n".join(json.dumps(row) for row in labelled).encode()
    (folder / name).write_bytes(data)
    return Source(name, hashlib.sha256(data).hexdigest(), 40, "MIT", "made up", used=30)


@pytest.fixture
def library(tmp_path, monkeypatch) -> Library:
    sources = (source(tmp_path, "one.jsonl", POSITIVE), source(tmp_path, "two.jsonl", NEGATIVE))
    monkeypatch.setattr(starter_holdout, "TRAIN", sources)
    monkeypatch.setattr(starter_holdout, "GROUPS", {"one": sources[:1], "two": sources[1:]})
    return Library(tmp_path, tmp_path / "kept", load_base(str(make_checkpoint(tmp_path / "base"))), RECIPE)


def test_a_group_is_held_out_by_its_used_rows_and_labels_and_never_trained_again(library, monkeypatch):
    assert not is_measured(library, "one", 1)
    first = hold_out(library, "one", 1)
    assert first.logits.shape == (30, 3)
    assert first.labels.tolist() == library.read(starter_holdout.GROUPS["one"][0]).labels.tolist()
    assert set(first.files) == {"one.jsonl"}
    assert is_measured(library, "one", 1)
    assert not is_measured(library, "one", 2)
    monkeypatch.setattr(Library, "learn", lambda *_: pytest.fail("trained again"))
    assert np.array_equal(hold_out(library, "one", 1).logits, first.logits)


def test_another_recipe_is_another_measurement(library, tmp_path):
    other = Library(tmp_path, library.kept, library.base, Recipe(frozen=1, lora=2, courses=RECIPE.courses[:1]))
    assert other.name != library.name


def test_a_course_that_keeps_teaches_what_the_network_says_of_the_public_rows(library):
    halves, sources = library.halves(1), starter_holdout.TRAIN
    states, targets, offsets = library._lessons(halves, sources, RECIPE.courses[1], 1)
    assert len(states) == len(targets) == len(offsets) == 15 + 15 + 12
    said = halves.logits(states) + offsets
    assert targets[:30] == pytest.approx(softmax(said[:30], 1.0), abs=1e-5)
    assert set(targets[30:].ravel().tolist()) == {0.0, 1.0}
    _, plain, _ = library._lessons(halves, sources, RECIPE.courses[0], 1)
    assert len(plain) == 60 + 12
    assert set(plain.ravel().tolist()) == {0.0, 1.0}


def test_half_way_to_the_mean_of_several_ends_of_the_last_course_stays(library, monkeypatch):
    ends, halves, taken = [], library.halves(1), Library._take

    def take(self, halves, sources, course, seed):
        taken(self, halves, sources, course, seed)
        ends.append((seed, halves.weights()))

    monkeypatch.setattr(Library, "_take", take)
    library.learn(halves, (), 1, ends=2)
    assert [seed for seed, _ in ends] == [1, 101, 201]
    for found, start, one, other in zip(halves.weights(), *(weights for _, weights in ends), strict=True):
        assert found == pytest.approx(start / 2 + (one + other) / 4, abs=1e-6)
    assert any(not np.array_equal(one, other) for one, other in zip(ends[1][1], ends[2][1], strict=True))


def test_the_lower_half_and_what_it_makes_of_a_source_stay_the_same_for_every_training(library):
    halves = library.halves(1)
    one = starter_holdout.TRAIN[0]
    before = library.states(one, halves)
    library.learn(halves, (), 1)
    assert np.array_equal(halves.read(library.read(one).texts).hidden, before.hidden)
