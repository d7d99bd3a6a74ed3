"""The manifest that is pasted into Slack: accepted by Slack's own schema, in both modes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from tests.clfadmin.conftest import Answer
from tests.conftest import REPOSITORY

SPECS = REPOSITORY.parent / "shared" / "slack-specs"
ADDRESS = "https://bot.example.org"
Manifest = Callable[..., dict[str, Any]]


@pytest.fixture
def manifest(command: Callable[..., Answer]) -> Manifest:
    """manifest("--http", ADDRESS) is what the command prints; it needs no settings at all."""

    def made(*arguments: str) -> dict[str, Any]:
        answer = command("slack", "manifest", *arguments)
        assert answer.code == 0, answer.err
        return answer.json

    return made


def schema_errors(document: dict[str, Any]) -> list[str]:
    files = [path for path in SPECS.glob("manifest.schema*.json") if path.is_file()]
    if not files:
        pytest.skip(f"Slack's manifest schema is not in {Path('..') / 'shared' / 'slack-specs'}")
    schemas = {path.name: json.loads(path.read_text()) for path in files}
    # The main file points at the others by URL; they lie beside it, so that nothing is fetched.
    resources = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas.values() if "$id" in schema]
    main = schemas["manifest.schema.json"]
    resources += [
        (url, Resource.from_contents(schema))
        for url in referenced(main)
        for name, schema in schemas.items()
        if url.endswith(name)
    ]
    validator = Draft7Validator(main, registry=Registry().with_resources(resources))
    return [error.message for error in validator.iter_errors(document)]


def referenced(schema: object) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"].partition("#")[0]] if isinstance(schema.get("$ref"), str) else []
        return [url for url in own if url] + [url for value in schema.values() for url in referenced(value)]
    if isinstance(schema, list):
        return [url for value in schema for url in referenced(value)]
    return []


def test_slacks_schema_accepts_the_manifest_of_both_modes(manifest: Manifest):
    assert schema_errors(manifest()) == []
    assert schema_errors(manifest("--http", ADDRESS)) == []


def test_slacks_schema_would_notice_a_wrong_manifest(manifest: Manifest):
    wrong = manifest()
    wrong["display_information"] = {"title": "Sentiment"}
    assert schema_errors(wrong)


def test_socket_mode_is_the_default_and_http_names_the_address(clfadmin: Callable[..., Answer], manifest: Manifest):
    assert clfadmin("slack", "manifest").json["settings"]["socket_mode_enabled"] is True
    settings = manifest("--http", ADDRESS)["settings"]
    assert settings["socket_mode_enabled"] is False
    assert settings["event_subscriptions"]["request_url"] == f"{ADDRESS}/slack/events"


def test_every_message_event_has_the_scope_to_read_its_history(manifest: Manifest):
    found = manifest()
    scopes = found["oauth_config"]["scopes"]["bot"]
    events = found["settings"]["event_subscriptions"]["bot_events"]
    kinds = [event.removeprefix("message.") for event in events if event.startswith("message.")]
    assert sorted(kinds) == ["channels", "groups", "im", "mpim"]
    assert {f"{kind}:history" for kind in kinds} <= set(scopes)


@pytest.mark.parametrize("address", ["http://bot.example.org", "bot.example.org", "https://"])
def test_an_address_slack_would_not_post_to_is_wrong_usage(command: Callable[..., Answer], address: str):
    answer = command("slack", "manifest", "--http", address)
    assert answer.code == 2
    assert "https://" in answer.err
