"""One workspace's installation: its token, when that ends, and who we are there; sealed for the store."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bot.identity import Identity
from bot.store import Store
from bot.vault import Locked, Vault


@dataclass(frozen=True)
class Installation:
    """`ends` in seconds since 1970, 0 for a token that has no end; `renewal` gets the next one, once."""

    me: Identity
    token: str = field(repr=False)
    renewal: str = field(default="", repr=False)
    ends: int = 0

    def sealed(self, vault: Vault) -> str:
        return vault.seal(self.me.team, asdict(self))

    @classmethod
    def unsealed(cls, vault: Vault, team: str, sealed: str) -> "Installation":
        """Raises Locked."""
        content = vault.open(team, sealed)
        return cls(Identity(**content["me"]), content["token"], content["renewal"], content["ends"])


def tokens_of(answer: dict[str, Any], now: float) -> dict[str, Any]:
    """Token, renewal and end, as fields of an Installation, from what `oauth.v2.access` answered."""
    lasts = int(answer.get("expires_in") or 0)
    return {
        "token": str(answer.get("access_token") or ""),
        "renewal": str(answer.get("refresh_token") or ""),
        "ends": int(now) + lasts if lasts else 0,
    }


def installations(store: Store, vault: Vault) -> Iterator[tuple[str, Installation | None]]:
    """Each workspace that has the app now, by its id; None where our key does not open it. Raises QueueError."""
    for team in store.teams():
        found = store.of(team).installs.read()
        if not found or not found.sealed:
            continue
        try:
            yield team, Installation.unsealed(vault, team, found.sealed)
        except Locked:
            yield team, None
