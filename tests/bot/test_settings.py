"""The bot's settings: each is read, and what is wrong is said in one line."""

import pytest

from bot.settings import LogFormat, LogLevel, Mode, ReplyMode, Settings, SettingsError, Unsure

SOCKET = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
HTTP = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s" * 32, "CLF_HTTP_PORT": "3000"}
SEVERAL = {"SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "s", "SLACK_SIGNING_SECRET": "s" * 32}
SEVERAL |= {"CLF_SECRET_KEY": "k", "CLF_HTTP_PORT": "3000"}


def load(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_the_defaults_are_those_of_the_documentation():
    settings = Settings.load()
    assert settings.slack_api_url == "https://slack.com/api/"
    assert (settings.clf_prefix, settings.clf_bind, settings.clf_http_port) == ("clf", "127.0.0.1", None)
    assert (settings.clf_reply, settings.clf_unsure) == (ReplyMode.THREAD, Unsure.SAY)
    assert (settings.clf_log_level, settings.clf_log_format) == (LogLevel.INFO, None)
    assert settings.clf_max_queue == 5_000


def test_every_setting_is_read_from_the_variable_of_its_name(monkeypatch: pytest.MonkeyPatch):
    values = {
        "SLACK_API_URL": "http://127.0.0.1:1/api/",
        "CLF_REDIS_URL": "redis://r",
        "CLF_PREFIX": "two",
        "CLF_REPLY": "Reaction",
        "CLF_UNSURE": "SILENT",
        "CLF_BIND": "::1",
        "CLF_MAX_QUEUE": "7",
        "CLF_LOG_LEVEL": "DEBUG",
        "CLF_LOG_FORMAT": "json",
    }
    settings = load(monkeypatch, SOCKET | {"CLF_HTTP_PORT": "1"} | values)
    assert settings.redis_url == "redis://r"
    assert settings.mode() is Mode.SOCKET
    assert (settings.slack_api_url, settings.clf_prefix) == ("http://127.0.0.1:1/api/", "two")
    assert (settings.clf_reply, settings.clf_unsure) == (ReplyMode.REACTION, Unsure.SILENT)
    assert (settings.clf_bind, settings.clf_http_port, settings.clf_max_queue) == ("::1", 1, 7)
    assert (settings.clf_log_level, settings.clf_log_format) == (LogLevel.DEBUG, LogFormat.JSON)


def test_an_app_token_means_socket_mode_even_with_a_signing_secret(monkeypatch: pytest.MonkeyPatch):
    assert load(monkeypatch, HTTP | SOCKET).mode() is Mode.SOCKET


def test_a_client_id_means_http_without_a_token_of_our_own(monkeypatch: pytest.MonkeyPatch):
    settings = load(monkeypatch, SEVERAL | {"CLF_WORKSPACES": "T1, T2"})
    assert (settings.mode(), settings.several) == (Mode.HTTP, True)
    assert settings.workspaces == {"T1", "T2"}
    assert {"s", "s" * 32, "k"} <= set(settings.secrets)


def test_a_signing_secret_and_a_port_mean_http(monkeypatch: pytest.MonkeyPatch):
    assert load(monkeypatch, HTTP).mode() is Mode.HTTP


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "SLACK_BOT_TOKEN is not set"),
        ({"SLACK_BOT_TOKEN": "xapp-1", "SLACK_APP_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN is the wrong kind of token"),
        ({"SLACK_BOT_TOKEN": "xoxp-1"}, "SLACK_BOT_TOKEN is the wrong kind of token"),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xoxb-1"}, "SLACK_APP_TOKEN is the wrong kind of token"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set"),
        ({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s"}, "CLF_HTTP_PORT is not set"),
        ({**SOCKET, "SLACK_CLIENT_ID": "1"}, "SLACK_CLIENT_ID is set together with a token"),
        ({"SLACK_CLIENT_ID": "1"}, "SLACK_CLIENT_SECRET is not: it stands beside the client id"),
        ({**SEVERAL, "SLACK_SIGNING_SECRET": ""}, "SLACK_SIGNING_SECRET is not"),
        (
            {**SEVERAL, "CLF_SECRET_KEY": ""},
            "CLF_SECRET_KEY is not: tokens are encrypted with it; make one",
        ),
        ({**SEVERAL, "CLF_HTTP_PORT": ""}, "CLF_HTTP_PORT is not set"),
    ],
)
def test_what_is_missing_or_contradicts_is_said(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], said: str):
    settings = load(monkeypatch, values)
    with pytest.raises(SettingsError, match=said):
        settings.mode()


def test_without_a_broker_the_line_names_both_ways_out():
    with pytest.raises(SettingsError, match=r"CLF_REDIS_URL is not set.*clfadmin up"):
        _ = Settings.load().redis_url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLF_REPLY", "shout"),
        ("CLF_UNSURE", "perhaps"),
        ("CLF_HTTP_PORT", "70000"),
        ("CLF_HTTP_PORT", "web"),
        ("CLF_MAX_QUEUE", "0"),
        ("CLF_WORKSPACES", "U1"),
        ("CLF_PREFIX", "a b{}"),
        ("CLF_LOG_LEVEL", "loud"),
    ],
)
def test_a_senseless_value_is_refused_in_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    with pytest.raises(SettingsError, match=rf"^{name}: [^\n]+\.$"):
        load(monkeypatch, {name: value})


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch):
    assert load(monkeypatch, {"CLF_HTTP_PORT": "", "CLF_REPLY": ""}).clf_http_port is None


def test_secrets_are_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch):
    values = HTTP | SOCKET | {"CLF_REDIS_URL": "redis://:hunter22@r"}
    settings = load(monkeypatch, values)
    for secret in ("xoxb-1", "xapp-1", "s" * 32, "hunter22"):
        assert secret not in repr(settings)
    assert sorted(settings.secrets) == sorted(["redis://:hunter22@r", "s" * 32, "xapp-1", "xoxb-1"])
