"""How the starter's recipe does on whole groups of sources that it has not read, measured once each and then kept.

Loads TensorFlow when imported, so it is imported inside functions only.
"""

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.base import Base
from classifier.calibration import softmax
from classifier.config import ModelConfig
from classifier.precision import resolve
from classifier.recipe import TrainConfig
from classifier.starter_scores import HeldOut
from classifier.starter_sentences import sentences
from classifier.starter_sources import GROUPS, LABELS, TRAIN, Source, Texts, read_source
from classifier.starter_training import Halves, States, joined
from classifier.training import configure


@dataclass(frozen=True)
class Course:
    """One epoch: over how many public rows at most, the same share of each source's, with how many sentences of our
    own for each of them, and at which learning rate.

    In a course that `keeps` what was learned before, the public rows teach what the network says of them when it begins
    (Li and Hoiem 2016, "Learning without forgetting"), and only the sentences something new.
    """

    public: int
    sentences: float
    learning_rate: float
    keeps: bool = False

    def __str__(self) -> str:
        as_before = " as they were read before it" if self.keeps else ""
        return (
            f"{self.public:,} public rows at most{as_before}, {self.sentences:g} times as many sentences of our own, "
            f"rate {self.learning_rate:g}"
        )


@dataclass(frozen=True)
class Recipe:
    """All that decides what is learned.

    Of no source are more than `most` rows taught in a course: the largest shall not decide what language is.
    `frozen` are the lowest layers, which stay as the base has them; `lora` the rank in those above. In the loss each
    source's label frequencies are taken as known (Menon et al. 2021, logit adjustment, but by source): the network
    learns what speaks for a label whatever its share. `expected` is how far its answers then lean towards the mean of
    those frequencies: 0 all labels alike, 1 that mean. `way` is how far what stays is from where the last course began
    to where it ended. Not `by_source`, labels are taught as they stand and their frequencies with them.
    """

    sources: tuple[Source, ...] = TRAIN
    most: int = 12_000
    frozen: int = 3
    lora: int = 32
    batch_size: int = 32
    expected: float = 1.0
    way: float = 0.75
    by_source: bool = True
    courses: tuple[Course, ...] = (
        Course(public=100_000, sentences=0.5, learning_rate=8e-4),
        Course(public=10_000, sentences=4, learning_rate=6e-4, keeps=True),
    )

    def run(self, seed: int, learning_rate: float = 0.0) -> TrainConfig:
        """The options of one course."""
        return TrainConfig(
            data=(),
            epochs=1,
            lora=self.lora,
            learning_rate=learning_rate,
            batch_size=self.batch_size,
            languages=("en",),
            seed=seed,
        )

    def options(self) -> dict[str, int | float | str]:
        """For the card and the manifest, which hold plain values."""
        run = self.run(0)
        names = ("pooling", "dropout", "batch_size", "max_length", "lora")
        courses = {f"course_{number}": str(course) for number, course in enumerate(self.courses, start=1)}
        return {
            **{name: getattr(run, name) for name in names},
            "most": self.most,
            "way": self.way,
            "frozen": self.frozen,
            "expected": self.expected,
            **courses,
        }


RECIPE = Recipe()
# Of the first starter: an adapter in all layers, one epoch over labels as they stand, without newspapers.
PLAIN = Recipe(
    TRAIN[:4], most=100_000, frozen=0, lora=16, way=1.0, by_source=False, courses=(Course(100_000, 0, 8e-4),)
)


