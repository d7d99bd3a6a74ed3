"""A sandbox for tests: started on a free port, driven through its control door."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from clfadmin.sandbox.server import listen, make_server
from clfadmin.sandbox.settings import Settings
from worker.jobs import message_id

BOT_TOKEN = "xoxb-sandbox"
APP_TOKEN = "xapp-sandbox"
SIGNING_SECRET = "sandbox-signing-secret"


@dataclass(frozen=True)
class SandboxClient:
    """The control door of one running sandbox."""

    url: str
    http: httpx.Client

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL should be."""
        return f"{self.url}/api/"

    def door(self, method: str, path: str, body: object = None) -> Any:
        """One call at the door; fails the test when it is refused."""
        response = self.http.request(method, f"{self.url}/_sandbox/{path}", json=body)
        assert response.status_code == 200, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def post(self, channel: str, user: str, text: str, thread_ts: str | None = None, **more: Any) -> str:
        """A person posts; the message's ts."""
        body = {"channel": channel, "user": user, "text": text, **more}
        return self.door("POST", "messages", body | ({"thread_ts": thread_ts} if thread_ts else {}))["ts"]

    def edit(self, channel: str, ts: str, text: str) -> None:
        self.door("PATCH", f"messages/{channel}/{ts}", {"text": text})

    def delete(self, channel: str, ts: str) -> None:
        self.door("DELETE", f"messages/{channel}/{ts}")

    def react(self, channel: str, ts: str, user: str, name: str) -> None:
        self.door("POST", "reactions", {"channel": channel, "ts": ts, "user": user, "name": name})

    def channel(self, name: str, **more: Any) -> str:
        """A new conversation; its id."""
        return self.door("POST", "channels", {"name": name, **more})["channel"]

    def messages(self, channel: str) -> list[dict[str, Any]]:
        """Everything in the channel, threads included, oldest first."""
        return self.door("GET", f"channels/{channel}/messages")

    def replies(self, channel: str, ts: str) -> list[dict[str, Any]]:
        """The replies in one thread, oldest first, whoever wrote them."""
        return [message for message in self.messages(channel) if message.get("thread_ts") == ts]

    def sees(self, user: str) -> dict[str, Any]:
        """That person's `ephemeral` messages, `views` (the one on top last) and `home`."""
        return self.door("GET", f"users/{user}/sees")

    def command(self, text: str, channel: str = "general", user: str = "ada", name: str = "/sentiment") -> Any:
        """A person types a command; what they see when the app has acknowledged it."""
        return self.door("POST", "commands", {"command": name, "text": text, "channel": channel, "user": user})

    def click(self, channel: str, ts: str, user: str, action_id: str, value: Any = None) -> Any:
        """A person uses something in a message: a button, or a menu with the value chosen."""
        where = {"channel": channel, "ts": ts}
        return self.door("POST", "actions", {**where, "user": user, "action_id": action_id, "value": value})

    def click_in(self, view: str, user: str, action_id: str, value: Any = None, **values: Any) -> Any:
        """The same in a window or App Home, with what stands in its inputs by then."""
        body = {"view": view, "user": user, "action_id": action_id, "value": value, "values": values}
        return self.door("POST", "actions", body)

    def shortcut(self, channel: str, ts: str, user: str, callback_id: str = "sentiment") -> Any:
        body = {"callback_id": callback_id, "channel": channel, "ts": ts, "user": user}
        return self.door("POST", "shortcuts", body)

    def submit(self, view: str, user: str, values: dict[str, Any] | None = None) -> Any:
        """Submit a window; `errors` in the answer say why it stays open."""
        return self.door("POST", f"views/{view}", {"user": user, "values": values or {}})

    def close_view(self, view: str, user: str, *, everything: bool = False) -> Any:
        return self.door("POST", f"views/{view}", {"user": user, "close": True, "all": everything})

    def home(self, user: str) -> Any:
        """Open App Home; the bot publishes a moment later."""
        return self.door("POST", "home", {"user": user})

    def state(self) -> dict[str, Any]:
        return self.door("GET", "state")

    def log(self) -> dict[str, Any]:
        return self.door("GET", "log")

    def counts(self) -> dict[str, int]:
        """The log's counts alone: cheap to ask for while thousands of messages are under way."""
        return self.door("GET", "log?last=0")["counts"]

    def calls(self, method: str) -> list[dict[str, Any]]:
        """The Web API calls of one method, oldest first."""
        return [call for call in self.log()["calls"] if call["method"] == method]

    def events(self, event_type: str = "message") -> list[dict[str, Any]]:
        """The inner events sent so far, each once however often it was delivered."""
        envelopes = self.log()["envelopes"]
        return [one["payload"]["event"] for one in envelopes if one["event_type"] == event_type]

    def fault(self, fault: str, **more: Any) -> dict[str, Any]:
        """`method`, `count`, `seconds`, `reason` as in the control door."""
        return self.door("POST", "faults", {"fault": fault, **more})

    def clear_faults(self) -> None:
        self.door("DELETE", "faults")

    def clock(self, speed: float) -> None:
        self.door("POST", "clock", {"speed": speed})

    def scopes(self, *names: str) -> None:
        self.door("POST", "scopes", {"bot": list(names)})

    def reset(self) -> None:
        self.door("POST", "reset")

    def duplicates(self) -> int:
        """How many of the bot's posts are one too many: a second for the same message.

        Which message a post is about stands in its metadata as `message`, those of a digest as `messages`; without that
        it is the thread's parent.
        """
        about: Counter[tuple[str, str]] = Counter()
        for channel in self.state()["channels"]:
            for post in self.messages(channel["id"]):
                payload = (post.get("metadata") or {}).get("event_payload", {}) if "bot_id" in post else {}
                for ts in str(payload.get("messages", "")).replace(",", " ").split():
                    about[channel["id"], message_id("T0SANDBOX", channel["id"], ts)] += 1
                if "bot_id" in post and "thread_ts" in post:
                    about[channel["id"], str(payload.get("message", post["thread_ts"]))] += 1
        return sum(count - 1 for count in about.values())


@contextmanager
def running_sandbox(*, tls: tuple[Path, Path] | None = None, **settings: str) -> Iterator[SandboxClient]:
    """A sandbox in a thread of its own; `settings` are those of clfadmin.sandbox.settings.Settings.

    With `tls`, certificate and key, it speaks nothing else.
    """
    listener = listen(0)
    url = f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}"
    ready = threading.Event()
    server = make_server(Settings(**settings), ready=ready.set)
    if tls:
        server.config.ssl_certfile, server.config.ssl_keyfile = map(str, tls)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), name="sandbox")
    thread.start()
    try:
        assert ready.wait(15), "the sandbox did not start"
        # Reading the system's certificates takes longer than most tests here; the door has none to check.
        with httpx.Client(timeout=30, verify=False) as http:
            yield SandboxClient(url, http)
    finally:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive(), "the sandbox did not stop"
