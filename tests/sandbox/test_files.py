"""Files in three steps, as the SDK's files_upload_v2 does it."""

import struct
import zlib
from typing import Any

import httpx
import pytest
from slack_sdk import WebClient

from tests.sandbox.conftest import error_of
from tests.sandbox.test_shapes import SPECS, misfits, sample
from tests.sandbox_client import BOT_TOKEN, SandboxClient

GENERAL = "C0GENERAL"


def png(side: int = 8) -> bytes:
    """A small grey picture."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\x00" + b"\x88" * side for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(autouse=True)
def may_read(sandbox: SandboxClient) -> None:
    sandbox.scopes(*sandbox.state()["team"]["scopes"], "files:read")


def upload(web: WebClient, **more: Any) -> dict[str, Any]:
    answer = web.files_upload_v2(content=png(), filename="week.png", title="The week", **more)
    return answer["files"][0]


def test_a_picture_is_posted_with_its_comment_in_a_thread(sandbox: SandboxClient, web: WebClient) -> None:
    parent = sandbox.post("general", "ada", "report please")
    file = upload(web, channel=GENERAL, initial_comment="Here it is", thread_ts=parent, alt_txt="A line that rises")
    (reply,) = sandbox.replies("general", parent)
    assert (reply["text"], reply["bot_id"], reply["subtype"]) == ("Here it is", "B0SANDBOX", "file_share")
    assert reply["uploads"] == [
        {
            "id": file["id"],
            "name": "week.png",
            "title": "The week",
            "mimetype": "image/png",
            "alt_txt": "A line that rises",
        }
    ]
    shared = web.files_info(file=file["id"])["file"]["shares"]["public"][GENERAL]
    assert [one["ts"] for one in shared] == [reply["ts"]]
    events = [one["payload"]["event"] for one in sandbox.log()["envelopes"]]
    assert [one.get("subtype", one["type"]) for one in events] == ["message", "file_share", "file_shared"]
    assert events[1]["files"][0]["id"] == events[2]["file_id"] == file["id"]


def test_the_bytes_come_back_to_the_bot_and_to_the_page_only(sandbox: SandboxClient, web: WebClient) -> None:
    file = upload(web, channel=GENERAL)
    private = file["url_private"]
    assert httpx.get(private, headers={"Authorization": f"Bearer {BOT_TOKEN}"}).content == png()
    assert httpx.get(private).status_code == 404
    shown = httpx.get(f"{sandbox.url}/_sandbox/files/{file['id']}")
    assert (shown.headers["content-type"], shown.content) == ("image/png", png())


def test_what_is_no_picture_is_never_shown_as_one(sandbox: SandboxClient, web: WebClient) -> None:
    page = web.files_upload_v2(content="<svg onload=alert(1)>", filename="a.svg", channel=GENERAL)["files"][0]
    shown = httpx.get(f"{sandbox.url}/_sandbox/files/{page['id']}")
    assert shown.headers["content-type"] == "application/octet-stream"
    assert shown.headers["content-disposition"] == "attachment"


def test_a_deleted_file_is_gone_from_its_message(sandbox: SandboxClient, web: WebClient) -> None:
    alone, told = upload(web, channel=GENERAL), upload(web, channel=GENERAL, initial_comment="See")
    web.files_delete(file=alone["id"])
    web.files_delete(file=told["id"])
    assert [(one["text"], one.get("files")) for one in sandbox.messages("general")] == [("See", None)]
    assert error_of(lambda: web.files_info(file=told["id"])) == "file_not_found"
    assert error_of(lambda: web.files_delete(file=told["id"])) == "file_not_found"


def test_each_step_is_checked(sandbox: SandboxClient, web: WebClient) -> None:
    asked = web.files_getUploadURLExternal(filename="a.png", length=10)
    unfinished = [{"id": asked["file_id"]}]
    assert error_of(lambda: web.files_completeUploadExternal(files=unfinished)) == "file_not_found"
    assert httpx.post(asked["upload_url"], content=b"123").status_code == 400
    assert httpx.post(asked["upload_url"] + "x", content=b"0123456789").status_code == 404
    assert httpx.post(asked["upload_url"], content=b"0123456789").text == "OK - 10"
    sandbox.channel("quiet", bot=False)
    there = {"files": unfinished, "channel_id": "C000QUIET"}
    assert error_of(lambda: web.files_completeUploadExternal(**there)) == "not_in_channel"
    nowhere = {"files": unfinished, "channel_id": GENERAL, "thread_ts": "1700000000.000100"}
    assert error_of(lambda: web.files_completeUploadExternal(**nowhere)) == "thread_not_found"
    assert error_of(lambda: web.files_getUploadURLExternal(filename="", length=1)) == "invalid_arguments"
    sandbox.scopes("chat:write")
    assert error_of(lambda: web.files_getUploadURLExternal(filename="a", length=1)) == "missing_scope"


@pytest.mark.skipif(not SPECS.is_dir(), reason=f"Slack's published shapes are not at {SPECS}")
def test_files_fit_the_samples(sandbox: SandboxClient, web: WebClient) -> None:
    asked = web.files_getUploadURLExternal(filename="a.png", length=len(png()))
    assert misfits(asked.data, sample("api/files.getUploadURLExternal")) == []
    httpx.post(asked["upload_url"], content=png())
    done = web.files_completeUploadExternal(files=[{"id": asked["file_id"], "title": "a"}], channel_id=GENERAL)
    file = {key: value for key, value in done["files"][0].items() if key != "shares"}  # a map by channel
    known = sample("events/MessageFileSharePayload")["event"]["files"][0]
    assert misfits(file, known) == []
