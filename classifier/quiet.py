"""Keeps a chatty library from writing on the terminal while it is imported."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Drop what is written to file descriptor 2 meanwhile; exceptions pass.

    TensorFlow's C++ start-up notices (oneDNN, CUDA) come before its log level is read, so nothing else stops them.
    """
    try:
        kept = os.dup(2)
    except OSError:  # a service without standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
