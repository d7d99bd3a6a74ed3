"""Holding out a group of sources: the whole course on the tiny base, and nothing is measured twice."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier import starter_holdout
from classifier.base import load_base
from classifier.calibration import softmax
from classifier.starter_holdout import Course, Library, Recipe, hold_out, is_measured
from classifier.starter_sources import Source
from tests.tiny_model import NEGATIVE, POSITIVE, make_checkpoint

COURSES = (Course(100, 0.2, 1e-3), Course(30, 0.4, 1e-3, keeps=True))


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
    monkeypatch.setattr(starter_holdout, "GROUPS", {"one": sources[:1], "two": sources[1:]})
    recipe = Recipe(sources, frozen=1, lora=2, courses=COURSES)
    return Library(tmp_path, tmp_path / "kept", load_base(str(make_checkpoint(tmp_path / "base"))), recipe)


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
    for other in (
        replace(library.recipe, courses=COURSES[:1]),
        replace(library.recipe, sources=library.recipe.sources[:1]),
    ):
        assert Library(tmp_path, library.kept, library.base, other).name != library.name


def test_a_course_that_keeps_teaches_what_the_network_says_of_the_public_rows(library):
    halves, sources = library.halves(1), library.recipe.sources
    states, targets, offsets = library._lessons(halves, sources, COURSES[1], 1)
    assert len(states) == len(targets) == len(offsets) == 15 + 15 + 12
    said = halves.logits(states) + offsets
    assert targets[:30] == pytest.approx(softmax(said[:30], 1.0), abs=1e-5)
    assert set(targets[30:].ravel().tolist()) == {0.0, 1.0}
    _, plain, _ = library._lessons(halves, sources, COURSES[0], 1)
    assert len(plain) == 60 + 12
    assert set(plain.ravel().tolist()) == {0.0, 1.0}


def test_the_plain_recipe_teaches_labels_as_they_stand_and_stays_at_its_end(library):
    plain = Recipe(library.recipe.sources, frozen=0, lora=2, way=1.0, by_source=False, courses=(Course(100, 0, 1e-3),))
    library = Library(library.folder, library.kept, library.base, plain)
    halves = library.halves(1)
    states, targets, offsets = library._lessons(halves, plain.sources, plain.courses[0], 1)
    labels = np.concatenate([library.read(source).labels for source in plain.sources])
    assert len(states) == len(labels) == 60
    assert targets.argmax(axis=1).tolist() == labels.tolist()
    assert not offsets.any()
    before = halves.weights()
    library.learn(halves, (), 1)
    after = halves.weights()
    library._take(again := library.halves(1), plain.sources, plain.courses[0], 1)
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(after, again.weights(), strict=True))
    assert any(not np.array_equal(one, other) for one, other in zip(after, before, strict=True))


def test_what_stays_is_the_recipes_way_to_the_mean_of_several_ends_of_the_last_course(library, monkeypatch):
    ends, halves, taken = [], library.halves(1), Library._take

    def take(self, halves, sources, course, seed):
        taken(self, halves, sources, course, seed)
        ends.append((seed, halves.weights()))

    monkeypatch.setattr(Library, "_take", take)
    library.learn(halves, (), 1, ends=2)
    assert [seed for seed, _ in ends] == [1, 101, 201]
    way = library.recipe.way
    assert 0 < way < 1
    for found, start, one, other in zip(halves.weights(), *(weights for _, weights in ends), strict=True):
        assert found == pytest.approx(start + way * ((one + other) / 2 - start), abs=1e-6)
    assert any(not np.array_equal(one, other) for one, other in zip(ends[1][1], ends[2][1], strict=True))


def test_the_lower_half_and_what_it_makes_of_a_source_stay_the_same_for_every_training(library):
    halves = library.halves(1)
    one = library.recipe.sources[0]
    before = library.states(one, halves)
    library.learn(halves, (), 1)
    assert np.array_equal(halves.read(library.read(one).texts).hidden, before.hidden)
