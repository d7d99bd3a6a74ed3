"""docs/operations.md tells of every figure there is, and of no other."""

import re

from bot.metrics import Metrics
from tests.conftest import REPOSITORY
from worker.metrics import REGISTRY

PAGE = (REPOSITORY / "docs" / "operations.md").read_text()


def figures() -> set[str]:
    """As Prometheus would store them."""
    families = [family for registry in (Metrics().registry, REGISTRY) for family in registry.collect()]
    return {f"{one.name}_total" if one.type == "counter" else one.name for one in families}


def test_every_figure_is_told_and_every_figure_told_is_there():
    assert set(re.findall(r"\bclf_(?:bot|worker|queue)_\w+", PAGE)) == figures()


def test_every_alert_says_what_to_do():
    rows = re.findall(r"^\| `clf_.*\|$", PAGE, re.MULTILINE)
    assert len(rows) > 20
    for row in rows:
        figure, when, do = row.removeprefix("| ").removesuffix(" |").split(" | ")
        assert all((figure, when, do)), row
