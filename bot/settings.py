"""The bot's settings: the one place that reads the environment.

Each field is the variable of the same name in capitals; the table in README.md is held against it by a test.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(Exception):
    """A setting is missing, contradicts another or makes no sense. One line that says what to set; no secret."""


class Mode(StrEnum):
    """How events reach us. PLUGIN: through a Bolt app of somebody else."""

    SOCKET = "socket"
    HTTP = "http"
    PLUGIN = "plugin"


class ReplyMode(StrEnum):
    """What people see by default. NONE: nothing; results are computed and counted all the same."""

    THREAD = "thread"
    REACTION = "reaction"
    EPHEMERAL = "ephemeral"
    NONE = "none"


class Unsure(StrEnum):
    SAY = "say"
    SILENT = "silent"


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
    slack_api_url: str = "https://slack.com/api/"
    clf_redis_url: SecretStr = SecretStr("")
    clf_prefix: str = Field(default="clf", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    clf_reply: ReplyMode = ReplyMode.THREAD
    clf_unsure: Unsure = Unsure.SAY
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
    def secrets(self) -> list[str]:
        """What must never be printed."""
        ours = (self.slack_bot_token, self.slack_app_token, self.slack_signing_secret, self.clf_redis_url)
        return [secret.get_secret_value() for secret in ours if secret.get_secret_value()]

    def mode(self) -> Mode:
        """Socket Mode where there is an app token, else signed HTTP. Raises SettingsError where neither can work."""
        _check_kind("SLACK_BOT_TOKEN", self.slack_bot_token, "xoxb-", "OAuth & Permissions, Bot User OAuth Token")
        if self.slack_client_id:
            raise SettingsError("SLACK_CLIENT_ID is set, but several workspaces are not supported yet. Unset it.")
        if self.slack_app_token.get_secret_value():
            _check_kind("SLACK_APP_TOKEN", self.slack_app_token, "xapp-", "Basic Information, App-Level Tokens")
            return Mode.SOCKET
        if not self.slack_signing_secret.get_secret_value():
            raise SettingsError(
                "Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set. Set the app token for Socket Mode, "
                "or the signing secret and CLF_HTTP_PORT for HTTP."
            )
        if self.clf_http_port is None:
            raise SettingsError("CLF_HTTP_PORT is not set. HTTP mode needs a port for POST /slack/events.")
        return Mode.HTTP


def _check_kind(name: str, secret: SecretStr, start: str, where: str) -> None:
    token = secret.get_secret_value()
    if not token:
        raise SettingsError(f"{name} is not set. It starts with {start} and stands in Slack's app settings: {where}.")
    if not token.startswith(start):
        raise SettingsError(
            f"{name} is the wrong kind of token: it must start with {start} (Slack's app settings: {where})."
        )
