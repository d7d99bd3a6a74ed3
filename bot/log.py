"""The loggers of Slack's libraries: below WARNING they tell message texts, answers and signatures."""

import logging

_QUIET = ("slack_bolt", "slack_sdk", "slack", "urllib3", "asyncio", "uvicorn")
# Calls every close an error, ours included; the watchdog and the SDK report what matters.
_SOCKETS = "websocket"


def quieten() -> None:
    """Keep them at WARNING, however much of our own shall be logged."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(_SOCKETS).setLevel(logging.CRITICAL)


def silent() -> logging.Logger:
    """For clients whose failures we log ourselves, once a minute; the SDK would do so at each try."""
    logger = logging.getLogger("slack.web")
    logger.setLevel(logging.CRITICAL)
    return logger
