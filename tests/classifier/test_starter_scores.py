"""What the card says of held-out groups: scores by group and file, and an honest calibration error."""

import dataclasses

import numpy as np
import pytest

from classifier.starter_scores import TALK, HeldOut, calibrated, calibration_errors, held_out_card
from tests.tiny_model import tiny_config

CONFIG = tiny_config()


def held_out(group: str, seed: int, *, right: float = 0.8, scale: float = 2.0, texts: int = 600) -> HeldOut:
    """Texts of two files of which a share is labelled right, all with the same confidence."""
    random = np.random.default_rng([seed, len(group)])
    labels = random.integers(0, 3, texts)
    predicted = np.where(random.random(texts) < right, labels, (labels + 1) % 3)
    files = np.array(["a.jsonl", "b.jsonl"])[np.arange(texts) % 2]
    return HeldOut(group, seed, scale * np.eye(3)[predicted], labels, files)


GROUPS = [held_out(group, seed) for seed in (1, 2) for group in (*TALK, "developers")]


def test_scores_are_macro_f1_of_the_group_and_of_each_file():
    scores = held_out("chat", 1).scores()
    assert list(scores) == ["chat", "a.jsonl", "b.jsonl"]
    assert scores["chat"] == pytest.approx((scores["a.jsonl"] + scores["b.jsonl"]) / 2, abs=0.01)
    assert held_out("chat", 1, right=1.0).scores()["chat"] == 1.0


def test_a_group_of_one_file_has_one_score():
    part = dataclasses.replace(held_out("chat", 1), files=np.repeat("a.jsonl", 600))
    assert list(part.scores()) == ["chat"]


def test_the_temperature_of_a_group_comes_from_the_others_alone():
    """So a group that asks for quite another temperature is told apart from one that fits."""
    odd = [held_out("chat", seed, right=0.4) for seed in (1, 2)]
    errors = calibration_errors(CONFIG, [*odd, *(part for part in GROUPS if part.group != "chat")])
    assert errors["chat"] > 0.3
    assert calibration_errors(CONFIG, GROUPS)["chat"] < 0.05


def test_every_group_counts_alike_however_many_texts_it_has():
    large = held_out("chat", 1, right=0.4, texts=50_000)
    _, metrics = calibrated(CONFIG, [large, held_out("tweets and reviews", 1, right=1.0, texts=3000)])
    assert metrics["accuracy"] == pytest.approx(0.7, abs=0.02)


def test_confidence_is_not_fitted_on_what_developers_write():
    sure = [held_out("developers", seed, right=1.0) for seed in (1, 2)]
    others = [part for part in GROUPS if part.group in TALK]
    assert calibrated(CONFIG, [*others, *sure])[0].temperature == calibrated(CONFIG, others)[0].temperature
    errors, without = calibration_errors(CONFIG, [*others, *sure]), calibration_errors(CONFIG, others)
    assert {group: errors[group] for group in TALK} == without
    assert errors["developers"] > 0.1


def test_the_card_has_groups_and_files_by_seed_beside_the_plain_recipe():
    plain = [held_out(part.group, part.seed, right=0.6) for part in GROUPS]
    card = held_out_card(CONFIG, GROUPS, plain)
    assert set(card) == {*TALK, "developers"}
    for group in card.values():
        assert set(group["plain"]) == set(group["recipe"]) == {"1", "2"}
        assert min(group["recipe"].values()) > 0.7 > max(group["plain"].values())
        assert set(group["files"]) == {"a.jsonl", "b.jsonl"}
        assert set(group["files"]["a.jsonl"]["plain"]) == {"1", "2"}
        assert group["texts"] == 600
        assert 0 <= group["ece"] < 0.05
