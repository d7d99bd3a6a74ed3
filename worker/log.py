"""How every process logs: one line an event, ids and times, never a text or a secret. Imports nothing of ours."""

import logging
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO
from urllib.parse import unquote

import structlog

from worker.address import BadAddress, split

# Redis down for an hour is one fact, not ten thousand lines.
REPEAT_SECONDS = 60.0

_HIDDEN = "[hidden]"
_TOKENS = re.compile(r"\bx(?:ox[a-z]|app)[.-][A-Za-z0-9.%_-]+")
_PASSWORDS = re.compile(r"(?<=://)[^\s/@]*:[^\s/@]*(?=@)")
_TICKETS = re.compile(r"(?<=ticket=)[^\s&\"']+")


class Redactor:
    """Removes Slack tokens, passwords in URLs, socket tickets and the given secrets from a line."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Of a secret that is a URL only the passwords in it are hidden: the host may be shown."""
        known = {word for secret in secrets for word in (_passwords(secret) if "://" in secret else [secret])}
        # Very short ones would tear words apart; nobody's real secret has under six characters.
        self._known = sorted((word for word in known if len(word) >= 6), key=len, reverse=True)

    def __call__(self, line: str) -> str:
        for secret in self._known:
            line = line.replace(secret, _HIDDEN)
        for pattern in (_TOKENS, _PASSWORDS, _TICKETS):
            line = pattern.sub(_HIDDEN, line)
        return line


def _passwords(url: str) -> list[str]:
    try:
        parts = split(url)
    except BadAddress:  # nobody can tell what in it is the password; `connect` says that it is no URL
        return [url]
    options = (option.partition("=") for option in parts.query.split("&"))
    written = [parts.password or "", *(value for name, _, value in options if name.endswith("password"))]
    return [*written, *map(unquote, written)]


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Redacts the finished line, so that tracebacks and other libraries' records are covered too."""

    def __init__(self, redact: Redactor, processors: Sequence[Any]) -> None:
        shared = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
        super().__init__(processors=list(processors), foreign_pre_chain=shared)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def configure(level: str, form: str | None, secrets: Iterable[str] = (), *, to: TextIO | None = None) -> None:
    """Send our logs and all libraries' to standard error, or `to`, without these secrets.

    `form` is "text", "json", or None: text on a terminal, else JSON. Times are UTC.
    """
    stream = to or sys.stderr
    chain: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "text" or (form is None and stream.isatty()):
        # By default, where rich is installed, a traceback shows variables: texts among them.
        plain = structlog.dev.plain_traceback
        chain.append(structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain))
    else:
        chain += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_RedactingFormatter(Redactor(secrets), chain))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def where(error: BaseException) -> str:
    """The error's class and the lines of code it passed through; without its words, which might quote a text."""
    lines = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    return f"{type(error).__name__}\n{lines}"


class Seldom:
    """Lets one line a minute through for each key: a fault that lasts must not flood the log. Safe for threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}
        self._told = False
        self._lock = threading.Lock()

    def due(self, key: str) -> bool:
        now = self._clock()
        with self._lock:
            if now - self._last.get(key, float("-inf")) < REPEAT_SECONDS:
                return False
            self._last[key] = now
            self._told = True
            return True

    def over(self) -> bool:
        """Whether anything was let through since the last `over`: then its end deserves a line too."""
        with self._lock:
            told, self._told = self._told, False
            return told
