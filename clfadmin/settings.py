"""Every environment variable the operator's commands read."""

from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from classifier.errors import ClassifierError


class SettingsError(ClassifierError):
    """An environment variable holds what it can't mean."""


class Settings(BaseSettings):
    """CLF_HOME, CLF_REDIS_URL and so on; options on the command line win over them."""

    model_config = SettingsConfigDict(env_prefix="CLF_", env_ignore_empty=True, frozen=True)

    home: Path = Field(default_factory=lambda: user_data_path("clf", appauthor=False))
    redis_url: SecretStr | None = None
    prefix: str = Field(default="clf", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    runtime: Literal["auto", "onnx", "keras"] = "auto"
    threads: int | None = Field(default=None, ge=1, le=1024)
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class SlackTokens(BaseSettings):
    """Whether the operator brings a Slack of his own. The bot alone reads what they are."""

    model_config = SettingsConfigDict(env_prefix="SLACK_", env_ignore_empty=True, frozen=True)

    bot_token: SecretStr | None = None
    app_token: SecretStr | None = None
    signing_secret: SecretStr | None = None
    client_id: SecretStr | None = None

    @property
    def given(self) -> bool:
        """One is enough: with the others missing the bot says which, instead of a local Slack coming up unasked."""
        return any((self.bot_token, self.app_token, self.signing_secret, self.client_id))


def load(*, home: Path | None = None, redis_url: str | None = None, runtime: str | None = None) -> Settings:
    """The environment, with the options that were given. Raises SettingsError naming the variable, never its value."""
    given = {"home": home, "redis_url": SecretStr(redis_url) if redis_url else None, "runtime": runtime}
    try:
        settings = Settings.model_validate(
            {**Settings().model_dump(), **{name: value for name, value in given.items() if value is not None}}
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        variable = "CLF_" + "_".join(map(str, first["loc"])).upper()
        raise SettingsError(f"{variable} can't be used: {first['msg']}. Change or unset it.") from error
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})
