"""The parts of `make bench` about training: what they time, and what they count of memory."""

import json
from pathlib import Path

import numpy as np
import pytest

from classifier.registry import Registry
from clfadmin.speed.contender import Child, Unavailable
from tests.bench import part, train_memory, train_speed
from tests.bench.train_memory import Sample

TEXTS = ["good build", "the build is awful", "it is today", "thanks"] * 20


def test_a_contender_is_timed_on_the_batches_that_train_makes(shared_tiny_home: Path, tmp_path: Path):
    version = Registry(shared_tiny_home).get("tiny")
    sizes = train_speed.write_batches(tmp_path / "batches.npz", version, TEXTS)
    assert sorted(sizes) == [16, 32, 32]
    with np.load(tmp_path / "batches.npz") as stored:
        assert sum(len(stored[f"labels{number}"]) for number in range(3)) == len(TEXTS)
        assert all(stored[f"ids{number}"].shape == stored[f"mask{number}"].shape for number in range(3))
    child = Child("tests.bench.train_child", ["frozen", str(version.path)], threads=1)
    try:
        assert 0 < child.told["trained"] < version.config.parameters
        assert child.ask("give", file=str(tmp_path / "batches.npz"))["first_step"] > 0
        assert child.ask("steps", rows=[0, 2])["seconds"] > 0
    finally:
        child.close()


def test_without_pytorch_its_contenders_are_left_out_with_a_line(shared_tiny_home: Path):
    """The tagger's own environment never has it."""
    with pytest.raises(Unavailable, match="torch is not installed"):
        Child("tests.bench.train_child", ["torch", str(shared_tiny_home / "models" / "tiny")], threads=1)


def test_memory_is_the_most_of_a_stage_or_of_half_of_it():
    samples = [Sample("reading", 0, 90.0), Sample("reading", 10, 100.0)]
    samples += [Sample("training", step, mb) for step, mb in ((1, 500.0), (2, 700.0), (3, 600.0), (4, 650.0))]
    assert train_memory.most(samples, "reading") == 100.0
    assert train_memory.most(samples, "training", high=0.5) == 700.0
    assert train_memory.most(samples, "training", low=0.51) == 650.0


def test_no_two_of_many_rows_are_alike(tmp_path: Path):
    (tmp_path / "few.jsonl").write_text('{"text": "good", "label": "a"}\n{"text": "bad", "label": "b"}\n')
    train_memory.write_rows(tmp_path / "rows.jsonl", 100, part.Settings(data=tmp_path / "few.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert len({row["text"] for row in rows}) == len(rows) == 100
    assert {row["label"] for row in rows} == {"a", "b"}
