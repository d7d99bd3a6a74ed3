"""`python -m clfadmin.speed.child NAME FOLDER THREADS`: one contender, loaded once, measured when asked.

A JSON line on standard input is a request, a JSON line on standard output its answer; it ends when its input ends.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from classifier.encoding import Encoded, batches_by_length, pad
from clfadmin.speed.engines import OURS, Batch, Engine, NotHere, read_model

Answer = dict[str, Any]


class Bench:
    """One engine and the texts it was given. Requests name texts by their row numbers."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.texts: list[str] = []
        self.encoded: list[Encoded] = []

    def give(self, texts: list[str]) -> Answer:
        """Take these texts; their lengths in tokens."""
        self.texts, self.encoded = texts, self.engine.encode(texts)
        return {"lengths": [len(item.ids) for item in self.encoded]}

    def network(self, rows: list[int], size: int) -> Answer:
        """Seconds for the network alone: token ids lie ready as lists, padding them to arrays counts."""
        network = self.engine.network
        if network is None:
            raise NotHere("takes texts only")
        groups = self._groups(rows, size)
        network([self._batch(groups[0])])  # wake threads and caches after the others' turn
        started = time.perf_counter()
        network([self._batch(group) for group in groups])
        return {"seconds": time.perf_counter() - started}

    def text(self, rows: list[int], size: int) -> Answer:
        """Seconds from texts, longest first, to labels; and those labels."""
        texts = [self.texts[row] for row in self._longest_first(rows)]
        self.engine.classify(texts[:1], size)
        started = time.perf_counter()
        labels = self.engine.classify(texts, size)
        return {"seconds": time.perf_counter() - started, "labels": labels}

    def single(self, rows: list[int], size: int) -> Answer:
        """Seconds from text to label for each row, one after the other."""
        self.engine.classify([self.texts[rows[0]]], size)
        return {"seconds": [self._one(row, size) for row in rows]}

    def padded(self, rows: list[int], size: int) -> Answer:
        """Tokens computed for these rows, padding included."""
        return {"tokens": sum(len(group) * self._length(group[0]) for group in self._groups(rows, size))}

    def _one(self, row: int, size: int) -> float:
        started = time.perf_counter()
        self.engine.classify([self.texts[row]], size)
        return time.perf_counter() - started

    def _groups(self, rows: list[int], size: int) -> list[list[int]]:
        """Row numbers of each batch, longest texts first in it and over all."""
        ordered = self._longest_first(rows)
        if self.engine.unit == "texts":
            return [ordered[start : start + size] for start in range(0, len(ordered), size)]
        found = batches_by_length([self._length(row) for row in ordered], size)
        return [[ordered[place] for place in group] for group in found]

    def _longest_first(self, rows: list[int]) -> list[int]:
        return sorted(rows, key=lambda row: -self._length(row))

    def _length(self, row: int) -> int:
        return len(self.encoded[row].ids)

    def _batch(self, group: list[int]) -> Batch:
        return pad([self.encoded[row] for row in group])


def answer(start: Callable[[], tuple[Answer, Mapping[str, Callable[..., Answer]]]]) -> None:
    """Say what `start` has to say first, then answer requests by the functions it gives; an error is an answer too."""
    # Libraries print; what they say must not end up between our answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        about, known = start()
    # Whatever a library says about this machine is the answer.
    except Exception as error:
        _say(answers, {"error": str(error) if isinstance(error, NotHere) else f"{type(error).__name__}: {error}"})
        return
    _say(answers, about)
    for line in sys.stdin:
        request = json.loads(line)
        _say(answers, known[request.pop("do")](**request))


def load(name: str, folder: Path, threads: int) -> Engine:
    """Raises NotHere, VersionRefused, and whatever the library itself raises."""
    model = read_model(folder)
    if name in OURS:
        return OURS[name](model, threads)
    try:
        from clfadmin.speed import alternatives
    except ImportError as error:
        raise NotHere(f"{error.name or error} is not installed") from error
    return alternatives.ENGINES[name](model, threads)


def main() -> None:
    name, folder, threads = sys.argv[1:]

    def start() -> tuple[Answer, Mapping[str, Callable[..., Answer]]]:
        engine = load(name, Path(folder), int(threads))
        bench = Bench(engine)
        about: Answer = {
            "about": engine.about,
            "sizes": engine.sizes,
            "unit": engine.unit,
            "has_network": engine.network is not None,
        }
        known = {
            "give": bench.give,
            "network": bench.network,
            "text": bench.text,
            "single": bench.single,
            "padded": bench.padded,
        }
        return about, known

    answer(start)


def _say(answers: TextIO, answer: Answer) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
