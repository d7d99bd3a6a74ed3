"""Which rights and events the bot uses: the one list that manifest, check and tests go by."""

# Each scope with what needs it.
NEEDED_SCOPES = {
    "app_mentions:read": "hearing its name",
    "channels:history": "hearing messages, reading those it missed, and looking whether a reply was posted",
    "channels:read": "knowing the channels it is in",
    "chat:write": "replying",
    "groups:history": "the same in private channels",
    "groups:read": "the same in private channels",
    "im:history": "the same in direct messages",
    "im:read": "the same in direct messages",
    "mpim:history": "the same in group messages",
    "mpim:read": "the same in group messages",
    "reactions:write": "answering inside a thread",
    "users:read": "bots.info: which app the token belongs to",
}
EVENTS = ("app_mention", "message.channels", "message.groups", "message.im", "message.mpim")
