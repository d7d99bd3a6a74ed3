"""The bot's own Bolt app: the factory for `python -m bot`."""

import logging
from typing import Any

from slack_bolt import App
from slack_sdk import WebClient

from bot.settings import Settings
from bot.slack_client import quiet_web_client

# Bolt copies this logger's level to all of its own. At INFO it logs bodies and signatures; its warnings are advice to
# developers, such as that our client makes SLACK_BOT_TOKEN unused.
_BOLT_LOGGER = "slack.bolt"


def make_client(settings: Settings) -> WebClient:
    """For `auth.test` and the socket's address; posting has a client of its own."""
    return quiet_web_client(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)


def make_app(settings: Settings, client: WebClient, **more: Any) -> App:
    """A Bolt app without listeners; `more` are App's own options. Raises BoltError when Slack refuses the token."""
    logger = logging.getLogger(_BOLT_LOGGER)
    logger.setLevel(logging.ERROR)
    return App(
        client=client,
        # Checked by our own endpoint too, over the raw body; Bolt's check stays as the second lock.
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        # By default Bolt acknowledges an event before the listener has run: a crash would lose it.
        process_before_response=True,
        attaching_conversation_kwargs_enabled=False,
        logger=logger,
        name="clf",
        **more,
    )
