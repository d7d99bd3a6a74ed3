"""The manifest asks for exactly what the bot uses, and Slack's schema accepts it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from bot.manifest import manifest
from bot.scopes import EVENTS, NEEDED_SCOPES
from tests.conftest import REPOSITORY

SPECS = REPOSITORY.parent / "shared" / "slack-specs"
# Each method the bot may call with the scopes that allow it (docs.slack.dev, "Works with").
SCOPES_OF = {
    "auth.revoke": set[str](),
    "auth.test": set[str](),
    "apps.connections.open": set[str](),
    "bots.info": {"users:read"},
    "chat.postMessage": {"chat:write"},
    "chat.postEphemeral": {"chat:write"},
    "chat.delete": {"chat:write"},
    "chat.update": {"chat:write"},
    "files.completeUploadExternal": {"files:write"},
    "reactions.add": {"reactions:write"},
    "reactions.remove": {"reactions:write"},
    "conversations.history": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations.replies": {"channels:history", "groups:history", "im:history", "mpim:history"},
    "conversations.info": {"channels:read", "groups:read", "im:read", "mpim:read"},
    "users.conversations": {"channels:read", "groups:read", "im:read", "mpim:read"},
    "users.info": {"users:read"},
    "views.open": set[str](),
    "views.publish": set[str](),
    "views.update": set[str](),
}
SCOPES_OF_EVENT = {
    "app_home_opened": "",
    "app_mention": "app_mentions:read",
    "channel_left": "channels:read",
    "group_left": "groups:read",
    "member_joined_channel": "channels:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
}


def validator() -> Draft7Validator:
    """Slack's schema points to two others by address; both lie beside it, so nothing is fetched."""
    if not SPECS.is_dir():
        pytest.skip("no shared/slack-specs beside the repository")

    def load(name: str) -> dict[str, Any]:
        return json.loads((SPECS / name).read_text())

    registry: Registry[Any] = Registry()
    main = load("manifest.schema.json")
    for address in re.findall(r'"\$ref": *"([^"#]+)', json.dumps(main)):
        registry = registry.with_resource(address, Resource.from_contents(load(Path(address).name)))
    return Draft7Validator(main, registry=registry)


@pytest.mark.parametrize(
    ("url", "several"), [("", False), ("https://bot.example.com", False), ("https://bot.example.com", True)]
)
def test_slacks_schema_accepts_the_manifest(url: str, several: bool):
    errors = [error.message for error in validator().iter_errors(manifest(url, several=several))]
    assert errors == []


def test_slacks_schema_would_notice_a_mistake():
    broken = manifest() | {"settings": {"socket_mode_enabled": "perhaps"}}
    assert list(validator().iter_errors(broken))


def methods_in_the_code() -> set[str]:
    source = "\n".join(path.read_text() for path in (REPOSITORY / "bot").glob("*.py"))
    return set(
        re.findall(r'"((?:auth|apps|bots|chat|reactions|conversations|users|team|views|files)\.[a-zA-Z.]+)"', source)
    )


def test_the_scopes_are_those_of_the_methods_and_events_in_the_code():
    assert methods_in_the_code() == set(SCOPES_OF)
    needed = set().union(*SCOPES_OF.values()) | {SCOPES_OF_EVENT[event] for event in EVENTS}
    assert needed - {""} | {"commands"} == set(NEEDED_SCOPES)
    assert manifest()["oauth_config"] == {"scopes": {"bot": sorted(NEEDED_SCOPES)}}


def test_http_mode_names_the_address_and_turns_socket_mode_off():
    settings: Any = manifest("https://bot.example.com/")["settings"]
    assert settings["socket_mode_enabled"] is False
    assert settings["event_subscriptions"]["request_url"] == "https://bot.example.com/slack/events"
    assert settings["event_subscriptions"]["bot_events"] == sorted(EVENTS)
    assert settings["interactivity"]["request_url"] == settings["event_subscriptions"]["request_url"]
    features: Any = manifest("https://bot.example.com/")["features"]
    assert features["slash_commands"][0]["url"] == settings["event_subscriptions"]["request_url"]
    assert "request_url" not in json.dumps(manifest())


def test_for_several_workspaces_it_names_the_way_back_and_hears_of_removals():
    found: Any = manifest("https://bot.example.com/slack/events", several=True)
    assert found["oauth_config"]["redirect_urls"] == ["https://bot.example.com/slack/oauth_redirect"]
    assert found["settings"]["event_subscriptions"]["bot_events"] == sorted((*EVENTS, "app_uninstalled"))
    assert found["settings"]["token_rotation_enabled"] is True


def test_the_command_prints_it_and_needs_no_settings():
    command = [sys.executable, "-m", "bot", "--manifest", "--http", "https://bot.example.com"]
    done = subprocess.run(command, cwd=REPOSITORY, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == manifest("https://bot.example.com")
