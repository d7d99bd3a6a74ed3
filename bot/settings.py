"""The bot's settings: the one place that reads the environment.

Each field is the variable of the same name in capitals; the table in README.md is held against it by a test.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.choices import ReplyMode, Unsure

# How to make a CLF_SECRET_KEY.
NEW_KEY = "make one with `openssl rand -base64 32`"


class SettingsError(Exception):
    """A setting is missing, contradicts another or makes no sense. One line that says what to set; no secret."""


class Mode(StrEnum):
    """How events reach us. PLUGIN: through a Bolt app of somebody else."""

    SOCKET = "socket"
    HTTP = "http"
    PLUGIN = "plugin"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class Settings(BaseSettings):
    """Read with `load()`, which turns pydantic's errors into one line."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    slack_bot_token: SecretStr = SecretStr("")
    slack_app_token: SecretStr = SecretStr("")
    slack_signing_secret: SecretStr = SecretStr("")
    slack_client_id: str = ""
    slack_client_secret: SecretStr = SecretStr("")
    slack_api_url: str = "https://slack.com/api/"
    clf_redis_url: SecretStr = SecretStr("")
    clf_prefix: str = Field(default="clf", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    clf_secret_key: SecretStr = SecretStr("")
    clf_workspaces: str = Field(default="", pattern=r"^\s*(T[A-Z0-9]+\s*(,\s*T[A-Z0-9]+\s*)*)?$")
    clf_reply: ReplyMode = ReplyMode.THREAD
    clf_unsure: Unsure = Unsure.SAY
    clf_managers: str = Field(default="", pattern=r"^\s*([UW][A-Z0-9]+\s*(,\s*[UW][A-Z0-9]+\s*)*)?$")
    # Which labels an alert is about: names are free, so it cannot be told from a model.
    clf_alert_labels: str = "negative"
    clf_bind: str = "127.0.0.1"
    clf_http_port: int | None = Field(default=None, ge=0, le=65_535)
    # The longest job has 8,001 characters of four bytes: this many still fit into the embedded broker's 256 MB.
    clf_max_queue: int = Field(default=5_000, ge=1)
    clf_log_level: LogLevel = LogLevel.INFO
    clf_log_format: LogFormat | None = None  # text on a terminal, json elsewhere

    @field_validator("clf_reply", "clf_unsure", "clf_log_level", "clf_log_format", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @classmethod
    def load(cls) -> Self:
        """From the environment. Raises SettingsError."""
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            name = str(first["loc"][0]).upper() if first["loc"] else "Settings"
            raise SettingsError(f"{name}: {first['msg']}.") from None

    @property
    def redis_url(self) -> str:
        """Raises SettingsError when there is none: only `clfadmin up` brings a broker of its own."""
        url = self.clf_redis_url.get_secret_value()
        if not url:
            raise SettingsError(
                "CLF_REDIS_URL is not set. Point it at a Redis or Valkey, such as redis://127.0.0.1:6379, "
                "or start everything with `clfadmin up`."
            )
        return url

    @property
    def alert_labels(self) -> tuple[str, ...]:
        """The labels an alert is about."""
        return tuple(name.strip() for name in self.clf_alert_labels.split(",") if name.strip())

    @property
    def workspaces(self) -> frozenset[str]:
        """Ids of the workspaces that may install the app; empty: all."""
        return frozenset(name.strip() for name in self.clf_workspaces.split(",") if name.strip())

    @property
    def several(self) -> bool:
        """Whether workspaces install the app by OAuth, each with a token of its own."""
        return bool(self.slack_client_id)

    @property
    def managers(self) -> frozenset[str]:
        """User ids of those who may change every channel."""
        return frozenset(name.strip() for name in self.clf_managers.split(",") if name.strip())

    @property
    def secrets(self) -> list[str]:
        """What must never be printed."""
        ours = (
            self.slack_bot_token,
            self.slack_app_token,
            self.slack_signing_secret,
            self.slack_client_secret,
            self.clf_secret_key,
            self.clf_redis_url,
        )
        return [secret.get_secret_value() for secret in ours if secret.get_secret_value()]

    def mode(self) -> Mode:
        """Socket Mode where there is an app token, else signed HTTP. Raises SettingsError where neither can work."""
        if self.several:
            self._check_several()
            return Mode.HTTP
        _check_kind("SLACK_BOT_TOKEN", self.slack_bot_token, "xoxb-", "OAuth & Permissions, Bot User OAuth Token")
        if self.slack_app_token.get_secret_value():
            _check_kind("SLACK_APP_TOKEN", self.slack_app_token, "xapp-", "Basic Information, App-Level Tokens")
            return Mode.SOCKET
        if not self.slack_signing_secret.get_secret_value():
            raise SettingsError(
                "Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set. Set the app token for Socket Mode, "
                "or the signing secret and CLF_HTTP_PORT for HTTP."
            )
        self._check_port()
        return Mode.HTTP

    def _check_port(self) -> None:
        if self.clf_http_port is None:
            raise SettingsError("CLF_HTTP_PORT is not set. HTTP mode needs a port for POST /slack/events.")

    def _check_several(self) -> None:
        if self.slack_app_token.get_secret_value() or self.slack_bot_token.get_secret_value():
            raise SettingsError(
                "SLACK_CLIENT_ID is set together with a token. With it each workspace installs the app and brings its "
                "own: unset SLACK_BOT_TOKEN and SLACK_APP_TOKEN, or unset SLACK_CLIENT_ID to serve one workspace."
            )
        needed = {
            "SLACK_CLIENT_SECRET": (self.slack_client_secret, "it stands beside the client id in Slack's app settings"),
            "SLACK_SIGNING_SECRET": (self.slack_signing_secret, "it stands there too, and proves what Slack sends"),
            "CLF_SECRET_KEY": (self.clf_secret_key, f"tokens are encrypted with it; {NEW_KEY}"),
        }
        for name, (secret, why) in needed.items():
            if not secret.get_secret_value():
                raise SettingsError(f"SLACK_CLIENT_ID is set and {name} is not: {why}.")
        self._check_port()


def _check_kind(name: str, secret: SecretStr, start: str, where: str) -> None:
    token = secret.get_secret_value()
    if not token:
        raise SettingsError(f"{name} is not set. It starts with {start} and stands in Slack's app settings: {where}.")
    if not token.startswith(start):
        raise SettingsError(
            f"{name} is the wrong kind of token: it must start with {start} (Slack's app settings: {where})."
        )
