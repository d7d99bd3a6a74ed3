"""What is said in one team: the only place that changes messages; tells the app and the page about it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from clfadmin.sandbox import events, text
from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.faults import Faults
from clfadmin.sandbox.ids import Ids
from clfadmin.sandbox.live import LiveFeed
from clfadmin.sandbox.shapes import door_message
from clfadmin.sandbox.store import APP_ID, Channel, File, Message, Team, User

TOMBSTONE = "This message was deleted."


@dataclass
class Messages:
    """Behaviour over one Team. Callers have checked that people, channels and messages exist."""

    team: Team
    ids: Ids
    faults: Faults
    live: LiveFeed
    publish: Callable[[Json], None]

    def typed(self, raw: str) -> str:
        """A person's text as Slack stores it."""
        users = {user.name: user.id for user in self.team.users.values()}
        channels = {channel.name: channel.id for channel in self.team.channels.values() if channel.kind == "channel"}
        return text.from_person(raw, users, channels)

    def typed_after_command(self, raw: str) -> str:
        """The same for what follows a slash command: mentions tell the name too."""
        return text.with_names(self.typed(raw), {user.id: user.name for user in self.team.users.values()})

    def post(self, channel: Channel, user: User, raw: str, *, thread_ts: str = "", **options: Any) -> Message:
        """A person (or foreign bot) posts; `options` are further fields of the message."""
        message = Message(self.ids.ts(), user.id, self.typed(raw), thread_ts=thread_ts, **options)
        if user.bot_id:
            message.bot_id, message.app_id = user.bot_id, user.app_id
        elif message.subtype != "me_message":
            message.client_msg_id = str(uuid4())
            message.blocks = events.rich_text(raw[: text.MAX_CHARACTERS])
        return self._add(channel, message)

    def post_as_bot(self, channel: Channel, said: str, **options: Any) -> Message:
        """Our bot posts: the text stays as it was sent."""
        bot = self.team.bot
        return self._add(channel, Message(self.ids.ts(), bot.id, said, bot_id=bot.bot_id, app_id=APP_ID, **options))

    def share_files(self, channel: Channel, files: list[File], told: list[Json], said: str, thread_ts: str) -> Message:
        """Our bot shows files, as one message; `told` is how Slack describes them."""
        message = self.post_as_bot(channel, said, thread_ts=thread_ts, subtype="file_share", files=told)
        for file in files:
            self._tell(channel, events.file_shared(channel, file, message.ts))
        return message

    def unshare_file(self, file: File) -> None:
        """A deleted file goes out of its messages; a message that was nothing else goes with it."""
        for channel_id, ts in file.shares:
            channel = self.team.channels[channel_id]
            message = channel.messages.get(ts)
            if message is None:
                continue
            left = [one for one in message.files if one["id"] != file.id]
            if left or message.text:
                previous = events.inside(self.team, channel, message)
                message.files = left
                self._changed(channel, message, previous)
            else:
                self.delete(channel, message)

    def _add(self, channel: Channel, message: Message) -> Message:
        channel.messages[message.ts] = message
        if message.thread_ts:
            channel.messages[message.thread_ts].replies.append(message.ts)
        for event in self._in_some_order(events.posted(self.team, channel, message)):
            self._tell(channel, event)
        self._show(channel, message)
        if text.first_link(message.text) and self.faults.take("unfurl"):
            previous = events.inside(self.team, channel, message)
            message.attachments = events.unfurl(message)
            self._changed(channel, message, previous)
        return message

    def _in_some_order(self, pair: list[Json]) -> list[Json]:
        """Slack promises no order for a message and its mention; every second pair comes the other way round."""
        return pair[::-1] if len(pair) == 2 and self.ids.count() % 2 else pair

    def edit(self, channel: Channel, message: Message, by: str, changes: Json) -> None:
        """Put `changes` into the message's fields, as an edit of `by`."""
        previous = events.inside(self.team, channel, message)
        for field, value in changes.items():
            setattr(message, field, value)
        message.edited_by, message.edited_ts = by, self.ids.ts()
        self._changed(channel, message, previous)

    def edit_typed(self, channel: Channel, message: Message, raw: str) -> None:
        blocks = events.rich_text(raw[: text.MAX_CHARACTERS]) if message.client_msg_id else message.blocks
        self.edit(channel, message, message.user, {"text": self.typed(raw), "blocks": blocks})

    def _changed(self, channel: Channel, message: Message, previous: Json) -> None:
        now = events.inside(self.team, channel, message)
        self._tell(channel, events.changed(channel, now, previous, self.ids.ts()))
        self._show(channel, message)

    def delete(self, channel: Channel, message: Message) -> None:
        """A parent with replies stays as a tombstone, and Slack calls that `message_changed`."""
        if message.replies:
            self._entomb(channel, message)
            return
        previous = events.inside(self.team, channel, message)
        del channel.messages[message.ts]
        if message.thread_ts:
            self._forget_reply(channel, message)
        self._tell(channel, events.deleted(channel, previous, self.ids.ts()))
        self.live.announce(self._note("deleted", channel, ts=message.ts, thread_ts=message.thread_ts))

    def _entomb(self, channel: Channel, message: Message) -> None:
        previous = events.inside(self.team, channel, message)
        tombstone = Message(message.ts, "USLACKBOT", TOMBSTONE, subtype="tombstone", replies=message.replies)
        channel.messages[message.ts] = tombstone
        now = events.inside(self.team, channel, tombstone) | {"hidden": True}
        self._tell(channel, events.changed(channel, now, previous, self.ids.ts()))
        self._show(channel, tombstone)

    def _forget_reply(self, channel: Channel, reply: Message) -> None:
        """The last reply takes a tombstone with it."""
        parent = channel.messages[reply.thread_ts]
        parent.replies.remove(reply.ts)
        if parent.subtype == "tombstone" and not parent.replies:
            del channel.messages[parent.ts]
            self.live.announce(self._note("deleted", channel, ts=parent.ts, thread_ts=""))

    def react(self, channel: Channel, message: Message, user: str, name: str) -> bool:
        """False when that person has reacted so already."""
        users = message.reactions.setdefault(name, [])
        if user in users:
            return False
        users.append(user)
        self._reacted(channel, message, user, name, added=True)
        return True

    def unreact(self, channel: Channel, message: Message, user: str, name: str) -> bool:
        """False when there was no such reaction."""
        users = message.reactions.get(name, [])
        if user not in users:
            return False
        users.remove(user)
        if not users:
            del message.reactions[name]
        self._reacted(channel, message, user, name, added=False)
        return True

    def _reacted(self, channel: Channel, message: Message, user: str, name: str, *, added: bool) -> None:
        self._tell(channel, events.reaction(channel, message, user, name, self.ids.ts(), added=added))
        self._show(channel, message)

    # Who hears of it

    def _tell(self, channel: Channel, event: Json) -> None:
        """The app hears what its scopes and its membership allow, as it would from Slack."""
        if self.team.bot.id not in channel.members or not self.team.installed:
            return
        if events.scope_needed(event, channel) in self.team.scopes:
            self.publish(events.wrap(self.team, event, self.ids.event(), shared=bool(channel.shared_with)))

    def _show(self, channel: Channel, message: Message) -> None:
        shown = replace(message, metadata={})
        self.live.announce(self._note("message", channel, message=door_message(self.team, shown)))

    def _note(self, kind: str, channel: Channel, **fields: object) -> Json:
        return {"kind": kind, "team": self.team.id, "channel": channel.id, **fields}
