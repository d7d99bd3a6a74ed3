"""What the app says through an acknowledgement or a response URL."""

from typing import Any

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.kit.blocks import completed, problems_of
from clfadmin.sandbox.store import Channel, User
from clfadmin.sandbox.text import MAX_CHARACTERS
from clfadmin.sandbox.workspace import Workspace


def is_true(value: object) -> bool:
    """Slack takes these flags as words too."""
    return value in (True, "true")


def parts_of(answer: Json) -> tuple[Json, str]:
    """Text, blocks, attachments; or Slack's word for what is wrong with them."""
    blocks: Any = answer.get("blocks") or []
    if not isinstance(blocks, list) or problems_of(blocks, "message"):  # pyright: ignore[reportUnknownArgumentType]
        return {}, "invalid_blocks"
    said: str = str(answer.get("text") or "")
    attachments: Any = answer.get("attachments") or []
    if not (said.strip() or blocks or attachments):
        return {}, "no_text"
    if len(said) > MAX_CHARACTERS:
        return {}, "msg_too_long"
    return {"text": said, "blocks": completed(blocks), "attachments": attachments}, ""  # pyright: ignore[reportUnknownArgumentType]


def say(workspace: Workspace, channel: Channel, user: User, answer: Json, source: str = "") -> str:
    """Show `answer` to `user` alone or to the channel, or put it in place of the message `source`.

    Slack's word for what is wrong, or an empty string.
    """
    if is_true(answer.get("delete_original")):
        return workspace.take_back(channel, source)
    parts, problem = parts_of(answer)
    if problem:
        return problem
    if is_true(answer.get("replace_original")) and source:
        return workspace.put_in_place(channel, source, parts)
    thread_ts = str(answer.get("thread_ts") or "")
    if thread_ts and thread_ts not in channel.messages:
        return "thread_not_found"
    if answer.get("response_type") == "in_channel":
        said = parts.pop("text")
        workspace.post_as_bot(channel, said, thread_ts=thread_ts, **parts)
    else:
        workspace.whisper(channel, user, parts["text"], thread_ts, parts["blocks"])
    return ""
