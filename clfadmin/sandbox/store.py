"""The one truth: teams, people, conversations and messages. Values only, no behaviour beyond look-ups."""

from dataclasses import dataclass, field
from time import time
from typing import Literal

from clfadmin.sandbox.encoding import Json

Kind = Literal["channel", "private", "im", "mpim"]
KINDS: tuple[Kind, ...] = ("channel", "private", "im", "mpim")

APP_ID = "A0SANDBOX"

# What the bot token may do at the start. `POST /_sandbox/scopes` changes it.
DEFAULT_SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "mpim:history",
    "mpim:read",
    "reactions:write",
    "users:read",
)


@dataclass
class User:
    """A person, or with `bot_id` a bot."""

    id: str
    name: str
    admin: bool = False
    bot_id: str = ""
    app_id: str = ""

    @property
    def real_name(self) -> str:
        return self.name.replace(".", " ").replace("-", " ").title()


@dataclass
class Message:
    """One post. `thread_ts` is set on replies only; a parent knows its replies by their ts."""

    ts: str
    user: str
    text: str
    bot_id: str = ""
    app_id: str = ""
    thread_ts: str = ""
    subtype: str = ""
    client_msg_id: str = ""
    broadcast: bool = False
    inviter: str = ""
    topic: str = ""
    blocks: list[Json] = field(default_factory=list[Json])
    attachments: list[Json] = field(default_factory=list[Json])
    files: list[Json] = field(default_factory=list[Json])
    metadata: Json = field(default_factory=Json)
    edited_by: str = ""
    edited_ts: str = ""
    reactions: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    replies: list[str] = field(default_factory=list[str])

    @property
    def is_reply(self) -> bool:
        return bool(self.thread_ts)


@dataclass
class Channel:
    """A conversation. `messages` is in the order of its keys, the ts."""

    id: str
    name: str
    kind: Kind
    creator: str
    members: list[str]
    created: int = field(default_factory=lambda: int(time()))
    topic: str = ""
    messages: dict[str, Message] = field(default_factory=dict[str, Message])

    def replies(self, parent: Message) -> list[Message]:
        return [self.messages[ts] for ts in parent.replies]

    def top_level(self) -> list[Message]:
        """What the channel itself shows, oldest first: no thread replies but those also sent to the channel."""
        return [message for message in self.messages.values() if not message.is_reply or message.broadcast]


@dataclass
class Ephemeral:
    """A message only `user` sees. Never stored in the channel, gone with the workspace."""

    ts: str
    channel: str
    user: str
    text: str
    thread_ts: str
    blocks: list[Json]


@dataclass
class Team:
    """One workspace and the bot's token for it."""

    id: str
    name: str
    bot_token: str = field(repr=False)
    bot: User
    scopes: list[str] = field(default_factory=lambda: list(DEFAULT_SCOPES))
    users: dict[str, User] = field(default_factory=dict[str, User])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    ephemerals: list[Ephemeral] = field(default_factory=list[Ephemeral])

    def user(self, name_or_id: str) -> User | None:
        """By id, name, or @name."""
        wanted = name_or_id.removeprefix("@")
        return self.users.get(wanted) or next((user for user in self.users.values() if user.name == wanted), None)

    def channel(self, name_or_id: str) -> Channel | None:
        """By id, name, or #name."""
        wanted = name_or_id.removeprefix("#")
        by_name = (channel for channel in self.channels.values() if channel.name == wanted)
        return self.channels.get(wanted) or next(by_name, None)

    def bot_named(self, bot_id: str) -> User | None:
        return next((user for user in self.users.values() if user.bot_id == bot_id), None)
