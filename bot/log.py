"""Logging: ids and times, never a text or a secret. Everything printed passes one redacting formatter."""

import logging
import re
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

from bot.settings import LogFormat, LogLevel

# What the SDK and Bolt log below WARNING holds message texts, answers and signatures.
QUIET = ("slack_bolt", "slack_sdk", "slack", "urllib3", "asyncio", "uvicorn")
# For clients whose failures we log ourselves, once a minute; the SDK would do so at each try.
SILENT = "slack.web"
# Calls every close an error, ours included; the watchdog and the SDK report what matters.
_SOCKETS = "websocket"

_HIDDEN = "[hidden]"
_TOKENS = re.compile(r"\bx(?:ox[a-z]|app)[.-][A-Za-z0-9.%_-]+")
_PASSWORDS = re.compile(r"(?<=://)[^\s/@]*:[^\s/@]*(?=@)")
_TICKETS = re.compile(r"(?<=ticket=)[^\s&\"']+")


class Redactor:
    """Removes Slack tokens, passwords in URLs, socket tickets and the given secrets from a line."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known: set[str] = set()
        for secret in secrets:
            known.add(secret)
            if "://" in secret:
                known.discard(secret)  # the host in it may be shown
                password = urlsplit(secret).password
                known.update({password, unquote(password)} if password else set())
        # Very short ones would tear words apart; nobody's real secret has under six characters.
        self._known = sorted((one for one in known if len(one) >= 6), key=len, reverse=True)

    def __call__(self, line: str) -> str:
        for secret in self._known:
            line = line.replace(secret, _HIDDEN)
        for pattern in (_TOKENS, _PASSWORDS, _TICKETS):
            line = pattern.sub(_HIDDEN, line)
        return line


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Redacts the finished line, so that tracebacks and other libraries' records are covered too."""

    def __init__(self, redact: Redactor, processors: Sequence[Any]) -> None:
        shared = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
        super().__init__(processors=list(processors), foreign_pre_chain=shared)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def configure(level: LogLevel, form: LogFormat, secrets: Iterable[str] = ()) -> None:
    """Send our logs and all libraries' to standard error."""
    text = form is LogFormat.TEXT or (form is LogFormat.AUTO and sys.stderr.isatty())
    renderer = structlog.dev.ConsoleRenderer(colors=False) if text else structlog.processors.JSONRenderer()
    chain: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not text:
        chain.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter(Redactor(secrets), [*chain, renderer]))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.value.upper())
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
    quieten()


def quieten() -> None:
    """Keep Slack's loggers at WARNING; also for a host app that has set up logging by itself."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in (SILENT, _SOCKETS):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def get(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.stdlib.get_logger(name)


class Seldom:
    """Lets one line a minute through for each key: a fault that lasts must not flood the log."""

    def __init__(self, every: timedelta = timedelta(minutes=1)) -> None:
        self._every = every.total_seconds()
        self._last: dict[str, float] = {}
        self._lock = threading.Lock()

    def due(self, key: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - self._last.get(key, -self._every) < self._every:
                return False
            self._last[key] = now
            return True
