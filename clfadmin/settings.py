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


def load(*, home: Path | None = None, redis_url: str | None = None) -> Settings:
    """The environment, with the options that were given. Raises SettingsError naming the variable, never its value."""
    given = {"home": home, "redis_url": SecretStr(redis_url) if redis_url else None}
    try:
        settings = Settings.model_validate(
            {**Settings().model_dump(), **{name: value for name, value in given.items() if value is not None}}
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        variable = "CLF_" + "_".join(map(str, first["loc"])).upper()
        raise SettingsError(f"{variable} can't be used: {first['msg']}. Change or unset it.") from error
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})
