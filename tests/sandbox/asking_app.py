"""A Bolt app that is asked things: commands, clicks, shortcuts, windows. Keeps what it got."""

import logging
import re
from dataclasses import dataclass, field
from typing import Any

from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from tests.sandbox_client import BOT_TOKEN, SIGNING_SECRET, SandboxClient

MENU = {
    "type": "static_select",
    "action_id": "label",
    "placeholder": {"type": "plain_text", "text": "Set the label"},
    "options": [{"text": {"type": "plain_text", "text": name}, "value": name} for name in ("positive", "negative")],
}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def words(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def buttons(*names: str) -> dict[str, Any]:
    elements = [{"type": "button", "action_id": name, "text": plain(name), "value": f"{name}!"} for name in names]
    return {"type": "actions", "block_id": "buttons", "elements": elements}


def window(title: str, *blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain(title), "blocks": list(blocks) or [words(title)], **more}


def typing(block_id: str, **element: Any) -> dict[str, Any]:
    """An input for text."""
    asked = {"type": "plain_text_input", "action_id": "typed", **element}
    return {"type": "input", "block_id": block_id, "label": plain(block_id), "element": asked}


FORM = window("Settings", typing("why"), submit=plain("Save"), callback_id="form", notify_on_close=True)


@dataclass
class Asked:
    """`got`: every payload. `answers`: what the app acknowledges windows with, in turn, then with nothing."""

    app: App
    got: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)

    def last(self, kind: str) -> dict[str, Any]:
        return next(one for one in reversed(self.got) if one.get("type", "command") == kind)


def make_asked(sandbox: SandboxClient) -> Asked:
    client = WebClient(BOT_TOKEN, base_url=sandbox.api_url, retry_handlers=[])
    app = App(
        client=client,
        signing_secret=SIGNING_SECRET,
        process_before_response=True,
        logger=logging.getLogger("slack_bolt"),
    )
    asked = Asked(app)
    take_commands(asked, app)
    take_clicks(asked, app)
    take_windows(asked, app)
    return asked


def take_commands(asked: Asked, app: App) -> None:
    @app.command("/sentiment")
    def on_command(ack: Ack, respond: Respond, command: dict[str, Any], client: WebClient) -> None:
        asked.got.append(command)
        verb, _, rest = command["text"].partition(" ")
        if verb == "open":
            ack()
            client.views_open(trigger_id=command["trigger_id"], view=FORM)
        elif verb == "respond":
            ack()
            respond(text=rest, response_type="in_channel" if rest == "aloud" else "ephemeral")
        elif verb == "blocks":
            ack(text=rest, blocks=[words(rest, accessory=MENU), buttons("yes", "no")])
        elif verb != "silence":
            ack(f"you said {command['text']}")

    @app.shortcut("sentiment")
    def on_shortcut(ack: Ack, shortcut: dict[str, Any], client: WebClient) -> None:
        asked.got.append(shortcut)
        ack()
        client.views_open(trigger_id=shortcut["trigger_id"], view=window("Reading…"))


def take_clicks(asked: Asked, app: App) -> None:
    @app.action("replace")
    def on_replace(ack: Ack, body: dict[str, Any], respond: Respond) -> None:
        asked.got.append(body)
        ack()
        respond(text="replaced", replace_original=True)

    @app.action("delete")
    def on_delete(ack: Ack, body: dict[str, Any], respond: Respond) -> None:
        asked.got.append(body)
        ack()
        respond(delete_original=True)

    @app.action("deeper")
    def on_deeper(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        asked.got.append(body)
        ack()
        client.views_push(trigger_id=body["trigger_id"], view=window("Deeper", buttons("deeper")))

    @app.action(re.compile(".*"))
    def on_click(ack: Ack, body: dict[str, Any]) -> None:
        asked.got.append(body)
        ack()


def take_windows(asked: Asked, app: App) -> None:
    @app.view("form")
    def on_form(ack: Ack, body: dict[str, Any]) -> None:
        asked.got.append(body)
        ack(**(asked.answers.pop(0) if asked.answers else {}))

    @app.view_closed("form")
    def on_closed(ack: Ack, body: dict[str, Any]) -> None:
        asked.got.append(body)
        ack()

    @app.event("app_home_opened")
    def on_home(event: dict[str, Any], client: WebClient) -> None:
        asked.got.append(event)
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [buttons("refresh")]})
