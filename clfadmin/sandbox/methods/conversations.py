"""conversations.* and users.conversations: where the bot is and what was said there."""

from decimal import Decimal, InvalidOperation
from time import time

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.events import READ_SCOPES
from clfadmin.sandbox.limits import Tier
from clfadmin.sandbox.methods.call import ApiError, Call, Method, page_of
from clfadmin.sandbox.shapes import channel_json, message_json
from clfadmin.sandbox.store import Channel, Message

TYPES = {"public_channel": "channel", "private_channel": "private", "im": "im", "mpim": "mpim"}


def of_wanted_types(call: Call, channels: list[Channel]) -> list[Channel]:
    """Those of the `types` asked for; each type needs its own scope."""
    names = call.args.text("types", "public_channel").split(",")
    try:
        kinds = {TYPES[name.strip()] for name in names}
    except KeyError as error:
        raise ApiError("invalid_types") from error
    for kind in sorted(kinds):
        call.need(READ_SCOPES[kind])
    hidden = call.args.flag("exclude_archived")
    return [one for one in channels if one.kind in kinds and not (hidden and one.archived)]


def list_all(call: Call) -> Json:
    bot = call.team.bot.id
    visible = [one for one in call.team.channels.values() if one.kind == "channel" or bot in one.members]
    channels, cursor = page_of(of_wanted_types(call, visible), call)
    return {
        "channels": [channel_json(call.team, channel) for channel in channels],
        "response_metadata": {"next_cursor": cursor},
    }


def list_mine(call: Call) -> Json:
    """The bot's own conversations, or those of `user` that the bot can see."""
    user = call.args.text("user", call.team.bot.id)
    bot = call.team.bot.id
    theirs = [
        one
        for one in call.team.channels.values()
        if user in one.members and (one.kind == "channel" or bot in one.members)
    ]
    channels, cursor = page_of(of_wanted_types(call, theirs), call)
    return {
        "channels": [channel_json(call.team, channel, member_flag=False) for channel in channels],
        "response_metadata": {"next_cursor": cursor},
    }


def info(call: Call) -> Json:
    channel = call.channel()
    call.need(READ_SCOPES[channel.kind])
    return {"channel": channel_json(call.team, channel)}


def members(call: Call) -> Json:
    channel = call.channel()
    call.need(READ_SCOPES[channel.kind])
    found, cursor = page_of(channel.members, call)
    return {"members": found, "response_metadata": {"next_cursor": cursor}}


def join(call: Call) -> Json:
    channel = call.channel()
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    if channel.archived:
        raise ApiError("is_archived")
    call.workspace.join(channel, call.team.bot)
    shape = channel_json(call.team, channel)
    del shape["num_members"]
    return {"channel": shape}


def open_direct(call: Call) -> Json:
    ids = [one for one in call.args.text("users").split(",") if one]
    people = [call.team.users[one] for one in ids if one in call.team.users]
    if len(people) != len(ids) or not ids:
        raise ApiError("user_not_found" if ids else "users_list_not_supplied")
    if len(people) == 1:
        call.need("im:write")
        return {"channel": {"id": call.workspace.direct(people[0]).id}}
    call.need("mpim:write")
    name = "mpdm-" + "--".join(person.name for person in people) + "-1"
    channel = call.team.channel(name)
    if channel is None:
        everyone = [call.team.bot.id, *ids]
        channel = call.workspace.add_channel(name, "mpim", everyone, call.team.bot.id)
    return {"channel": {"id": channel.id}}


def history(call: Call) -> Json:
    """Newest first, thread replies left out."""
    channel = call.readable_channel()
    within = in_time(call, not_too_fresh(call, channel.top_level()))
    messages, cursor = page_of(within[::-1], call)
    answer = told(call, channel, messages, cursor)
    return answer | {"pin_count": 0}


def replies(call: Call) -> Json:
    """Oldest first. The parent leads every page; asked for a reply's own ts, Slack returns that reply alone."""
    channel = call.readable_channel()
    parent = channel.messages.get(call.args.text("ts"))
    if parent is None:
        raise ApiError("thread_not_found")
    if parent.is_reply:
        return told(call, channel, [parent], "")
    found = in_time(call, not_too_fresh(call, channel.replies(parent)))
    messages, cursor = page_of([parent, *found], call)
    return told(call, channel, messages if parent in messages else [parent, *messages], cursor)


def told(call: Call, channel: Channel, messages: list[Message], cursor: str) -> Json:
    metadata = call.args.flag("include_all_metadata")
    answer: Json = {
        "messages": [message_json(call.team, channel, one, metadata=metadata) for one in messages],
        "has_more": bool(cursor),
    }
    return answer | ({"response_metadata": {"next_cursor": cursor}} if cursor else {})


def in_time(call: Call, messages: list[Message]) -> list[Message]:
    """Between `oldest` and `latest`, their own messages only with `inclusive`."""
    oldest, latest = _moment(call, "oldest", "0"), _moment(call, "latest", "Infinity")
    if call.args.flag("inclusive"):
        return [one for one in messages if oldest <= Decimal(one.ts) <= latest]
    return [one for one in messages if oldest < Decimal(one.ts) < latest]


def _moment(call: Call, name: str, default: str) -> Decimal:
    try:
        return Decimal(call.args.text(name) or default)
    except InvalidOperation as error:
        raise ApiError(f"invalid_ts_{name}") from error


def not_too_fresh(call: Call, messages: list[Message]) -> list[Message]:
    """With the fault `history_lags`, the last seconds are not in history yet."""
    lag = call.sandbox.faults.take("history_lags")
    if lag is None:
        return messages
    newest = time() - lag.seconds
    return [one for one in messages if float(one.ts) <= newest]


METHODS = (
    Method("conversations.list", list_all, Tier.TWO),
    Method("conversations.info", info, Tier.THREE),
    Method("conversations.history", history, Tier.THREE),
    Method("conversations.replies", replies, Tier.THREE),
    Method("conversations.members", members, Tier.FOUR),
    Method("conversations.join", join, Tier.THREE, "channels:join"),
    Method("conversations.open", open_direct, Tier.THREE, coverage="partial", note="by `users`, without `return_im`"),
    Method("users.conversations", list_mine, Tier.THREE),
)
