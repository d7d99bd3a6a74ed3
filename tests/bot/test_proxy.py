"""Slack behind a company's proxy and CA: a name that only the proxy knows, a certificate only the CA vouches for."""

import base64
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.settings import Settings
from bot.slack_client import Slack, quiet_web_client
from bot.slack_errors import Failure, trouble
from tests.bot.conftest import Labeller, for_sandbox, running_bot
from tests.certificates import make_certificates
from tests.conftest import wait_until
from tests.sandbox_client import BOT_TOKEN, SandboxClient, running_sandbox

NAME = "slack.test"  # reserved by RFC 6761: no resolver knows it
API = f"https://{NAME}/api/"
pytestmark = pytest.mark.skipif(not shutil.which("openssl") and not os.environ.get("CI"), reason="openssl is missing")


@dataclass
class Proxy:
    """Takes CONNECT for NAME:443 to `target`, with user and password; remembers what it was asked for."""

    target: int
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    asked: list[str] = field(default_factory=list[str])
    refused: int = 0

    @property
    def url(self) -> str:
        return f"http://ada:secret%20word@127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.connect, args=[client], daemon=True).start()

    def connect(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            first, *headers = head.decode().split("\r\n")
            self.asked.append(first.split()[1])
            expected = base64.b64encode(b"ada:secret word").decode()
            if not any(line.lower().startswith("proxy-auth") and line.endswith(expected) for line in headers):
                self.refused += 1
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=carry, args=[server, client], daemon=True)
                back.start()
                carry(client, server)
                back.join(10)


def carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls"), NAME)


@pytest.fixture
def slack(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxClient]:
    # It answers its own machine alone; that is what NAME stands for here.
    monkeypatch.setattr("clfadmin.sandbox.guard.LOCAL_NAMES", {NAME, "127.0.0.1"})
    with running_sandbox(tls=(certificates / "cert.pem", certificates / "key.pem")) as sandbox:
        yield sandbox


@pytest.fixture
def proxy(slack: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    proxy = Proxy(int(slack.url.rpartition(":")[2]))
    threading.Thread(target=proxy.serve, daemon=True).start()
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    yield proxy
    proxy.listener.shutdown(socket.SHUT_RDWR)
    proxy.listener.close()


def test_a_message_is_answered_through_the_proxy_and_nothing_goes_another_way(
    slack: SandboxClient,
    proxy: Proxy,
    certificates: Path,
    settings: Settings,
    labeller: Labeller,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with running_bot(for_sandbox(settings, slack, slack_api_url=API)) as bot:
        wait_until(lambda: bot.tagger.link.connected, "the socket")
        ts = slack.post("general", "ada", "great")
        wait_until(lambda: slack.replies("general", ts), "the reply")
    assert set(proxy.asked) == {f"{NAME}:443"}
    assert proxy.refused == 0


def test_without_the_ca_nothing_is_sent_and_the_reason_is_the_certificate(slack: SandboxClient, proxy: Proxy):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever the library makes of it
        Slack(quiet_web_client(BOT_TOKEN, API)).call("auth.test")
    assert (trouble(raised.value).failure, trouble(raised.value).code) == (Failure.NOT_SENT, "SSLCertVerificationError")
    assert proxy.asked
    assert slack.calls("auth.test") == []


def test_a_proxy_that_refuses_us_is_no_answer_of_slacks(
    slack: SandboxClient, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("ada", "eve"))
    with pytest.raises(Exception) as raised:  # noqa: PT011
        Slack(quiet_web_client(BOT_TOKEN, API)).call("auth.test")
    assert trouble(raised.value).failure is Failure.NOT_SENT
    assert proxy.refused == 1


def test_what_no_proxy_names_is_reached_directly(
    slack: SandboxClient,
    proxy: Proxy,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """As a sandbox on this machine is, whatever the company's proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(Exception) as raised:  # noqa: PT011
        Slack(quiet_web_client(BOT_TOKEN, f"{slack.url}/api/")).call("auth.test")
    assert trouble(raised.value).code == "SSLCertVerificationError"
    assert proxy.asked == []
