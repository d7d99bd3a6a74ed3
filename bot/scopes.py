"""Which rights and events the bot uses: the one list that manifest, check and tests go by."""

# Each scope with what needs it.
NEEDED_SCOPES = {
    "app_mentions:read": "hearing its name",
    "channels:history": "hearing messages, reading those it missed, and looking whether a reply was posted",
    "channels:read": "knowing the channels it is in",
    "chat:write": "replying",
    "commands": "/sentiment, and the shortcut on messages",
    "files:write": "the picture of a report",
    "groups:history": "the same in private channels",
    "groups:read": "the same in private channels",
    "im:history": "the same in direct messages",
    "im:read": "the same in direct messages",
    "mpim:history": "the same in group messages",
    "mpim:read": "the same in group messages",
    "reactions:write": "answering inside a thread",
    "users:read": "knowing which app the token belongs to, and who is an admin",
}
EVENTS = (
    "app_home_opened",
    "app_mention",
    "channel_left",
    "group_left",
    "member_joined_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
)
# Heard by an app that several workspaces have installed.
REMOVED = "app_uninstalled"
# Where somebody who installs it starts, and where Slack sends them back to.
INSTALL_PATH, BACK_PATH = "/slack/install", "/slack/oauth_redirect"
# What people call the bot by: names that the manifest gives to Slack.
COMMAND = "/sentiment"
SHORTCUT = "sentiment"
