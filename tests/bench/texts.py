"""The texts every serving benchmark reads."""

import csv
import json
from pathlib import Path

from classifier.text import normalise

REPOSITORY = Path(__file__).parents[2]
TWEETS = REPOSITORY.parent / "shared" / "data" / "hutto" / "tweets.jsonl"
CHAT = REPOSITORY / "examples" / "chat.csv"


def benchmark_texts(count: int, data: Path | None = None) -> tuple[list[str], str]:
    """`count` texts as the model reads them, and what they are.

    From `data` (JSONL or CSV with a field "text"), else 2,000 tweets of Hutto and Gilbert (ICWSM 2014, tweets.jsonl),
    else the example chat, over and over. All contenders get them normalised: token for token the same.
    """
    path = data or (TWEETS if TWEETS.exists() else CHAT)
    found = [text for text in map(normalise, _read(path)) if text]
    texts = [found[number % len(found)] for number in range(count)]
    again = f", each about {count / len(found):.0f} times" if count > len(found) else ""
    return texts, f"{count:,} texts of {path.name}{again}"


def _read(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines) if path.suffix == ".csv" else map(json.loads, lines)
        return [row["text"] for row in rows]
