"""The public texts the starter is trained on: which files, by sha256, under which licence, from where."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import DataError


@dataclass(frozen=True)
class Source:
    """One public file. A file with another sha256 is refused, so that a card never names what was not used."""

    file: str
    sha256: str
    rows: int
    licence: str
    origin: str


GOEMOTIONS = "Google Research GoEmotions (Demszky et al. 2020), grouped into three sentiments; Reddit comments"
HUTTO = "Hutto and Gilbert, ICWSM 2014, also inside the source distribution of vaderSentiment 3.3.2"
TRAIN = (
    Source(
        "goemotions/train.jsonl",
        "08b932ef859e08bcb15ccc2b4c3e97bccfd06e20d525c46e95f1084fb36680c9",
        35930,
        "Apache-2.0",
        GOEMOTIONS,
    ),
    Source(
        "senti4sd/train.jsonl",
        "fa3da2d4bd72e5d4b6561fb1f916bee3847f1eec2575b7d9a73935627ddda1eb",
        3006,
        "MIT",
        "collab-uniba Senti4SD (Calefato et al. 2018), its training half; Stack Overflow posts",
    ),
    Source(
        "hutto/tweets.jsonl",
        "b60b0dd6222cc9e85c12eb439fb22d3edfae57401ac9d51cac062c6b5d3724fb",
        4140,
        "MIT",
        f"{HUTTO}; tweets",
    ),
    Source(
        "hutto/amazonReviewSnippets.jsonl",
        "beebb01571c48989bd2e636f9533f68c35cba63d6b22d999f56184bdb643f571",
        3687,
        "MIT",
        f"{HUTTO}; product review snippets",
    ),
)
EVERYTHING = [source.file for source in TRAIN]
VALID = Source(
    "goemotions/dev.jsonl",
    "309356848037b1ebdb41bf57376e61f553a463cd8fbfa1a45ad81076df8bd45e",
    4532,
    "Apache-2.0",
    GOEMOTIONS,
)
# Whole sources unlike what remains, one of developers' and one of everybody's text.
HELD_OUT = ("senti4sd/train.jsonl", "hutto/tweets.jsonl")


def check_sources(folder: Path) -> None:
    """Raises DataError for a file that is missing or not the one the card names."""
    for source in (*TRAIN, VALID):
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
