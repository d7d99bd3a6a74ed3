"""files.*: upload in three steps, and what became of a file."""

import secrets
from typing import Any

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.ids import ALPHABET
from clfadmin.sandbox.limits import Tier
from clfadmin.sandbox.methods.call import ApiError, Call, Method
from clfadmin.sandbox.methods.chat import target, thread
from clfadmin.sandbox.shapes import file_json
from clfadmin.sandbox.store import File
from clfadmin.sandbox.uploads import MAX_FILE_BYTES


def upload_url(call: Call) -> Json:
    """An address for exactly so many bytes."""
    name, size = call.args.text("filename"), call.args.number("length", 0)
    if not name or size < 1:
        raise ApiError("invalid_arguments")
    if size > MAX_FILE_BYTES:
        raise ApiError("file_upload_size_restricted")
    file_id = "F" + "".join(secrets.choice(ALPHABET) for _ in range(10))
    file = File(file_id, name, size, call.team.bot.id, secrets.token_urlsafe(16), alt_text=call.args.text("alt_txt"))
    call.team.files[file_id] = file
    return {"upload_url": f"{call.base_url}/upload/{file_id}/{file.secret}", "file_id": file_id}


def _named(call: Call) -> list[tuple[File, str]]:
    """The files to finish, each with its title."""
    entries: list[Any] = call.args.structure("files", list, "invalid_arguments")
    found: list[tuple[File, str]] = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise ApiError("invalid_arguments")
        file = call.team.files.get(str(entry.get("id")))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        if file is None or not file.data:
            raise ApiError("file_not_found")
        found.append((file, str(entry.get("title") or file.name)))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    if not found:
        raise ApiError("invalid_arguments")
    return found


def complete(call: Call) -> Json:
    """Shares what was uploaded, as one message of the bot; without a channel it stays private."""
    files = _named(call)
    place = call.args.text("channel_id") or call.args.text("channels").split(",")[0]
    channel = target(call, place) if place else None
    thread_ts = thread(call, channel) if channel else ""
    for file, title in files:
        file.title = title
    if channel:
        told = [file_json(call.team, file, call.base_url) for file, _ in files]
        said = call.args.text("initial_comment")
        message = call.workspace.share_files(channel, [file for file, _ in files], told, said, thread_ts)
        for file, _ in files:
            file.shares.append((channel.id, message.ts))
    return {"files": [file_json(call.team, file, call.base_url, shares=True) for file, _ in files]}


def _file(call: Call) -> File:
    file = call.team.files.get(call.args.text("file"))
    if file is None or not file.data:
        raise ApiError("file_not_found")
    return file


def info(call: Call) -> Json:
    return {"file": file_json(call.team, _file(call), call.base_url, shares=True), "comments": []}


def delete(call: Call) -> Json:
    """The file goes out of its messages too; a message that was nothing else goes with it."""
    file = _file(call)
    del call.team.files[file.id]
    call.workspace.unshare_file(file)
    return {}


METHODS = (
    Method("files.getUploadURLExternal", upload_url, Tier.FOUR, "files:write"),
    Method(
        "files.completeUploadExternal",
        complete,
        Tier.FOUR,
        "files:write",
        "partial",
        note="one channel, no `blocks`; shared at once, where Slack takes a moment",
    ),
    Method("files.info", info, Tier.FOUR, "files:read"),
    Method("files.delete", delete, Tier.THREE, "files:write"),
)
