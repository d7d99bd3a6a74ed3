"""The one truth: teams, people, conversations and messages. Values only, no behaviour beyond look-ups."""

from dataclasses import dataclass, field
from time import time
from typing import Literal

from clfadmin.sandbox.encoding import Json

Kind = Literal["channel", "private", "im", "mpim"]
KINDS: tuple[Kind, ...] = ("channel", "private", "im", "mpim")

APP_ID = "A0SANDBOX"
DEFAULT_ZONE = "Etc/UTC"
STRANGE_TEAM = "T0STRANGER"  # the other organisation, of which only people and shared channels are seen

# What the bot token may do at the start. `POST /_sandbox/scopes` changes it.
DEFAULT_SCOPES = (
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:write",
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
    owner: bool = False
    guest: str = ""  # "multi" or "single": of several channels or of one
    tz: str = DEFAULT_ZONE
    home: str = ""  # the id of another organisation where somebody is from there

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
    archived: bool = False
    shared_with: str = ""  # the id of the other organisation
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
    of_slack: bool = False  # Slack's own words, such as that the app did not answer


@dataclass
class File:
    """Something uploaded. `secret` is the key in its upload address; without `data` the bytes never came."""

    id: str
    name: str
    size: int
    user: str
    secret: str = field(repr=False)
    alt_text: str = ""
    title: str = ""
    data: bytes = field(default=b"", repr=False)
    mimetype: str = ""
    created: int = field(default_factory=lambda: int(time()))
    shares: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])  # channel and ts


@dataclass
class View:
    """One window of one person, or their App Home. `root` and `previous` are ids of the windows below it.

    `values` is what stands in its elements: block_id -> action_id -> the element's state.
    """

    id: str
    user: str
    body: Json
    hash: str
    root: str = ""
    previous: str = ""
    values: dict[str, dict[str, Json]] = field(default_factory=dict[str, dict[str, Json]])

    @property
    def is_home(self) -> bool:
        return self.body["type"] == "home"

    @property
    def blocks(self) -> list[Json]:
        return self.body["blocks"]


@dataclass
class Team:
    """One workspace and the bot's token for it."""

    id: str
    name: str
    bot_token: str = field(repr=False)
    bot: User
    installed: bool = True
    scopes: list[str] = field(default_factory=lambda: list(DEFAULT_SCOPES))
    users: dict[str, User] = field(default_factory=dict[str, User])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    ephemerals: list[Ephemeral] = field(default_factory=list[Ephemeral])
    files: dict[str, File] = field(default_factory=dict[str, File])
    # The open windows of each person, the one on top last, and each one's App Home.
    windows: dict[str, list[View]] = field(default_factory=dict[str, list[View]])
    homes: dict[str, View] = field(default_factory=dict[str, View])
    # What each person has chosen in the menus of a message: (user, ts) -> state.
    picked: dict[tuple[str, str], dict[str, dict[str, Json]]] = field(
        default_factory=dict[tuple[str, str], dict[str, dict[str, Json]]]
    )

    @property
    def domain(self) -> str:
        return self.name.lower()

    def view(self, view_id: str) -> View | None:
        """An open window or an App Home, by its id."""
        every = (view for stack in (*self.windows.values(), [*self.homes.values()]) for view in stack)
        return next((view for view in every if view.id == view_id), None)

    def view_called(self, external_id: str) -> View | None:
        every = (view for stack in (*self.windows.values(), [*self.homes.values()]) for view in stack)
        return next((view for view in every if view.body["external_id"] == external_id), None)

    def ephemeral(self, ts: str) -> Ephemeral | None:
        return next((one for one in self.ephemerals if one.ts == ts), None)

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
