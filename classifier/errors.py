"""Every error the classifier raises on purpose: one line that says what, what was received and what to do."""


class ClassifierError(Exception):
    """Root of the tree. `str(error)` is one line fit for a terminal; the CLI prints it and exits with 1."""


class DataError(ClassifierError):
    """A data file can't be used. Names the file, and the line where one is to blame."""


class LabelError(ClassifierError):
    """A label name, or the emoji given for one, can't be used."""


class StorageError(ClassifierError):
    """The disk said no (full, read-only, not allowed). What was being written has been removed again."""


class BadVersionName(ClassifierError):
    """A version can't have this name."""


class VersionNotFound(ClassifierError):
    """No version of that name in this home."""


class VersionExists(ClassifierError):
    """A version of that name is there already; versions are never overwritten."""


class VersionInUse(ClassifierError):
    """The version is active, or the one a rollback would return to."""


class VersionRefused(ClassifierError):
    """The version is there but must not be served. The CLI exits with 3; nothing was changed.

    `code` is one short word that travels in a worker's report: manifest, schema, config, labels, normaliser,
    missing, extra, links, size, truncated, sha256, shape, header, tokenizer, canary, onnx,
    runtime.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type["VersionRefused"], tuple[str, str]]:
        """So that it crosses from one process to another: the default would forget the code."""
        return type(self), (self.code, str(self))


class NotComparable(ClassifierError):
    """Two versions have different labels, so neither can be better than the other."""


class BaseNotFound(ClassifierError):
    """The base checkpoint is neither a folder, nor installed, nor reachable on the hub."""


class Interrupted(ClassifierError):
    """Ctrl-C. The line says what is kept; the CLI exits with 130."""


class TrainingInterrupted(Interrupted):
    """Ctrl-C during training. No version was stored; the line says how to go on where that is possible."""


class TrainingDiverged(ClassifierError):
    """The loss is no longer a number. Nothing was stored, and going on would not help."""
