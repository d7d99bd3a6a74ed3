"""Labelled texts to evaluate on. Only numbers are held; the few texts that are shown are looked up at the end."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.dataset import Dropped
from classifier.evaluation import DataName
from classifier.slices import TraitColumns, traits_of


@dataclass(frozen=True)
class Place:
    """A text and where it came from; `line` counts from 1 and is None where it is not known."""

    text: str
    file: str
    line: int | None


# Given row numbers, yields (row, place) by rising row.
LookUp = Callable[[Collection[int]], Iterator[tuple[int, Place]]]


@dataclass(frozen=True)
class Sample:
    """Labelled texts by number. `expected` int [texts], places of the right labels in the version's order.

    `sources` are the names of the files, of which `traits.source` says which one a text is from.
    """

    data: DataName
    expected: np.ndarray
    traits: TraitColumns
    sources: tuple[str, ...]
    look_up: LookUp
    dropped: Dropped


def sample_in_memory(texts: Sequence[str], expected: np.ndarray, files: Sequence[str], data: DataName) -> Sample:
    """A sample of texts that are in memory anyway, such as a training's validation part; `files` has each one's."""

    def look_up(rows: Collection[int]) -> Iterator[tuple[int, Place]]:
        return ((row, Place(texts[row], files[row], None)) for row in sorted(rows))

    names = tuple(dict.fromkeys(files))
    traits = TraitColumns.of([traits_of(text) for text in texts], [names.index(file) for file in files])
    return Sample(data, expected, traits, names, look_up, Dropped())
