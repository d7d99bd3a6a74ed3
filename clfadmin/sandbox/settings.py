"""The sandbox's settings: its secrets and where events go."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# Fixed, so that a bot can be pointed at a sandbox without looking anything up. They open nothing but this process.
DEFAULT_BOT_TOKEN = "xoxb-sandbox"  # noqa: S105 - a token of the sandbox, not of Slack
DEFAULT_APP_TOKEN = "xapp-sandbox"  # noqa: S105
SECRET_VARIABLE = "SANDBOX_SIGNING_SECRET"  # noqa: S105 - the name of a variable
DEFAULT_SIGNING_SECRET = "sandbox-signing-secret"  # noqa: S105
DEFAULT_CLIENT_ID = "1111111111.2222222222"
DEFAULT_CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105


@dataclass(frozen=True)
class Settings:
    """`events_url` empty means Socket Mode; otherwise events are posted there, signed."""

    bot_token: str = field(default=DEFAULT_BOT_TOKEN, repr=False)
    app_token: str = field(default=DEFAULT_APP_TOKEN, repr=False)
    signing_secret: str = field(default=DEFAULT_SIGNING_SECRET, repr=False)
    client_id: str = DEFAULT_CLIENT_ID
    client_secret: str = field(default=DEFAULT_CLIENT_SECRET, repr=False)
    events_url: str = ""

    @property
    def socket_mode(self) -> bool:
        return not self.events_url


def from_environment(
    environment: Mapping[str, str], *, events_url: str = "", secret_variable: str = SECRET_VARIABLE
) -> Settings:
    """Secrets come from the environment alone: arguments are visible to every user of the machine."""
    return Settings(
        bot_token=environment.get("SANDBOX_BOT_TOKEN") or DEFAULT_BOT_TOKEN,
        app_token=environment.get("SANDBOX_APP_TOKEN") or DEFAULT_APP_TOKEN,
        signing_secret=environment.get(secret_variable) or DEFAULT_SIGNING_SECRET,
        client_id=environment.get("SANDBOX_CLIENT_ID") or DEFAULT_CLIENT_ID,
        client_secret=environment.get("SANDBOX_CLIENT_SECRET") or DEFAULT_CLIENT_SECRET,
        events_url=events_url,
    )
