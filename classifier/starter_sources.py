"""The public texts the starter is trained on: which files, by sha256, under which licence, from where, of which group.

Sources differ most in where neutral ends. Hutto's raters gave numbers, so there it is ours to say; in GoEmotions and
Senti4SD it stays as people labelled it.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.errors import DataError

LABELS = ("negative", "neutral", "positive")
# Mean ratings, -4 to 4, that teach neutral. Hutto's own bounds are -0.5 and 0.5; with these, models of Hutto's texts
# and Senti4SD agree better with GoEmotions' readers, who had to name an emotion before anything was not neutral.
NEUTRAL_FROM, NEUTRAL_TO = -1.3, 0.6


@dataclass(frozen=True)
class Source:
    """One public file. A file with another sha256 is refused, so that a card never names what was not used.

    `used` are the rows that are learned from, or measured on where the file is held out, chosen by a fixed seed.
    """

    file: str
    sha256: str
    rows: int
    licence: str
    origin: str
    used: int


@dataclass(frozen=True)
class Texts:
    """The used rows of a source, each text and label once: `labels` int [texts] as in the file, `taught` as taught."""

    texts: list[str]
    labels: np.ndarray
    taught: np.ndarray


def read_source(folder: Path, source: Source) -> Texts:
    """The source's used rows from `folder`, which check_sources has looked at."""
    lines = (folder / source.file).read_text("utf-8").splitlines()
    rows = list({(row["text"], row["label"]): row for row in map(json.loads, lines)}.values())
    chosen = np.sort(np.random.default_rng(CHOICE_SEED).permutation(len(rows))[: source.used])
    rows = [rows[place] for place in chosen]
    labels = [LABELS.index(row["label"]) for row in rows]
    taught = [taught_label(row, label) for row, label in zip(rows, labels, strict=True)]
    return Texts([row["text"] for row in rows], np.array(labels), np.array(taught))


def taught_label(row: dict[str, str | float], label: int) -> int:
    """The number of the label that a row teaches: by its rating where it has one, else `label`, its own."""
    rating = row.get("rating")
    if not isinstance(rating, int | float):
        return label
    return 0 if rating < NEUTRAL_FROM else 2 if rating > NEUTRAL_TO else 1


CHOICE_SEED = 7
GOEMOTIONS = "Google Research GoEmotions (Demszky et al. 2020), grouped into three sentiments; Reddit comments"
HUTTO = "Hutto and Gilbert, ICWSM 2014, also inside the source distribution of vaderSentiment 3.3.2"
TRAIN = (
    Source(
        "goemotions/train.jsonl",
        "08b932ef859e08bcb15ccc2b4c3e97bccfd06e20d525c46e95f1084fb36680c9",
        35930,
        "Apache-2.0",
        GOEMOTIONS,
        used=35930,
    ),
    Source(
        "senti4sd/train.jsonl",
        "fa3da2d4bd72e5d4b6561fb1f916bee3847f1eec2575b7d9a73935627ddda1eb",
        3006,
        "MIT",
        "collab-uniba Senti4SD (Calefato et al. 2018), its training half; Stack Overflow posts",
        used=3006,
    ),
    Source(
        "hutto/tweets.jsonl",
        "b60b0dd6222cc9e85c12eb439fb22d3edfae57401ac9d51cac062c6b5d3724fb",
        4140,
        "MIT",
        f"{HUTTO}; tweets",
        used=4140,
    ),
    Source(
        "hutto/amazonReviewSnippets.jsonl",
        "beebb01571c48989bd2e636f9533f68c35cba63d6b22d999f56184bdb643f571",
        3687,
        "MIT",
        f"{HUTTO}; product review snippets",
        used=3687,
    ),
    Source(
        "hutto/nytEditorialSnippets.jsonl",
        "b86a099635b09f70bbb6643f167b81df9ed1ce4f4c4797166ca43545beb6e8fd",
        5113,
        "MIT",
        f"{HUTTO}; newspaper snippets",
        used=5113,
    ),
)
VALID = Source(
    "goemotions/dev.jsonl",
    "309356848037b1ebdb41bf57376e61f553a463cd8fbfa1a45ad81076df8bd45e",
    4532,
    "Apache-2.0",
    GOEMOTIONS,
    used=4532,
)
# What is held out together, whole: a model that has read one of a group is no stranger to the others.
GROUPS = {
    "chat": TRAIN[:1],
    "developers": TRAIN[1:2],
    "tweets and reviews": TRAIN[2:],
}
ALL = (*TRAIN, VALID)


def check_sources(folder: Path) -> None:
    """Raises DataError for a file that is missing or not the one the card names."""
    for source in ALL:
        path = folder / source.file
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror}). The card names where it comes from.") from error
        if found != source.sha256:
            raise DataError(
                f"{path} has sha256 {found[:12]}…, the card names {source.sha256[:12]}…. The starter is made of "
                "exactly the files it names; to train on others use `clfadmin train`."
            )
