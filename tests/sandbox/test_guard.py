"""Nobody but this machine's own pages and programs gets in."""

import socket

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.sandbox.conftest import open_url
from tests.sandbox_client import SandboxClient

PATHS = ["/", "/_sandbox/state", "/api/api.test", "/page/style.css"]


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_host_is_refused_everywhere(sandbox: SandboxClient, path: str) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:8080", ""):
        assert sandbox.http.get(sandbox.url + path, headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("path", PATHS)
def test_a_foreign_origin_is_refused_everywhere(sandbox: SandboxClient, path: str) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"):
        assert sandbox.http.get(sandbox.url + path, headers={"Origin": origin}).status_code == 403


def test_its_own_page_is_let_in(sandbox: SandboxClient) -> None:
    port = sandbox.url.rpartition(":")[2]
    assert sandbox.http.get(f"{sandbox.url}/_sandbox/state", headers={"Origin": sandbox.url}).status_code == 200
    assert sandbox.http.get(f"http://localhost:{port}/_sandbox/state").status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_sockets_are_closed_to_foreign_pages(sandbox: SandboxClient, origin: str) -> None:
    for url in (open_url(sandbox), sandbox.url.replace("http", "ws") + "/_sandbox/live"):
        with pytest.raises(InvalidStatus):
            connect(url, origin=origin)  # type: ignore[arg-type]


def test_it_listens_on_the_loopback_address_only(sandbox: SandboxClient) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    outward = socket.gethostbyname(socket.gethostname())
    if outward.startswith("127."):
        outward = "127.0.0.2"  # Linux answers there too, where something listens on all addresses
    with pytest.raises(OSError), socket.create_connection((outward, port), timeout=2):  # noqa: PT011
        pass
