"""Every environment variable a worker reads."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from classifier.cpu import cores
from worker.stream import JOB_LEASE


class SettingsError(Exception):
    """An environment variable is missing or holds what it can't mean. One line, without the value."""


class Settings(BaseSettings):
    """What `python -m worker` starts from."""

    model_config = SettingsConfigDict(env_prefix="CLF_", env_ignore_empty=True, frozen=True)

    home: Path = Field(default_factory=lambda: user_data_path("clf", appauthor=False))
    redis_url: SecretStr
    prefix: str = Field(default="clf", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    runtime: Literal["auto", "onnx", "keras"] = "auto"
    threads: int | None = Field(default=None, ge=1, le=1024)
    # None: adjusted to this machine while it works, see worker.batches.
    token_budget: int | None = Field(default=None, ge=64, le=65_536)
    # Under a second a busy machine would lose leases it still works on.
    lease_seconds: float = Field(default=JOB_LEASE.total_seconds(), ge=1, le=3600)
    http_port: int | None = Field(default=None, ge=0, le=65_535)
    bind: str = "127.0.0.1"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] | None = None

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def cores(self) -> int:
        """Threads the model may use: CLF_THREADS, else the cores this process may run on."""
        return self.threads or cores()


def load() -> Settings:
    """The environment. Raises SettingsError naming the variable, never its value."""
    try:
        settings = Settings()  # pyright: ignore[reportCallIssue]  # the environment fills it
    except ValidationError as error:
        raise SettingsError(_explain(error)) from error
    return settings.model_copy(update={"home": settings.home.expanduser().absolute()})


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    variable = "CLF_" + "_".join(map(str, first["loc"])).upper()
    if first["type"] == "missing":
        return f"{variable} is not set. Example: {variable}=redis://127.0.0.1:6379/0, or start all with `clfadmin up`."
    return f"{variable} can't be used: {first['msg']}. Change or unset it."
