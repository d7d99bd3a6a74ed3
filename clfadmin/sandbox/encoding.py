"""JSON as the sandbox writes it, everywhere."""

import json
from typing import Any

Json = dict[str, Any]


def dump(value: object) -> str:
    """One line of JSON, ASCII only: a lone surrogate typed by a tester must travel, and UTF-8 cannot hold it."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
