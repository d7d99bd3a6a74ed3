"""The app manifest to paste into Slack: exactly the scopes and events the bot uses."""

from bot.scopes import BACK_PATH, COMMAND, EVENTS, NEEDED_SCOPES, REMOVED, SHORTCUT


def manifest(http_url: str = "", *, several: bool = False) -> dict[str, object]:
    """For Socket Mode, or with `http_url` (the bot's public address) for HTTP mode, there also for `several` workspaces
    that install the app by OAuth.
    """
    # One address takes everything that Slack sends. In Socket Mode there is none.
    url = {"request_url": events_url(http_url)} if http_url else {}
    command = {"command": COMMAND, "description": "Labels a text for you alone; help lists the rest"}
    command |= {"url": events_url(http_url)} if http_url else {}
    return {
        "_metadata": {"major_version": 2},
        "display_information": {
            "name": "Sentiment",
            "description": "Labels the sentiment of messages, with an honest confidence.",
        },
        "features": {
            "bot_user": {"display_name": "sentiment", "always_online": True},
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "shortcuts": [
                {
                    "name": "Sentiment of a message",
                    "type": "message",
                    "callback_id": SHORTCUT,
                    "description": "Shows its label and why, and lets you correct it",
                }
            ],
            "slash_commands": [{**command, "usage_hint": "[text, or help]", "should_escape": True}],
        },
        "oauth_config": {
            **({"redirect_urls": [events_url(http_url).replace("/slack/events", BACK_PATH)]} if several else {}),
            "scopes": {"bot": sorted(NEEDED_SCOPES)},
        },
        "settings": {
            "event_subscriptions": {**url, "bot_events": sorted((*EVENTS, REMOVED) if several else EVENTS)},
            "interactivity": {"is_enabled": True, **url},
            "socket_mode_enabled": not http_url,
            "org_deploy_enabled": False,
            "token_rotation_enabled": several,
        },
    }


def events_url(http_url: str) -> str:
    """The address Slack posts to; a bare host gets our path."""
    return http_url if http_url.endswith("/slack/events") else http_url.rstrip("/") + "/slack/events"