class Library:
    """The sources' texts, and what the frozen layers make of them, kept in `kept` from one call to the next."""

    def __init__(self, folder: Path, kept: Path, base: Base, recipe: Recipe = RECIPE) -> None:
        self.folder, self.kept, self.base, self.recipe = folder, kept, base, recipe
        self.config: ModelConfig = configure(recipe.run(0), base, LABELS)
        self.precision = resolve("auto")
        self.texts: dict[str, Texts] = {}
        kept.mkdir(parents=True, exist_ok=True)

    def halves(self, seed: int) -> Halves:
        """A fresh network."""
        recipe = self.recipe
        return Halves(
            self.base, self.config, frozen=recipe.frozen, lora=recipe.lora, seed=seed, precision=self.precision
        )

    def read(self, source: Source) -> Texts:
        if source.file not in self.texts:
            self.texts[source.file] = read_source(self.folder, source)
        return self.texts[source.file]

    def states(self, source: Source, halves: Halves) -> States:
        """Of the source's used rows."""
        frozen = (self.base.sha256, self.recipe.frozen, self.precision)
        parts = (*frozen, self.config.max_length, source.sha256, source.used)
        path = self.kept / f"states-{_short(' '.join(map(str, parts)))}.npz"
        if not path.exists():
            states = halves.read(self.read(source).texts)
            np.savez(path, hidden=states.hidden, starts=states.starts)
        arrays = np.load(path)
        return States(arrays["hidden"], arrays["starts"])

    def learn(self, halves: Halves, without: Sequence[Source], seed: int, *, ends: int = 1) -> None:
        """Train `halves` on all sources but `without`, and on our own sentences.

        The last course can be taken more than once from the same start, with other sentences in another order. What
        stays is the recipe's `way` from that start to the mean of the weights after each of its `ends`: less by chance
        (Wortsman et al. 2022, "Model soups") and little lost of what was known before it (the same, "Robust fine-tuning
        of zero-shot models").
        """
        sources = [source for source in self.recipe.sources if source not in without]
        *first, last = enumerate(self.recipe.courses)
        for number, course in first:
            self._take(halves, sources, course, seed + 100 * number)
        start, found = halves.weights(), list[list[np.ndarray]]()
        for end in range(ends):
            halves.become(start)
            self._take(halves, sources, last[1], seed + 100 * (last[0] + end))
            found.append(halves.weights())
        means = [np.mean(values, axis=0) for values in zip(*found, strict=True)]
        way = self.recipe.way
        halves.become([before + way * (mean - before) for before, mean in zip(start, means, strict=True)])

    def _take(self, halves: Halves, sources: Sequence[Source], course: Course, seed: int) -> None:
        # No course shows a sentence or an order that another one, or another seed's, has shown.
        halves.teach(
            *self._lessons(halves, sources, course, seed), self.recipe.run(seed, course.learning_rate), _report
        )

    def _lessons(
        self, halves: Halves, sources: Sequence[Source], course: Course, seed: int
    ) -> tuple[States, np.ndarray, np.ndarray]:
        """States, targets and offsets of one course, as Halves.teach takes them."""
        random = np.random.default_rng(seed)
        texts = [self.read(source) for source in sources]
        labels = [some.taught if self.recipe.by_source else some.labels for some in texts]
        known = [_frequencies(some) for some in labels]
        # In a chat nobody has labelled, labels are expected to be about as frequent as in the public sources.
        expected = np.log(np.mean(known, axis=0)) * self.recipe.expected
        counts = [min(len(some), self.recipe.most) for some in labels]
        share = min(1.0, course.public / sum(counts))
        chosen = [
            random.permutation(len(some))[: round(share * most)] for some, most in zip(labels, counts, strict=True)
        ]
        rows = list(map(np.sort, chosen))
        states = [self.states(source, halves).select(of) for source, of in zip(sources, rows, strict=True)]
        labels = [some[of] for some, of in zip(labels, rows, strict=True)]
        if course.sentences:
            own = sentences(round(course.sentences * sum(map(len, rows))), seed)
            states.append(halves.read([sentence.text for sentence in own]))
            labels.append(np.array([LABELS.index(sentence.label) for sentence in own]))
            known.append(_frequencies(labels[-1]))
        leans = [(np.log(some) - expected) * self.recipe.by_source for some in known]
        offsets = [np.tile(lean, (len(part), 1)) for lean, part in zip(leans, labels, strict=True)]
        targets = [np.eye(len(LABELS))[part] for part in labels]
        if course.keeps:
            public = slice(len(sources))
            said = [halves.logits(of) for of in states[public]]
            targets[public] = [softmax(of + lean, 1.0) for of, lean in zip(said, offsets[public], strict=True)]
        return joined(states), np.concatenate(targets, dtype=np.float32), np.concatenate(offsets, dtype=np.float32)

    @property
    def name(self) -> str:
        """Of everything that decides a measurement: recipe, rows as they are taught, sentences."""
        # As many as a change of the grammar is sure to show in.
        count = 4000 * any(course.sentences for course in self.recipe.courses)
        made = [(item.text, item.label) for item in sentences(count, 0)]
        taught = [self.read(source).taught.tolist() for source in self.recipe.sources]
        return _short(json.dumps([asdict(self.recipe), self.precision, taught, made, self.base.sha256]))


def hold_out(library: Library, group: str, seed: int) -> HeldOut:
    """What a network that has read all but the group says of it; what was measured before is not measured again."""
    path = _path(library, group, seed)
    if not path.exists():
        started = time.monotonic()
        halves = library.halves(seed)
        library.learn(halves, GROUPS[group], seed)
        sys.stderr.write(f"{group}, seed {seed}: learned after {(time.monotonic() - started) / 60:.1f} min\n")
        logits = [halves.logits(library.states(source, halves)) for source in GROUPS[group]]
        labels = [library.read(source).labels for source in GROUPS[group]]
        files = [np.repeat(source.file, len(part)) for source, part in zip(GROUPS[group], labels, strict=True)]
        np.savez(path, logits=np.concatenate(logits), labels=np.concatenate(labels), files=np.concatenate(files))
        sys.stderr.write(f"{group}, seed {seed}: {(time.monotonic() - started) / 60:.1f} min\n")
    arrays: dict[str, Any] = dict(np.load(path))
    found = HeldOut(group, seed, arrays["logits"], arrays["labels"], arrays["files"])
    sys.stderr.write(f"{group}, seed {seed}: {found.scores()}\n")
    return found


def is_measured(library: Library, group: str, seed: int) -> bool:
    """Whether hold_out has its answer already."""
    return _path(library, group, seed).exists()


def _path(library: Library, group: str, seed: int) -> Path:
    return library.kept / f"held-out-{library.name}-{group.replace(' ', '-')}-{seed}.npz"


def _frequencies(labels: np.ndarray) -> np.ndarray:
    return np.bincount(labels, minlength=len(LABELS)) / len(labels)


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _report(step: int, steps: int, loss: float, rate: float) -> None:
    if step % 100 == 0:
        sys.stderr.write(f"step {step}/{steps}, loss {loss:.4f}, {rate:.0f} texts/s\n")
