"""Who and what there is in one team, and what only one person sees. Changes the store, tells the app and the page."""

from dataclasses import dataclass
from typing import Any

from clfadmin.sandbox import events
from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.messages import Messages
from clfadmin.sandbox.shapes import ephemeral_json
from clfadmin.sandbox.store import STRANGE_TEAM, Channel, Ephemeral, Kind, Message, User
from clfadmin.sandbox.windows import Windows

STARTING_CHANNELS = ("general", "random", "dev")
STARTING_PEOPLE = (("ada", False), ("grace", True), ("linus", False), ("mary", False))


@dataclass
class Workspace(Messages):
    """Everything that can be done in one team."""

    def __post_init__(self) -> None:
        self.windows = Windows(self.team, self.live.announce)
        self.team.users[self.team.bot.id] = self.team.bot
        for name, admin in STARTING_PEOPLE:
            self.add_user(name, admin=admin)
        for name in STARTING_CHANNELS:
            self.add_channel(name, "channel", [*self.team.users], self.team.bot.id)

    # People and places

    def add_user(self, name: str, *, bot: bool = False, **standing: Any) -> User:
        """A new person or foreign bot, already in the starting channels; `standing` are further fields of a User."""
        user_id = self.ids.named("U", f"0{name}", self.team.users, width=3)
        user = User(user_id, name, **standing)
        if bot:
            user.bot_id = "B" + user_id[1:].rjust(8, "0")
            user.app_id = "A" + user_id[1:]
        self.team.users[user.id] = user
        for channel in self.team.channels.values():
            if channel.name in STARTING_CHANNELS:
                channel.members.append(user.id)
        self._places_changed()
        return user

    def add_channel(self, name: str, kind: Kind, members: list[str], creator: str, *, shared_with: str = "") -> Channel:
        """A new conversation. The bot, where it is a member, hears of it as when someone invites it."""
        prefix = {"channel": "C", "private": "C", "im": "D", "mpim": "G"}[kind]
        channel = Channel(self.ids.named(prefix, name, self.team.channels), name, kind, creator, list(members))
        channel.shared_with = shared_with
        self.team.channels[channel.id] = channel
        if self.team.bot.id in members and kind in ("channel", "private") and creator != self.team.bot.id:
            joined = events.membership(self.team, channel, self.team.bot, self.ids.ts(), joined=True, inviter=creator)
            self._tell(channel, joined)
        self._places_changed()
        return channel

    def direct(self, user: User) -> Channel:
        """The direct conversation of the bot and `user`, opened if there is none."""
        members = {self.team.bot.id, user.id}
        for channel in self.team.channels.values():
            if channel.kind == "im" and set(channel.members) == members:
                return channel
        return self.add_channel(f"dm-{user.name}", "im", [user.id, self.team.bot.id], user.id)

    def open_home(self, user: User, tab: str) -> Channel:
        """A person opens the app's own place. No scope is needed to hear of it."""
        channel = self.direct(user)
        self.publish(
            events.wrap(self.team, events.home_opened(self.team, channel, user, tab, self.ids.ts()), self.ids.event())
        )
        return channel

    def join(self, channel: Channel, user: User, *, inviter: str = "") -> None:
        """Nothing happens to who is in already."""
        if user.id in channel.members:
            return
        channel.members.append(user.id)
        message = Message(self.ids.ts(), user.id, f"<@{user.id}> has joined the channel", subtype="channel_join")
        message.inviter = inviter
        self._add(channel, message)
        joined = events.membership(self.team, channel, user, message.ts, joined=True, inviter=inviter)
        self._tell(channel, joined)
        self._places_changed()

    def leave(self, channel: Channel, user: User, *, remover: str = "") -> None:
        """Nothing happens to who is not in. The bot hears of its own leaving, as the last thing from there."""
        if user.id not in channel.members:
            return
        if user is self.team.bot:
            self._tell(channel, events.membership(self.team, channel, user, self.ids.ts(), joined=False))
            self._tell(channel, events.left_by_bot(channel, remover or user.id, self.ids.ts()))
        channel.members.remove(user.id)
        left = f"<@{user.id}> has left the channel"
        message = Message(self.ids.ts(), user.id, left, subtype="channel_leave")
        self._add(channel, message)
        self._tell(channel, events.membership(self.team, channel, user, message.ts, joined=False))
        self._places_changed()

    def archive(self, channel: Channel, user: User, *, archived: bool) -> None:
        """Nobody writes in an archived channel; it can be read as before."""
        if channel.archived == archived:
            return
        channel.archived = archived
        word = "archived" if archived else "un-archived"
        subtype = "channel_archive" if archived else "channel_unarchive"
        message = Message(self.ids.ts(), user.id, f"<@{user.id}> {word} the channel", subtype=subtype)
        self._add(channel, message)
        self._tell(channel, events.archiving(channel, user, message.ts))
        self._places_changed()

    def share(self, channel: Channel, *, shared: bool) -> None:
        """With the other organisation, or no longer."""
        if bool(channel.shared_with) == shared:
            return
        other = channel.shared_with or STRANGE_TEAM
        channel.shared_with = STRANGE_TEAM if shared else ""
        self._tell(channel, events.sharing(channel, other, self.ids.ts()))
        self._places_changed()

    def set_topic(self, channel: Channel, user: User, topic: str) -> Message:
        channel.topic = topic
        said = f"set the channel topic: {topic}"
        message = Message(self.ids.ts(), user.id, said, subtype="channel_topic", topic=topic)
        self._places_changed()
        return self._add(channel, message)

    def _places_changed(self) -> None:
        self.live.announce({"kind": "places", "team": self.team.id})

    # The app itself

    def uninstalled(self) -> None:
        """The app's last word from here."""
        if self.team.installed:
            self.team.installed = False
            for event in (events.revoked(self.team), events.uninstalled()):
                self.publish(events.wrap(self.team, event, self.ids.event()))

    def tokens_revoked(self) -> None:
        self.publish(events.wrap(self.team, events.revoked(self.team), self.ids.event()))

    # What one person sees

    def whisper(
        self,
        channel: Channel,
        user: User,
        said: str,
        thread_ts: str = "",
        blocks: list[Json] | None = None,
        *,
        of_slack: bool = False,
    ) -> Ephemeral:
        """Our bot, or Slack itself, shows something to one person only."""
        ephemeral = Ephemeral(self.ids.ts(), channel.id, user.id, said, thread_ts, blocks or [], of_slack)
        self.team.ephemerals.append(ephemeral)
        note = self._note("ephemeral", channel, user=user.id, message=ephemeral_json(ephemeral))
        self.live.announce(note)
        return ephemeral

    def told_by_slack(self, channel: Channel, user: User, said: str) -> None:
        """Slack itself shows one person that something went wrong."""
        self.whisper(channel, user, said, of_slack=True)

    def put_in_place(self, channel: Channel, ts: str, parts: Json) -> str:
        """Our bot's message `ts`, or its whisper, says something else now. Slack's word when there is none."""
        if whisper := self.team.ephemeral(ts):
            whisper.text, whisper.blocks = parts["text"], parts["blocks"]
            self._seen_by(whisper.user)
            return ""
        message = channel.messages.get(ts)
        if message is None or message.bot_id != self.team.bot.bot_id:
            return "message_not_found"
        self.edit(channel, message, self.team.bot.id, parts)
        return ""

    def take_back(self, channel: Channel, ts: str) -> str:
        """Our bot's message `ts`, or its whisper, is gone. Slack's word when there is none."""
        if whisper := self.team.ephemeral(ts):
            self.dismiss(whisper)
            return ""
        message = channel.messages.get(ts)
        if message is None or message.bot_id != self.team.bot.bot_id:
            return "message_not_found"
        self.delete(channel, message)
        return ""

    def dismiss(self, whisper: Ephemeral) -> None:
        self.team.ephemerals.remove(whisper)
        self._seen_by(whisper.user)

    def pick(self, user: User, message: Message | Ephemeral, used: tuple[Json, Json], value: Json) -> None:
        """Somebody chose in a menu of a message; Slack remembers it for that person."""
        block, element = used
        state = self.team.picked.setdefault((user.id, message.ts), {})
        state.setdefault(block["block_id"], {})[element["action_id"]] = {"type": element["type"], **value}

    def _seen_by(self, user: str) -> None:
        self.live.announce({"kind": "sees", "team": self.team.id, "user": user})
