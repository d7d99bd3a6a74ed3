"""`/upload/…` and `/files-pri/…`: where an app leaves the bytes of a file, and where they are read again."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from clfadmin.sandbox.sandbox import Sandbox
from clfadmin.sandbox.store import File

MAX_FILE_BYTES = 20_000_000
# What a browser may show as a picture. Known by its first bytes: a name can say anything.
PICTURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
BYTES = "application/octet-stream"


def kind_of(data: bytes) -> str:
    return next((kind for start, kind in PICTURES.items() if data.startswith(start)), BYTES)


def shown(file: File) -> Response:
    """Pictures are shown; everything else is handed over as bytes, whatever it claims to be."""
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
    if file.mimetype == BYTES:
        headers["Content-Disposition"] = "attachment"
    return Response(file.data, media_type=file.mimetype, headers=headers)


class Uploads:
    """The endpoints."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def _find(self, file_id: str) -> File | None:
        teams = (workspace.team for workspace in self.sandbox.workspaces.values())
        return next((team.files[file_id] for team in teams if file_id in team.files), None)

    async def take(self, request: Request) -> Response:
        """The bytes themselves, or a form with one file in it; the address is the only key, as at Slack."""
        file = self._find(request.path_params["file"])
        if file is None or file.secret != request.path_params["secret"]:
            return PlainTextResponse("not found", 404)
        if request.headers.get("content-type", "").startswith("multipart/"):
            return PlainTextResponse("send the bytes as they are", 415)
        data = await request.body()
        if not data or len(data) > MAX_FILE_BYTES or len(data) != file.size:
            return PlainTextResponse(f"{file.size} bytes were announced, {len(data)} came", 400)
        file.data, file.mimetype = data, kind_of(data)
        return PlainTextResponse(f"OK - {len(data)}")

    async def private(self, request: Request) -> Response:
        """`url_private`: for whoever has a token of that workspace."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        workspace = self.sandbox.workspace_of(token)
        file = workspace.team.files.get(request.path_params["file"]) if workspace else None
        return shown(file) if file and file.data else PlainTextResponse("not found", 404)

    async def page(self, request: Request) -> Response:
        """The same for the page, which has no token."""
        file = self._find(request.path_params["file"])
        return shown(file) if file and file.data else PlainTextResponse("not found", 404)
