"""What the card says of held-out groups: scores by group and file, and an honest calibration error."""

import dataclasses

import numpy as np
import pytest

from classifier.starter_scores import PLAIN, HeldOut, calibrated, calibration_errors, held_out_card
from tests.tiny_model import tiny_config

CONFIG = tiny_config()


def held_out(group: str, seed: int, *, right: float = 0.8, scale: float = 2.0, texts: int = 600) -> HeldOut:
    """Texts of two files of which a share is labelled right, all with the same confidence."""
    random = np.random.default_rng([seed, len(group)])
    labels = random.integers(0, 3, texts)
    predicted = np.where(random.random(texts) < right, labels, (labels + 1) % 3)
    files = np.array(["a.jsonl", "b.jsonl"])[np.arange(texts) % 2]
    return HeldOut(group, seed, scale * np.eye(3)[predicted], labels, files)


GROUPS = [held_out(group, seed) for seed in (1, 2) for group in PLAIN]


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
    _, metrics = calibrated(CONFIG, [large, held_out("developers", 1, right=1.0, texts=3000)])
    assert metrics["accuracy"] == pytest.approx(0.7, abs=0.02)


def test_the_card_has_both_seeds_beside_the_plain_recipe_and_null_for_what_was_not_measured():
    card = held_out_card(CONFIG, GROUPS)
    assert list(card) == list(PLAIN)
    assert card["chat"]["plain"] == {"1": PLAIN["chat"][1], "2": PLAIN["chat"][2]}
    for group, scores in card.items():
        assert {seed: PLAIN[group].get(int(seed)) for seed in scores["plain"]} == scores["plain"]
        assert set(scores["recipe"]) == {"1", "2"}
        assert scores["texts"] == 600
        assert 0 <= scores["ece"] < 0.05
