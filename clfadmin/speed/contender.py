"""The contenders as their measurer sees them: a process each, asked in turn, so that one run alternates."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.errors import ClassifierError

ROOT = Path(__file__).resolve().parents[2]
LAST_WORDS = 300


class Unavailable(ClassifierError):
    """A contender cannot run here, or broke. One line says why."""


@dataclass(frozen=True)
class Kind:
    """A contender to be. `other` ones need libraries that the tagger itself never installs."""

    name: str
    title: str
    other: bool = False


OURS = Kind("int8", "compiled form, int8")
KERAS = Kind("keras", "Keras form, float32")
PIPELINE = Kind("pipeline", "transformers pipeline, PyTorch float32", other=True)
KINDS = (
    OURS,
    KERAS,
    Kind("onnxruntime", "onnxruntime, float32"),
    PIPELINE,
    Kind("torch", "PyTorch float32, our batches", other=True),
    Kind("torch-bf16", "PyTorch bfloat16, our batches", other=True),
    Kind("openvino", "OpenVINO, our batches", other=True),
)


class Child:
    """A program of ours that answers requests (child.py). Not for threads: one request at a time, though several
    children may be under way."""

    def __init__(self, module: str, arguments: Sequence[str], *, threads: int, python: str = sys.executable) -> None:
        """Wait until it has loaded what it needs: takes seconds. Raises Unavailable."""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as the process
        process = subprocess.Popen(  # noqa: S603  # our own module
            [python, "-m", module, *arguments, str(threads)],
            env=_environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert process.stdin  # noqa: S101  # pipes, both
        assert process.stdout  # noqa: S101
        self._process, self._requests, self._answers = process, process.stdin, process.stdout
        try:
            self.told = self.receive()
        except Unavailable:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        """One request and its answer. Raises Unavailable when the process broke."""
        self.send(what, **values)
        return self.receive()

    def send(self, what: str, **values: Any) -> None:
        try:
            self._requests.write(json.dumps({"do": what, **values}) + "\n")
            self._requests.flush()
        except BrokenPipeError as error:
            raise Unavailable(self._last_words()) from error

    def receive(self) -> dict[str, Any]:
        line = self._answers.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            raise Unavailable(answer["error"])
        return answer

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._requests.close()
        self._process.wait()
        self._answers.close()
        self._errors.close()

    def _last_words(self) -> str:
        self._errors.seek(0)
        words = self._errors.read().strip().splitlines()
        return f"ended with {words[-1][-LAST_WORDS:]}" if words else "ended without a word"


class Contender(Child):
    """One that serves."""

    def __init__(self, kind: Kind, folder: Path, *, threads: int, python: str = sys.executable) -> None:
        """Load it: takes seconds. Raises Unavailable."""
        super().__init__("clfadmin.speed.child", [kind.name, str(folder)], threads=threads, python=python)
        self.kind = kind
        self.about: str = self.told["about"]
        self.sizes: list[int] = self.told["sizes"]
        self.unit: str = self.told["unit"]
        self.has_network: bool = self.told["has_network"]
        self.size = self.sizes[0]

    def seconds(self, what: str, rows: Sequence[int]) -> float:
        """How long "network" or "text" takes for these rows, in batches of the size chosen."""
        return self.ask(what, rows=list(rows), size=self.size)["seconds"]


def _environment(threads: int) -> dict[str, str]:
    # As many threads for the tokenizer as for the network, and nothing looked up on a hub.
    limits = {"RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    # Ours, also for another Python that has the libraries and not us.
    return os.environ | limits | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}


@contextmanager
def running(
    kinds: Sequence[Kind], folder: Path, *, threads: int, other_python: str = sys.executable
) -> Generator[tuple[list[Contender], dict[str, str]]]:
    """The contenders that run here, and for the others, by title, why not. Ends them all."""
    found: list[Contender] = []
    missing: dict[str, str] = {}
    try:
        for kind in kinds:
            try:
                python = other_python if kind.other else sys.executable
                found.append(Contender(kind, folder, threads=threads, python=python))
            except Unavailable as error:
                missing[kind.title] = str(error)
        yield found, missing
    finally:
        for one in found:
            one.close()
