"""Holding out a group of sources: the whole course on the tiny base, and nothing is measured twice."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from classifier import starter_holdout
from classifier.base import load_base
from classifier.starter_holdout import Course, Library, Recipe, hold_out, is_measured
from classifier.starter_sentences import SHARES, TURNING
from classifier.starter_sources import Source
from tests.tiny_model import NEGATIVE, POSITIVE, make_checkpoint

RECIPE = Recipe(frozen=1, lora=2, courses=(Course(1.0, 0.2, SHARES, 1e-3), Course(0.5, 0.2, TURNING, 1e-3)))


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


def test_the_lower_half_and_what_it_makes_of_a_source_stay_the_same_for_every_training(library):
    halves = library.halves(1)
    one = starter_holdout.TRAIN[0]
    before = library.states(one, halves)
    library.learn(halves, (), 1)
    assert np.array_equal(halves.read(library.read(one).texts).hidden, before.hidden)
