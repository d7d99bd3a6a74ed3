"""The app manifest to paste into Slack: exactly the scopes and events the bot uses."""

from bot.scopes import EVENTS, NEEDED_SCOPES


def manifest(http_url: str = "") -> dict[str, object]:
    """For Socket Mode, or with `http_url` (the bot's public address) for HTTP mode."""
    events: dict[str, object] = {"bot_events": sorted(EVENTS)}
    if http_url:
        events = {"request_url": events_url(http_url), **events}
    return {
        "_metadata": {"major_version": 2},
        "display_information": {
            "name": "Sentiment",
            "description": "Labels the sentiment of messages, with an honest confidence.",
        },
        "features": {
            "bot_user": {"display_name": "sentiment", "always_online": True},
            "app_home": {"messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
        },
        "oauth_config": {"scopes": {"bot": sorted(NEEDED_SCOPES)}},
        "settings": {
            "event_subscriptions": events,
            "socket_mode_enabled": not http_url,
            "org_deploy_enabled": False,
            "token_rotation_enabled": False,
        },
    }


def events_url(http_url: str) -> str:
    """The address Slack posts to; a bare host gets our path."""
    return http_url if http_url.endswith("/slack/events") else http_url.rstrip("/") + "/slack/events"
