"""Fixtures of the classifier's tests: a base checkpoint small enough to train in seconds."""

from pathlib import Path

import pytest

from tests.tiny_model import make_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny BERT checkpoint, free to be damaged."""
    return make_checkpoint(tmp_path / "checkpoint")
