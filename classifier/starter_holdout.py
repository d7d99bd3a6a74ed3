"""How the starter's recipe does on whole groups of sources that it has not read, measured once each and then kept.

Loads TensorFlow when imported, so it is imported inside functions only.
"""

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.base import Base
from classifier.config import ModelConfig
from classifier.recipe import TrainConfig
from classifier.starter_scores import HeldOut
from classifier.starter_sentences import SHARES, TURNING, sentences
from classifier.starter_sources import GROUPS, LABELS, TRAIN, Source, Texts, read_source
from classifier.starter_training import Halves, States, joined
from classifier.training import configure


@dataclass(frozen=True)
class Course:
    """One epoch: over which share of each source's rows, with how many of our own sentences (a share of all public
    rows), how often each kind of them, and at which learning rate."""

    public: float
    sentences: float
    shares: Mapping[str, float]
    learning_rate: float


@dataclass(frozen=True)
class Recipe:
    """All that decides what is learned, beside the sources.

    `frozen` are the lowest layers, which stay as the base has them; `lora` the rank in those above. In the loss each
    source's label frequencies are taken as known (Menon et al. 2021, logit adjustment, but by source): the network
    learns what speaks for a label whatever its share. `expected` is how far its answers then lean towards the mean of
    those frequencies: 0 all labels alike, 1 that mean. What is kept is the mean of the weights after each course.
    """

    frozen: int = 3
    lora: int = 32
    batch_size: int = 32
    expected: float = 1.0
    courses: tuple[Course, ...] = (
        Course(1.0, 0.5, SHARES, 8e-4),
        Course(0.14, 0.5, TURNING, 6e-4),
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
        courses = {
            f"course_{number}": f"{course.public:.0%} of the public rows and {course.sentences:.0%} as many sentences "
            f"of our own, rate {course.learning_rate:g}"
            for number, course in enumerate(self.courses, start=1)
        }
        return {
            **{name: getattr(run, name) for name in names},
            "frozen": self.frozen,
            "expected": self.expected,
            **courses,
        }


RECIPE = Recipe()


class Library:
    """The sources' texts, and what the frozen layers make of them, kept in `kept` from one call to the next."""

    def __init__(self, folder: Path, kept: Path, base: Base, recipe: Recipe = RECIPE) -> None:
        self.folder, self.kept, self.base, self.recipe = folder, kept, base, recipe
        self.config: ModelConfig = configure(recipe.run(0), base, LABELS)
        self.texts: dict[str, Texts] = {}
        kept.mkdir(parents=True, exist_ok=True)

    def halves(self, seed: int) -> Halves:
        """A fresh network."""
        return Halves(self.base, self.config, frozen=self.recipe.frozen, lora=self.recipe.lora, seed=seed)

    def read(self, source: Source) -> Texts:
        if source.file not in self.texts:
            self.texts[source.file] = read_source(self.folder, source)
        return self.texts[source.file]

    def states(self, source: Source, halves: Halves) -> States:
        """Of the source's used rows."""
        parts = (self.base.sha256, self.recipe.frozen, self.config.max_length, source.sha256, source.used)
        path = self.kept / f"states-{_short(' '.join(map(str, parts)))}.npz"
        if not path.exists():
            states = halves.read(self.read(source).texts)
            np.savez(path, hidden=states.hidden, starts=states.starts)
        arrays = np.load(path)
        return States(arrays["hidden"], arrays["starts"])

    def learn(self, halves: Halves, without: Sequence[Source], seed: int) -> None:
        """Train `halves` on all sources but `without`, and on our own sentences."""
        sources = [source for source in TRAIN if source not in without]
        ends: list[list[np.ndarray]] = []
        for number, course in enumerate(self.recipe.courses):
            # No course shows a sentence or an order that another seed's course has shown.
            course_seed = seed + 100 * number
            lessons = self._lessons(halves, sources, course, course_seed)
            halves.teach(*lessons, self.recipe.run(course_seed, course.learning_rate), _report)
            ends.append(halves.weights())
        # Half way back: what the last course teaches is kept for the most part, and little of the others is lost
        # (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
        halves.become([np.mean(values, axis=0) for values in zip(*ends, strict=True)])

    def _lessons(
        self, halves: Halves, sources: Sequence[Source], course: Course, seed: int
    ) -> tuple[States, np.ndarray, np.ndarray]:
        """States, targets and offsets of one course, as Halves.teach takes them."""
        random = np.random.default_rng(seed)
        states, labels, known = [], [], []
        for source in sources:
            taught = self.read(source).taught
            rows = np.sort(random.permutation(len(taught))[: round(course.public * len(taught))])
            states.append(self.states(source, halves).select(rows))
            labels.append(taught[rows])
            known.append(_frequencies(taught))
        # In a chat nobody has labelled, labels are expected to be about as frequent as in the public sources.
        expected = np.log(np.mean(known, axis=0)) * self.recipe.expected
        count = sum(len(self.read(source).taught) for source in sources)
        own = sentences(round(course.sentences * count), seed, course.shares)
        states.append(halves.read([sentence.text for sentence in own]))
        labels.append(np.array([LABELS.index(sentence.label) for sentence in own]))
        known.append(_frequencies(labels[-1]))
        offsets = [np.tile(np.log(share) - expected, (len(part), 1)) for share, part in zip(known, labels, strict=True)]
        targets = np.eye(len(LABELS), dtype=np.float32)[np.concatenate(labels)]
        return joined(states), targets, np.concatenate(offsets).astype(np.float32)

    @property
    def name(self) -> str:
        """Of everything that decides a measurement: recipe, sources, sentences."""
        courses = self.recipe.courses
        made = [(item.text, item.label) for course in courses for item in sentences(2000, 0, course.shares)]
        rows = [(source.sha256, source.used) for source in TRAIN]
        taught = [self.read(source).taught.tolist() for source in TRAIN]
        return _short(json.dumps([asdict(self.recipe), rows, taught, made, self.base.sha256]))


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
